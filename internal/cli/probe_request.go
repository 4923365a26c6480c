// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/net/http/httpguts"

	"github.com/bucketcors/bucketcors/internal/browser"
)

// probeRequest are the flags that describe the one request to ask about.
type probeRequest struct {
	origin, method string
	headers        []string
	credentials    bool
}

func (o *probeRequest) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	const once = "expectations of a policy ask about several"
	addSingle(cmd, &o.origin, "origin", "", "the `ORIGIN` of the page, such as https://app.example.com, in place of the expectations", once)
	addSingle(cmd, &o.method, "method", "", "the `METHOD` that the script wants to use, such as PUT", once)
	flags.StringArrayVar(&o.headers, "header", nil,
		"the `NAME` of a header that the script sets; may be repeated, or list several with commas")
	flags.BoolVar(&o.credentials, "credentials", false, "the script sends cookies along (credentials: \"include\")")
	complete(cmd, "origin", cobra.NoFileCompletions)
	complete(cmd, "header", cobra.NoFileCompletions)
	complete(cmd, "method", cobra.FixedCompletions(methods, cobra.ShellCompDirectiveNoFileComp))
}

// request is what the flags describe, with what is odd about it; nil where they
// describe none.
func (o *probeRequest) request(cmd *cobra.Command) (r *browser.Request, notes []string, err error) {
	given := cmd.Flags().Changed
	origin := strings.Trim(o.origin, " \t") // HTTP does not count these
	switch {
	case !slices.ContainsFunc([]string{"origin", "method", "header", "credentials"}, given):
		return nil, nil, nil
	case origin == "":
		return nil, nil, errors.New("which page asks? Name its origin with --origin, such as --origin https://app.example.com")
	case o.method == "":
		return nil, nil, errors.New("which method does the script use? Name it with --method, such as --method PUT")
	case !httpguts.ValidHeaderFieldName(o.method):
		return nil, nil, fmt.Errorf("--method %q is no method: name one, such as PUT", o.method)
	}
	if problem := unsentOrigin(origin); problem != "" {
		return nil, nil, fmt.Errorf("--origin: %s", printable(problem))
	}
	names, notes, err := requestedHeaders(o.headers)
	if err != nil {
		return nil, nil, err
	}
	// Browsers write those that they know in upper case themselves.
	if upper := strings.ToUpper(o.method); !slices.Contains(methods, upper) {
		notes = append(notes, methodNote(o.method))
	}
	notes = append(notes, headerNotes(names)...)
	return &browser.Request{Origin: origin, Method: o.method, Headers: names, Credentials: o.credentials}, notes, nil
}

// unsentOrigin says why no browser sends such an origin, without showing what may
// be the query of a presigned URL; empty where one may.
func unsentOrigin(origin string) string {
	address, _, query := strings.Cut(origin, "?")
	problem := originNote(address)
	if query && problem == "" {
		problem = "an origin has no query: a browser sends " + address
	}
	return problem
}

// describe says in a few words what is asked.
func describe(r browser.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s from %s", r.Method, r.Origin)
	if len(r.Headers) > 0 {
		const most = 4
		names := slices.Clone(r.Headers)
		if len(names) > most {
			names = append(names[:most], fmt.Sprintf("%d more", len(r.Headers)-most))
		}
		fmt.Fprintf(&b, " with %s", strings.Join(names, ", "))
	}
	if r.Credentials {
		b.WriteString(" and credentials")
	}
	return b.String()
}
