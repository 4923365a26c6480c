// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// urlValue is the value of a flag that may be a presigned URL, whose query is a
// credential: it never refuses a word itself, because the flags would show it.
type urlValue struct {
	text  string
	times int // that it was given
}

func (v *urlValue) String() string { return "" }
func (v *urlValue) Type() string   { return "string" }

func (v *urlValue) Set(word string) error {
	v.text = strings.TrimSpace(word)
	v.times++
	return nil
}

// parse is the URL; what is its name in errors.
func (v *urlValue) parse(what string) (*url.URL, error) {
	if v.times > 1 {
		return nil, fmt.Errorf("%s was given %d times, and it can be given once: run it for one after the other", what, v.times)
	}
	return parseProbeURL(what, v.text)
}

// parseProbeURL is a URL that a browser can ask. No error shows the query of it, or
// a password in it.
func parseProbeURL(what, text string) (*url.URL, error) {
	scheme, rest, found := strings.Cut(text, "://")
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil, fmt.Errorf("%s is empty: name a URL, such as https://cdn.example.com", what)
	case strings.HasPrefix(text, "arn:"):
		return nil, fmt.Errorf("%s is an ARN: name the URL that the browser uses, such as https://BUCKET.s3.REGION.amazonaws.com", what)
	case !found && strings.Contains(text, "@"):
		return nil, fmt.Errorf("%s is no URL: it has to begin with https:// or http://", what)
	case !found:
		return nil, fmt.Errorf("%s has no scheme: write it as %s", what, withScheme(strings.TrimLeft(withoutQuery(text), "/")))
	case strings.EqualFold(scheme, "s3"):
		name, key, _ := strings.Cut(withoutQuery(rest), "/")
		return nil, fmt.Errorf("%s is %s, which the aws command understands: name the URL that the browser uses, such as https://%s.s3.REGION.amazonaws.com/%s",
			what, withoutQuery(text), cmp.Or(name, "BUCKET"), key)
	case !strings.EqualFold(scheme, "https") && !strings.EqualFold(scheme, "http"):
		return nil, fmt.Errorf("%s begins with %q: browsers reach buckets by https:// or http://", what, withoutQuery(scheme)+"://")
	case err != nil:
		// The text of the error would repeat the URL.
		return nil, fmt.Errorf("%s cannot be read as a URL: it is to be like https://cdn.example.com/logo.png", what)
	case u.User != nil:
		return nil, fmt.Errorf("%s holds a user name: leave it out, because browsers send none in a preflight", what)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%s names no host: it is to be like https://cdn.example.com", what)
	}
	u.Fragment, u.RawFragment = "", "" // nobody sends it
	return u, nil
}

// withScheme puts the usual scheme before an address that has none.
func withScheme(address string) string {
	origin, _ := sentOrigin(address)
	if strings.HasPrefix(origin, "http://") {
		return "http://" + address
	}
	return "https://" + address
}

// withoutQuery is a URL as it may be shown.
func withoutQuery(text string) string {
	before, _, found := strings.Cut(text, "?")
	if found {
		before += "?..."
	}
	return before
}

// concealer takes the query of a URL, and the values in it, out of texts that may
// have them.
func concealer(u *url.URL) *strings.Replacer {
	if u.RawQuery == "" {
		return strings.NewReplacer()
	}
	// Shorter ones are no secrets, and may well be words of the text.
	const shortest = 8
	var values []string
	for _, list := range u.Query() {
		for _, v := range list {
			if len(v) >= shortest {
				values = append(values, v, url.QueryEscape(v), url.PathEscape(v))
			}
		}
	}
	// The longest first: a value may begin with another.
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	pairs := []string{"?" + u.RawQuery, "?..."}
	for _, v := range slices.Compact(values) {
		pairs = append(pairs, v, "...")
	}
	return strings.NewReplacer(pairs...)
}
