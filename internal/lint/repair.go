// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// repair is what is wrong with the way one value is written, all of it at once.
type repair struct {
	// check is the ID of the check that tells what matters most; empty where the
	// server refuses the value, which other checks tell.
	check    string
	severity Severity // empty for that of the check
	// problem completes a sentence that begins with the value; fix is advice,
	// and empty where edit says what to do.
	problem, fix string
	// mended says that the meaning is plain, and values are how to write it:
	// none for a value that has no meaning.
	mended bool
	values []string
	// edit is nil unless mended, and unless it would leave a list empty.
	edit *Edit
}

// repairAll finds the repairs of all values. Those of one list agree with one
// another: all together they write no value twice and leave no list empty.
func (s *subject) repairAll() {
	for i, r := range s.Rules {
		for _, field := range listFields {
			s.repairList(place{i, field, -1}, values(r, field))
		}
	}
}

func (s *subject) repairList(at place, list []string) {
	var broken []place
	var sound []string // the values that stay as they are
	for j, v := range list {
		at.index = j
		m, refused := s.refused[at]
		if refused && m.Reason == cors.NotXML {
			sound = append(sound, v)
			continue
		}
		r, found := repairValue(at.field, v, refused)
		if refused {
			r.check = ""
		}
		if !r.mended {
			sound = append(sound, v)
		}
		if found && (r.mended || !refused) {
			s.repairs[at] = r
			s.told[r.check] = append(s.told[r.check], at)
			broken = append(broken, at)
		}
	}
	if len(broken) == 0 {
		return
	}
	present := make(map[string]bool, len(list))
	for _, v := range sound {
		present[listKey(at.field, v)] = true
	}
	for _, at := range broken {
		r := s.repairs[at]
		if !r.mended {
			continue
		}
		r.edit = &Edit{Rule: at.rule, Field: at.field, Index: at.index}
		for _, v := range r.values {
			if !present[listKey(at.field, v)] {
				present[listKey(at.field, v)] = true
				r.edit.Values = append(r.edit.Values, v)
			}
		}
		r.fix = writeInstead(r.values, r.edit.Values)
		s.repairs[at] = r
	}
	if len(present) > 0 {
		return
	}
	for _, at := range broken { // nothing would be left
		r := s.repairs[at]
		r.edit, r.fix = nil, "write what is meant instead"
		if at.field == cors.FieldAllowedHeaders || at.field == cors.FieldExposeHeaders {
			r.fix = "remove the list"
		}
		s.repairs[at] = r
	}
}

// listKey is the same for values that a server does not tell apart.
func listKey(field cors.Field, v string) string {
	if field == cors.FieldAllowedHeaders || field == cors.FieldExposeHeaders {
		return lowerASCII(v)
	}
	return v
}

// writeInstead is advice to write values, of which the list has all but missing.
func writeInstead(values, missing []string) string {
	switch {
	case len(values) == 0:
		return "remove it"
	case len(missing) == 0 && len(values) == 1:
		return "remove it: " + quote(values[0]) + " is in the list as well"
	case len(missing) == 0:
		return "remove it: the list has each of them already"
	case len(missing) == 1:
		return "write " + quote(missing[0])
	case len(missing) > 3:
		return fmt.Sprintf("write each of the %d as a value of its own", len(missing))
	default:
		quoted := make([]string, len(missing))
		for i, v := range missing {
			quoted[i] = quote(v)
		}
		return "write " + strings.Join(quoted, " and ") + ", each as a value of its own"
	}
}

// repairValue is the repair of a value, if there is anything to mend.
func repairValue(field cors.Field, v string, refused bool) (repair, bool) {
	switch field {
	case cors.FieldAllowedOrigins:
		return repairOrigins(v)
	case cors.FieldAllowedMethods:
		if refused {
			return repairMethods(v)
		}
	case cors.FieldAllowedHeaders, cors.FieldExposeHeaders:
		return repairHeaders(v, field == cors.FieldAllowedHeaders)
	default:
	}
	return repair{}, false
}

// words are the values in a text: what is between commas and, if split by
// blanks, between those, each without blanks and quotes around.
func words(text string, blanks bool) []string {
	if text != "" && !strings.ContainsFunc(text, isPadding) && !strings.ContainsAny(text, ",;") {
		return []string{text}
	}
	var list []string
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return r == ',' || r == ';' || r == '\n' || r == '\r' || blanks && unicode.IsSpace(r)
	}) {
		if word := strings.TrimFunc(part, isPadding); word != "" {
			list = append(list, word)
		}
	}
	return list
}

// isPadding reports whether r is a blank, a quote or nothing visible at all,
// such as what comes along when text is copied from a page.
func isPadding(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`"'“”‘’`, r)
}

// padded is the repair of a value that is not the one word it should be, for
// values that are origins or headers. The words are not looked at yet.
func padded(v string, list []string, kind string) repair {
	r := repair{check: idPadding}
	switch {
	case v == "":
		r.problem, r.mended, r.fix = "is empty", true, "remove it"
	case len(list) == 0:
		r.problem, r.mended, r.fix = "has no "+kind+" in it", true, "remove it"
	case len(list) > 1:
		r.problem, r.fix = fmt.Sprintf("holds %d %ss in one value", len(list), kind), "write each as a value of its own"
	case strings.ContainsFunc(v, unicode.IsSpace):
		r.problem, r.fix = "has blanks around the "+kind, "remove them"
	default:
		r.problem, r.fix = "has quotes or invisible characters around the "+kind, "remove them"
	}
	return r
}

// repairMethods mends what is no method: lower case, blanks, several in one, and
// OPTIONS, which goes without saying.
func repairMethods(v string) (repair, bool) {
	r := repair{}
	for _, word := range words(v, true) {
		switch method := strings.ToUpper(word); method {
		case "GET", "PUT", "POST", "DELETE", "HEAD":
			r.values = append(r.values, method)
		case "OPTIONS":
		default:
			return repair{}, false
		}
		r.mended = true
	}
	return r, r.mended
}

// repairHeaders mends a value of a list of headers.
func repairHeaders(v string, allowed bool) (repair, bool) {
	list := words(v, false)
	valid := true
	for _, name := range list {
		if _, bad := notToken(name); bad || strings.Count(name, "*") > 1 || !allowed && strings.Contains(name, "*") {
			valid = false
		}
	}
	switch {
	case len(list) == 1 && list[0] == v && valid:
		return repair{}, false
	case len(list) == 1 && list[0] == v, !valid && !strings.ContainsAny(v, ",;"):
		bad, found := notToken(list[0])
		return repair{
			check:   idCharacter,
			problem: fmt.Sprintf("has the character %q, which is in no header name", bad),
			fix:     "write the name of the header and nothing else",
		}, found
	}
	r := padded(v, list, "header")
	if valid {
		r.mended, r.values = true, list
	}
	return r, true
}

// repairOrigins mends a value of allowedOrigins. It never writes an origin that
// lets everybody in, even if that is what seems to be meant.
func repairOrigins(v string) (repair, bool) {
	list := words(v, true)
	if len(list) == 1 && list[0] == v {
		return repairOrigin(v)
	}
	r := padded(v, list, "origin")
	for _, word := range list {
		mended, broken := repairOrigin(word)
		switch {
		case broken && mended.mended:
			r.values = append(r.values, mended.values...)
		case !parseOrigin(word).ok || letsEverybodyIn(word):
			r.values = nil
			return r, true
		default:
			r.values = append(r.values, word)
		}
	}
	r.mended = true
	return r, true
}

func letsEverybodyIn(origin string) bool {
	return origin == "null" || parseOrigin(origin).anySite()
}

// repairOrigin mends an origin that has no blanks and no commas.
func repairOrigin(v string) (repair, bool) {
	if o := parseOrigin(v); o.ok && plausiblePort(o.port) {
		if o.scheme == "" && v != "*" && v != "null" {
			return repair{
				check: idScheme, severity: Warning,
				problem: `has a "*" in place of the scheme, and matches over http too`,
				fix:     "write https:// before it",
			}, true
		}
		return repair{}, false
	}
	lower := lowerASCII(v)
	if lower == "null" {
		return repair{check: idCase, problem: `is not what browsers send, which is "null"`, fix: "remove it, or write it in lower case"}, true
	}
	o := parseOrigin(lower)
	if validScheme(o.scheme) && !slices.Contains([]string{"http", "https"}, o.scheme) && !strings.Contains(o.scheme, "*") {
		return repairAppOrigin(v, o.scheme)
	}
	host, ascii := asciiHost(o.host)
	r := repair{}
	switch {
	case o.scheme == "" && !strings.HasPrefix(lower, "*"):
		return withoutScheme(o), true
	case !ascii:
		r.check, r.problem = idCase, "has letters outside ASCII"
		r.fix = "write the host the way it is in DNS, in punycode"
	case o.userinfo != "":
		r.check, r.problem, r.fix = idPath, "has a user name", "write scheme, host and port only"
	case joinOrigin(o.scheme, o.host, o.port)+o.rest != lower, strings.HasPrefix(o.rest, "//"):
		return notAnOrigin(o), true
	default:
		port := o.port
		if o.defaultPort() {
			port = ""
		}
		mended := joinOrigin(o.scheme, host, port)
		if p := parseOrigin(mended); !p.ok || !plausiblePort(port) {
			return notAnOrigin(o), true
		}
		r.check, r.problem, r.fix = mainProblem(o, v)
		if !letsEverybodyIn(mended) {
			r.mended, r.values = true, []string{mended}
		}
	}
	return r, true
}

// mainProblem is what to tell of an origin that can be mended.
func mainProblem(o origin, v string) (check, problem, fix string) {
	switch {
	case o.rest == "/":
		return idSlash, "ends with a slash", "remove the slash"
	case o.rest != "":
		return idPath, "has " + quote(o.rest) + " after the host", "write scheme, host and port only"
	case o.defaultPort():
		return idPort, "names the default port of " + o.scheme, "remove the port"
	case strings.ContainsFunc(v, func(r rune) bool { return r >= utf8.RuneSelf }):
		return idCase, "has letters outside ASCII", "write the host in punycode"
	case lowerASCII(v) != v:
		return idCase, "has letters in upper case", "write it in lower case"
	default:
		return idCase, "has an IPv6 address that is not in its short form", "write it in its short form"
	}
}

// withoutScheme is about an origin that has no scheme and no "*" for one.
func withoutScheme(o origin) repair {
	if o.host == "" || o.host == "http" || o.host == "https" {
		return notAnOrigin(o)
	}
	r := repair{check: idScheme, problem: "has no scheme", fix: "write https:// before it"}
	scheme := "https"
	if o.loopback() {
		scheme = "http"
	}
	if whole := joinOrigin(scheme, o.host, o.port); parseOrigin(whole).ok {
		r.fix = "write " + quote(whole)
	}
	return r
}

// notAnOrigin is about text that nothing can be made of.
func notAnOrigin(o origin) repair {
	r := repair{check: idMalformed, problem: "is not an origin", fix: `write scheme, host and port, as in "https://app.example.com:8443"`}
	switch {
	case o.scheme == "":
	case o.host == "":
		r.problem = "has no host"
	case !plausiblePort(o.port) || o.port != "" && !validPort(o.port):
		r.problem = "has the port " + quote(o.port) + ", which is none"
	}
	return r
}

// repairAppOrigin mends the origin of an app or extension, such as
// "capacitor://localhost". Of those only is known that there is no path, and
// that the scheme is in lower case.
func repairAppOrigin(v, scheme string) (repair, bool) {
	_, authority, _ := strings.Cut(v, "://")
	rest := ""
	if i := strings.IndexAny(authority, "/?#"); i >= 0 {
		authority, rest = authority[:i], authority[i:]
	}
	mended := scheme + "://" + authority
	if mended == v {
		return repair{}, false
	}
	r := repair{}
	r.check, r.problem, r.fix = mainProblem(origin{scheme: scheme, rest: rest}, v)
	if authority != "" && authority != "*" && !strings.HasPrefix(rest, "//") {
		r.mended, r.values = true, []string{mended}
	}
	return r, true
}

// joinOrigin is what parseOrigin takes apart.
func joinOrigin(scheme, host, port string) string {
	if scheme != "" {
		scheme += "://"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		port = ":" + port
	}
	return scheme + host + port
}

// plausiblePort reports whether a port is one that browsers write, or a pattern.
func plausiblePort(port string) bool {
	return strings.Contains(port, "*") || len(port) < 5 && !strings.HasPrefix(port, "0") || len(port) == 5 && port <= "65535" && port[0] != '0'
}

// browserHost is what browsers do to the host of a URL, see
// https://url.spec.whatwg.org/#concept-domain-to-ascii.
var browserHost = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false))

// maxHost bounds the effort for a host; the longest in DNS has 253 characters.
const maxHost = 512

// asciiHost is a host in lower case as browsers write it, and whether that is
// possible. Only whole labels can be converted, not those with a "*".
func asciiHost(host string) (string, bool) {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() && !ip.Is4In6() && ip.Zone() == "" {
		return ip.String(), true
	}
	if !strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return host, true
	}
	if len(host) > maxHost {
		return host, false
	}
	labels := strings.Split(host, ".")
	for i, label := range labels {
		if !strings.ContainsFunc(label, func(r rune) bool { return r >= utf8.RuneSelf }) {
			continue
		}
		ascii, err := browserHost.ToASCII(label)
		if err != nil || strings.Contains(label, "*") || !validHost(ascii) {
			return host, false
		}
		labels[i] = ascii
	}
	return strings.Join(labels, "."), true
}

// notToken finds the first character of s that cannot be in a header name, a
// token of RFC 9110, section 5.6.2; there is none in the empty string.
func notToken(s string) (bad rune, found bool) {
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9':
		case r < utf8.RuneSelf && strings.ContainsRune("!#$%&'*+-.^_`|~", r):
		default:
			return r, true
		}
	}
	return 0, false
}

// lowerASCII is s with A to Z in lower case and everything else as it is.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
