// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// terms are what the headers of an answer say about CORS: what a browser would
// take from them, whatever the order of lists and the case of names.
type terms struct {
	origins                 []string // more than one where the header comes several times
	credentials             bool
	methods, headers, reads []string
	maxAge                  string
}

func termsOf(h http.Header) terms {
	t := terms{
		origins: h.Values("Access-Control-Allow-Origin"),
		methods: list(h, "Access-Control-Allow-Methods", strings.TrimSpace),
		headers: list(h, "Access-Control-Allow-Headers", strings.ToLower),
		reads:   list(h, "Access-Control-Expose-Headers", strings.ToLower),
		maxAge:  strings.TrimSpace(h.Get("Access-Control-Max-Age")),
	}
	// Beside "*" it means nothing, and no other value than this means anything.
	t.credentials = h.Get("Access-Control-Allow-Credentials") == "true" && !slices.Equal(t.origins, []string{"*"})
	return t
}

// list is the values of a header, each once and sorted.
func list(h http.Header, name string, form func(string) string) []string {
	var values []string
	for _, value := range h.Values(name) {
		for entry := range strings.SplitSeq(value, ",") {
			if entry = form(strings.TrimSpace(entry)); entry != "" {
				values = append(values, entry)
			}
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// origin is the one that is allowed; empty for none, and for several.
func (t terms) origin() string {
	if len(t.origins) != 1 {
		return ""
	}
	return t.origins[0]
}

// differences are what other says otherwise, each as a clause about other.
func (t terms) differences(other terms) []string {
	var found []string
	differ := func(header string, mine, its []string) {
		if slices.Equal(mine, its) {
			return
		}
		found = append(found, fmt.Sprintf("%s is %s, not %s", header, headerValue(its), headerValue(mine)))
	}
	flag := func(b bool) []string {
		if b {
			return []string{"true"}
		}
		return nil
	}
	differ("Access-Control-Allow-Origin", t.origins, other.origins)
	differ("Access-Control-Allow-Credentials", flag(t.credentials), flag(other.credentials))
	differ("Access-Control-Allow-Methods", t.methods, other.methods)
	differ("Access-Control-Allow-Headers", t.headers, other.headers)
	differ("Access-Control-Max-Age", strings.Fields(t.maxAge), strings.Fields(other.maxAge))
	return found
}

// same reports whether all is the same, also what only later answers are for.
func (t terms) same(other terms) bool {
	return len(t.differences(other)) == 0 && slices.Equal(t.reads, other.reads)
}

// headerValue writes the value of a header, or that there is none.
func headerValue(values []string) string {
	if len(values) == 0 {
		return "absent"
	}
	return strconv.Quote(clean(strings.Join(values, ", "), 120))
}

// predictedAnswer is the answer that a decision stands for.
func predictedAnswer(d cors.Decision) browser.Answer {
	h := http.Header{}
	for _, header := range d.Headers() {
		h.Add(header.Name, header.Value)
	}
	return browser.Answer{Status: d.Status, Header: h}
}

// gives reports whether a decision explains an answer to a preflight: the same
// terms and, for a refusal, what S3 says in its document.
func gives(d cors.Decision, r reply) bool {
	if r.err != nil || !termsOf(predictedAnswer(d).Header).same(termsOf(r.Header)) {
		return false
	}
	if d.Code == "" {
		return r.document.Code == "" && d.Status/100 == r.Status/100
	}
	return d.Status == r.Status && d.Code == r.document.Code &&
		(d.Message == "" || clean(d.Message, 400) == r.document.Message)
}

// statusText is an HTTP status with its name, if it has one.
func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}
