// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"net/http"
	"testing"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

// With a bucket in the endpoint, a request for the configuration of a bucket is
// one for an object, and a write would make an object.
func TestAnEndpointWithABucketInItIsNotUsed(t *testing.T) {
	for endpoint, refused := range map[string]bool{
		"https://s3.internal/assets":                true,
		"https://s3.internal/storage/assets/":       true,
		"https://assets.s3.eu-west-1.amazonaws.com": true,
		"https://assets.s3-eu-west-1.amazonaws.com": true,
		"https://s3.internal":                       false,
		"https://s3.internal/storage/v1/s3":         false,
		"https://assets.internal":                   false,
		"":                                          false,
	} {
		err := checkBucketName(bucket.Provider{Name: "p", Endpoint: endpoint}, bucket.Location{Name: "assets"})
		if (err != nil) != refused {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

func TestAMissingObjectIsNotAMissingConfiguration(t *testing.T) {
	missing := func(code string) *answer {
		return &answer{status: http.StatusNotFound, body: []byte("<Error><Code>" + code + "</Code></Error>")}
	}
	for _, test := range []struct {
		endpoint, code string
		want           bool
	}{
		{"https://s3.internal", "NoSuchCORSConfiguration", true},
		{"https://s3.internal/", "NoSuchKey", true},
		{"https://s3.internal/other-bucket", "NoSuchKey", false},
		{"https://s3.internal/other-bucket", "NotFound", false},
		{"https://s3.internal/storage", "NoSuchCORSConfiguration", true},
		{"", "NoSuchBucket", false},
	} {
		if got := missing(test.code).absent(test.endpoint); got != test.want {
			t.Errorf("%s at %q: %t", test.code, test.endpoint, got)
		}
	}
}
