// SPDX-License-Identifier: Apache-2.0

package s3_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/s3"
)

func TestTheURLOfABucketIsWhereItsRequestsGo(t *testing.T) {
	for name, test := range map[string]struct {
		provider bucket.Provider
		location bucket.Location
		want     string
	}{
		"AWS, in the region of the bucket":              {bucket.Provider{Region: "us-east-1"}, bucket.Location{Name: "site", Region: "eu-west-1"}, "https://site.s3.eu-west-1.amazonaws.com"},
		"AWS, in the region of the provider":            {bucket.Provider{Region: "us-east-1"}, bucket.Location{Name: "site"}, "https://site.s3.us-east-1.amazonaws.com"},
		"AWS in China":                                  {bucket.Provider{Region: "cn-north-1"}, bucket.Location{Name: "site"}, "https://site.s3.cn-north-1.amazonaws.com.cn"},
		"a name with dots, which no certificate covers": {bucket.Provider{Region: "us-east-1"}, bucket.Location{Name: "www.example.com"}, "https://s3.us-east-1.amazonaws.com/www.example.com"},
		"AWS by path":                                   {bucket.Provider{Region: "us-east-1", Addressing: bucket.AddressingPath}, bucket.Location{Name: "site"}, "https://s3.us-east-1.amazonaws.com/site"},
		"another service, by path":                      {bucket.Provider{Endpoint: "https://s3.internal:9000/"}, bucket.Location{Name: "site"}, "https://s3.internal:9000/site"},
		"another service, by host":                      {bucket.Provider{Endpoint: "http://s3.internal:9000", Addressing: bucket.AddressingVirtualHosted}, bucket.Location{Name: "site"}, "http://site.s3.internal:9000"},
		"another service, below a path":                 {bucket.Provider{Endpoint: "https://gateway.internal/s3"}, bucket.Location{Name: "site"}, "https://gateway.internal/s3/site"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s3.BucketURL(test.provider, test.location)
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestABucketThatCannotBeHasNoURL(t *testing.T) {
	for name, test := range map[string]struct {
		provider bucket.Provider
		location bucket.Location
		want     bucket.Reason
	}{
		"no region":               {bucket.Provider{}, bucket.Location{Name: "site"}, bucket.ProviderInvalid},
		"no URL of a service":     {bucket.Provider{Endpoint: "s3.internal"}, bucket.Location{Name: "site"}, bucket.InvalidEndpoint},
		"a path for a name":       {bucket.Provider{Region: "us-east-1"}, bucket.Location{Name: "../other"}, bucket.BucketNotFound},
		"a region that is a host": {bucket.Provider{Region: "evil.example/"}, bucket.Location{Name: "site"}, bucket.ProviderInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s3.BucketURL(test.provider, test.location)
			if failure, ok := errors.AsType[*bucket.Error](err); !ok || failure.Reason != test.want {
				t.Errorf("got %q, %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestRequestsOfOthersCountForTheLimitOfAProvider(t *testing.T) {
	clients, provider := s3.New(s3.Options{}), bucket.Provider{Name: "slow", Region: "us-east-1", RequestsPerSecond: 1}
	begin := time.Now()
	if err := clients.Wait(t.Context(), provider); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := clients.Wait(ctx, provider); err == nil && time.Since(begin) < time.Second {
		t.Error("a second request in the same second was let through")
	}
}
