// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

// listing is one page of the buckets of an account.
func listing(token string, names ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets>`)
	for i, name := range names {
		fmt.Fprintf(&b, "<Bucket><Name>%s</Name>", name)
		if i == 0 {
			b.WriteString("<BucketRegion>eu-west-3</BucketRegion>")
		}
		b.WriteString("</Bucket>")
	}
	b.WriteString("</Buckets>")
	if token != "" {
		fmt.Fprintf(&b, "<ContinuationToken>%s</ContinuationToken>", token)
	}
	b.WriteString("</ListAllMyBucketsResult>")
	return b.String()
}

func TestBucketsAreListedPageByPage(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("continuation-token")
		asked = append(asked, token)
		if token == "" {
			fmt.Fprint(w, listing("more", "web-a", "web-b"))
			return
		}
		fmt.Fprint(w, listing("more", "web-c")) // a token that leads nowhere
	}))
	defer server.Close()
	found, err := New(Options{}).ListBuckets(t.Context(), at(server.URL))
	want := []bucket.Location{{Name: "web-a", Region: "eu-west-3"}, {Name: "web-b"}, {Name: "web-c", Region: "eu-west-3"}}
	if err != nil || !reflect.DeepEqual(found, want) || len(asked) != 2 {
		t.Errorf("%+v, %v, asked %q", found, err, asked)
	}
}

func TestAListWithoutAnEndEnds(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := "a"
		if r.URL.Query().Get("continuation-token") == next {
			next = "b"
		}
		fmt.Fprint(w, listing(next, "web"))
	}))
	defer server.Close()
	found, err := New(Options{}).ListBuckets(t.Context(), at(server.URL))
	if e := failureOf(t, err); len(found) > 0 || !strings.Contains(e.Message, "list the buckets at "+server.URL+": the answer has no end") {
		t.Errorf("%d buckets, %s", len(found), e.Message)
	}
}

func TestAListThatFailsNamesTheRightAndThePlace(t *testing.T) {
	for want, answer := range map[string]http.HandlerFunc{
		"access denied (AccessDenied): the credentials need s3:ListAllMyBuckets": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "<Error><Code>AccessDenied</Code></Error>")
		},
		"check the endpoint": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Console</html>") },
	} {
		server := httptest.NewServer(answer)
		found, err := New(Options{MaxAttempts: 1}).ListBuckets(t.Context(), at(server.URL))
		e := failureOf(t, err)
		if len(found) > 0 || !strings.HasPrefix(e.Message, "list the buckets at "+server.URL+": ") || !strings.Contains(e.Message, want) {
			t.Errorf("%v, %s", found, e.Message)
		}
		server.Close()
	}
	if _, err := New(Options{}).ListBuckets(t.Context(), bucket.Provider{Name: "p"}); failureOf(t, err).Reason != bucket.ProviderInvalid {
		t.Error(err)
	}
}
