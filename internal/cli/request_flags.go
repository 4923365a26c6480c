// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/idna"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// requestOptions are the flags that describe what a script wants to do.
type requestOptions struct {
	origin, method string
	headers        []string
	actual         bool
	resource       choice
}

// requestFlags are their names.
var requestFlags = []string{"origin", "method", "header", "actual", "resource"}

// methods are those that a rule can allow.
var methods = []string{"GET", "HEAD", "PUT", "POST", "DELETE"}

func (o *requestOptions) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.origin, "origin", "", "the `ORIGIN` of the page, such as https://app.example.com")
	flags.StringVar(&o.method, "method", "", "the `METHOD` that the script wants to use, such as PUT")
	flags.StringArrayVar(&o.headers, "header", nil,
		"the `NAME` of a header that the script sets; may be repeated, or list several with commas")
	flags.BoolVar(&o.actual, "actual", false, "ask for the answer to the request itself, not to its preflight")
	o.resource = choice{what: "resource", value: "object", known: []string{"object", "bucket"}}
	addChoice(cmd, &o.resource, o.resource.known, "resource", "", "what the URL names")
	complete(cmd, "origin", cobra.NoFileCompletions)
	complete(cmd, "header", cobra.NoFileCompletions)
	complete(cmd, "method", cobra.FixedCompletions(methods, cobra.ShellCompDirectiveNoFileComp))
}

// request is what a browser would send, and what is to be said about it.
func (o *requestOptions) request(cmd *cobra.Command) (r cors.Request, notes []string, err error) {
	switch {
	case o.method == "":
		return r, nil, errors.New("which method does the script use? Name it with --method, such as --method PUT")
	case !httpguts.ValidHeaderFieldName(o.method):
		return r, nil, fmt.Errorf("--method %q is no method: name one, such as PUT", o.method)
	case o.origin == "" && !cmd.Flags().Changed("origin"):
		return r, nil, errors.New("which page asks? Name its origin with --origin, such as --origin https://app.example.com")
	}
	names, notes, err := requestedHeaders(o.headers)
	if err != nil {
		return r, nil, err
	}
	if n := methodNote(o.method); n != "" {
		notes = append(notes, n)
	}
	if n := originNote(o.origin); n != "" {
		notes = append(notes, n)
	}

	resource := cors.Object
	if o.resource.value == "bucket" {
		resource = cors.Bucket
	}
	header := map[string][]string{}
	if o.origin != "" {
		header["Origin"] = []string{o.origin}
	}
	if o.actual {
		if len(names) > 0 {
			notes = append(notes, "S3 looks at headers in preflights only: --header makes no difference with --actual")
		}
		r, err = cors.NewRequest(o.method, resource, header)
		return r, notes, err
	}
	header["Access-Control-Request-Method"] = []string{o.method}
	if len(names) > 0 {
		header["Access-Control-Request-Headers"] = []string{strings.Join(names, ",")}
	}
	r, err = cors.NewRequest("OPTIONS", resource, header)
	return r, notes, err
}

// requestedHeaders are the names as a browser lists them in
// Access-Control-Request-Headers: in lower case, each once, sorted.
// See https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names.
func requestedHeaders(flags []string) (names, notes []string, err error) {
	for _, flag := range flags {
		list := strings.Split(flag, ",")
		if name, value, found := strings.Cut(flag, ":"); found {
			// As copied from a browser's tools or from curl.
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			list = []string{name}
			if safelisted(name, value) {
				notes = append(notes, fmt.Sprintf("a browser does not ask for %q in a preflight: it is left out", name+": "+value))
				continue
			}
		}
		for _, name := range list {
			name = strings.TrimSpace(name)
			if name == "" {
				return nil, nil, fmt.Errorf("--header %q: the name of a header is missing", flag)
			}
			if i := strings.IndexFunc(name, func(r rune) bool { return !httpguts.IsTokenRune(r) }); i >= 0 {
				bad := []rune(name[i:])[0]
				return nil, nil, fmt.Errorf("--header %q: no name of a header has %q in it; write names, as in --header content-type,x-amz-acl", flag, bad)
			}
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), notes, nil
}

// safelisted reports whether browsers send the header without asking first.
// See https://fetch.spec.whatwg.org/#cors-safelisted-request-header; a value
// that is too long or odd, and Range, are left to the user.
func safelisted(name, value string) bool {
	switch strings.ToLower(name) {
	case "accept", "accept-language", "content-language":
		return true
	case "content-type":
		essence, _, _ := strings.Cut(strings.ToLower(value), ";")
		return slices.Contains([]string{"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}, strings.TrimSpace(essence))
	default:
		return false
	}
}

// methodNote says what is odd about a method; empty for nothing.
func methodNote(method string) string {
	upper := strings.ToUpper(method)
	switch {
	case slices.Contains(methods, method):
		return ""
	case slices.Contains(methods, upper):
		return fmt.Sprintf("S3 compares methods with regard to case, and browsers send %s: did you mean --method %[1]s?", upper)
	case upper == "OPTIONS":
		return "a preflight is asked about anyway: --method is what the script wants to do after it"
	default:
		return fmt.Sprintf("no rule of S3 can allow %s: rules know %s", method, enumerate(methods, "and"))
	}
}

// originNote says why no browser sends such an origin; empty where one may.
func originNote(origin string) string {
	if origin == "" || origin == "null" || strings.Contains(origin, "*") && origin != "*" {
		if strings.Contains(origin, "*") {
			return fmt.Sprintf(`an origin that a browser sends has no "*": name one that %s stands for`, origin)
		}
		return ""
	}
	if !strings.Contains(origin, "://") {
		return fmt.Sprintf("an origin that a browser sends has a scheme, as in https://%s", strings.Trim(origin, "*/"))
	}
	if sent := serialized(origin); sent != "" && sent != origin {
		return fmt.Sprintf("a browser sends the origin %s, and never %s", sent, origin)
	}
	return ""
}

// serialized is the origin of a URL as browsers send it; empty for what is no
// URL. See https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin.
func serialized(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	host, err := idna.Lookup.ToASCII(strings.ToLower(u.Hostname()))
	if err != nil {
		host = strings.ToLower(u.Hostname()) // an underscore, for example
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && (u.Scheme != "https" || port != "443") && (u.Scheme != "http" || port != "80") {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}
