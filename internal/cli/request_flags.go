// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/net/http/httpguts"

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
	const once = "--requests asks about several"
	addSingle(cmd, &o.origin, "origin", "", "the `ORIGIN` of the page, such as https://app.example.com", once)
	addSingle(cmd, &o.method, "method", "", "the `METHOD` that the script wants to use, such as PUT", once)
	flags.StringArrayVar(&o.headers, "header", nil,
		"the `NAME` of a header that the script sets; may be repeated, or list several with commas")
	flags.BoolVar(&o.actual, "actual", false, "ask for the answer to the request itself, not to its preflight")
	o.resource = choice{what: "resource", value: "object", known: []string{"object", "bucket"}}
	addChoice(cmd, &o.resource, o.resource.known, "resource", "", "what the URL names")
	complete(cmd, "origin", cobra.NoFileCompletions)
	complete(cmd, "header", cobra.NoFileCompletions)
	complete(cmd, "method", cobra.FixedCompletions(methods, cobra.ShellCompDirectiveNoFileComp))
}

// asked is a request as the flags describe it.
type asked struct {
	cors.Request
	// notes say what is odd about it.
	notes []string
	// unsent reports whether no browser sends it.
	unsent bool
	// neverSent are the origin and the headers that no browser sends: no rule has
	// to allow them.
	neverSent map[string]bool
}

// note adds what is to be said about the request, if there is something.
func (a *asked) note(text string) (noted bool) {
	if text == "" {
		return false
	}
	a.notes = append(a.notes, printable(text))
	return true
}

// request is what a browser would send.
func (o *requestOptions) request(cmd *cobra.Command) (a asked, err error) {
	switch {
	case o.method == "":
		return a, errors.New("which method does the script use? Name it with --method, such as --method PUT")
	case !httpguts.ValidHeaderFieldName(o.method):
		return a, fmt.Errorf("--method %q is no method: name one, such as PUT", o.method)
	case o.origin == "" && !cmd.Flags().Changed("origin"):
		return a, errors.New("which page asks? Name its origin with --origin, such as --origin https://app.example.com")
	}
	a.neverSent = map[string]bool{}
	names, notes, err := requestedHeaders(o.headers)
	if err != nil {
		return a, err
	}
	a.notes = notes
	a.note(methodNote(o.method))
	// See https://fetch.spec.whatwg.org/#concept-method-normalize.
	upper := strings.ToUpper(o.method)
	a.unsent = upper != o.method && slices.Contains(methods, upper)
	origin := strings.Trim(o.origin, " \t") // HTTP does not count these
	if a.note(originNote(origin)) {
		a.unsent, a.neverSent[origin] = true, true
	}

	resource := cors.Object
	if o.resource.value == "bucket" {
		resource = cors.Bucket
	}
	header := map[string][]string{}
	if o.origin != "" {
		header["Origin"] = []string{o.origin}
	}
	method := o.method
	if o.actual {
		if len(names) > 0 {
			a.note("S3 looks at headers in preflights only: --header makes no difference with --actual")
		}
	} else {
		method = "OPTIONS"
		header["Access-Control-Request-Method"] = []string{o.method}
		if len(names) > 0 {
			header["Access-Control-Request-Headers"] = []string{strings.Join(names, ",")}
		}
		for _, n := range headerNotes(names) {
			a.note(n)
		}
		for _, name := range names {
			if forbidden(name) {
				a.unsent, a.neverSent[name] = true, true
			}
		}
	}
	a.Request, err = cors.NewRequest(method, resource, header)
	return a, err
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
			if lower := strings.ToLower(name); safelisted(lower, value) || forbidden(lower) {
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
