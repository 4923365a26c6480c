// SPDX-License-Identifier: Apache-2.0

package browser_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/cors"
)

func TestClientsGetThroughByTheRulesTheyNeed(t *testing.T) {
	origins := names{app}
	for _, test := range []struct {
		name   string
		client browser.Client
		rule   cors.Rule
		fails  string // the name of the first request that does not get through
	}{
		{"an upload", browser.PresignedUpload, rule("", origins, names{"PUT"}, names{"content-type"}, nil), ""},
		{"an upload for everybody", browser.PresignedUpload, rule("", names{"*"}, names{"PUT"}, names{"*"}, nil), ""},
		{"an upload without its type", browser.PresignedUpload, rule("", origins, names{"PUT"}, nil, nil), "PutObject"},
		{"an upload in parts", browser.MultipartUpload, rule("", origins, names{"PUT", "POST", "DELETE"}, nil, names{"ETag"}), ""},
		{"an upload in parts that cannot begin", browser.MultipartUpload, rule("", origins, names{"PUT", "DELETE"}, nil, names{"ETag"}), "CreateMultipartUpload"},
		{"an upload in parts without ETag", browser.MultipartUpload, rule("", origins, names{"PUT", "POST", "DELETE"}, names{"*"}, nil), "UploadPart"},
		{"an upload in parts that nobody can abort", browser.MultipartUpload, rule("", origins, names{"PUT", "POST"}, nil, names{"ETag"}), "AbortMultipartUpload"},
		{"ranges", browser.RangeReader, rule("", names{"*"}, names{"GET", "HEAD"}, nil, names{"content-range", "accept-ranges", "etag"}), ""},
		{"ranges that nobody can place", browser.RangeReader, rule("", names{"*"}, names{"GET", "HEAD"}, nil, names{"Accept-Ranges", "ETag"}), "GetObject"},
		{"ranges without HEAD", browser.RangeReader, rule("", names{"*"}, names{"GET"}, nil, names{"Content-Range", "Accept-Ranges", "ETag"}), "HeadObject"},
		{"the SDK", browser.SDKBrowser, rule("", origins, names{"GET", "PUT"}, names{"authorization", "content-type", "x-amz-*", "amz-sdk-*"}, nil), ""},
		{"the SDK for everybody", browser.SDKBrowser, rule("", names{"*"}, names{"GET", "PUT"}, names{"*"}, nil), ""},
		{"the SDK without what it tells of itself", browser.SDKBrowser, rule("", origins, names{"GET", "PUT"}, names{"authorization", "content-type", "x-amz-*"}, nil), "GetObject"},
		{"the SDK without types", browser.SDKBrowser, rule("", origins, names{"GET", "PUT"}, names{"authorization", "x-amz-*", "amz-sdk-*"}, nil), "PutObject"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := compile(t, cors.AWS, test.rule)
			for _, r := range test.client.Requests(app) {
				if v := browser.Try(p, r); !v.Allowed {
					if r.Name != test.fails {
						t.Errorf("%s: %s", r.Name, v.Message)
					}
					return
				}
			}
			if test.fails != "" {
				t.Errorf("all requests get through; want %s to fail", test.fails)
			}
		})
	}
}

func TestRequestsOfClientsAreWhole(t *testing.T) {
	for _, c := range browser.Clients() {
		requests := c.Requests(app)
		if len(requests) == 0 {
			t.Errorf("%s has no requests", c)
		}
		for _, r := range requests {
			ask, _ := r.Preflight()
			if r.Name == "" || r.Origin != app || ask.RequestMethod != r.Method || r.Credentials {
				t.Errorf("%s: %+v", c, r)
			}
			for _, name := range r.Headers {
				if !slices.Contains(strings.Split(ask.RequestHeaders, ","), name) {
					t.Errorf("%s: %s: nobody asks for %s", c, r.Name, name)
				}
			}
		}
		requests[0].Headers = append(requests[0].Headers[:0], "changed")
		requests[0].Reads = append(requests[0].Reads[:0], "changed")
		if again := c.Requests(app)[0]; slices.Contains(again.Headers, "changed") || slices.Contains(again.Reads, "changed") {
			t.Errorf("%s: requests share memory", c)
		}
	}
	if got := browser.Client("Other").Requests(app); got != nil {
		t.Errorf("an unknown client has requests: %+v", got)
	}
}
