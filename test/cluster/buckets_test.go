// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// storage reaches buckets the way somebody else does, without the operator.
var storage = s3.New(s3.Options{Version: "test"})

func open(ctx context.Context, name string) (*s3.Bucket, error) {
	return storage.Open(ctx, bucket.Provider{
		Name: "somebody-else", Region: world.Storage.Region, Endpoint: world.Storage.Endpoint,
		Credentials: &bucket.Credentials{AccessKeyID: world.Storage.AccessKeyID, SecretAccessKey: world.Storage.SecretAccessKey},
	}, bucket.Location{Name: name})
}

// live is the configuration of a bucket now; it has no rules when there is none.
func live(ctx context.Context, name string) (cors.Configuration, error) {
	b, err := open(ctx, name)
	if err != nil {
		return cors.Configuration{}, err
	}
	return b.GetCORS(ctx)
}

func put(ctx context.Context, name string, configuration cors.Configuration) error {
	b, err := open(ctx, name)
	if err != nil {
		return err
	}
	return b.PutCORS(ctx, configuration)
}

// expectLive is an error unless the bucket has the configuration.
func expectLive(ctx context.Context, name string, want cors.Configuration) error {
	got, err := live(ctx, name)
	if err == nil && !cors.Equal(want, got) {
		err = fmt.Errorf("the bucket %s has %v, not %v", name, got, want)
	}
	return err
}

func createBucket(t *testing.T, name string) {
	t.Helper()
	if err := world.Storage.CreateBucket(name); err != nil {
		t.Fatal(err)
	}
}

// allowing is a configuration that lets one origin upload.
func allowing(origin string) cors.Configuration {
	return cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{origin}, AllowedMethods: []string{http.MethodGet, http.MethodPut}}}}
}

var foreign atomic.Int32

// somebodyElses is what somebody else puts on a bucket: never the same twice. What
// was there before its own last write is nothing that the operator puts right at
// once, for S3 may answer with it for a while.
func somebodyElses() cors.Configuration {
	return allowing(fmt.Sprintf("https://evil-%d.example.com", foreign.Add(1)))
}

// policy puts allowing(origin) on buckets.
func policy(name, origin string, buckets ...string) *s3v1alpha1.BucketCORSPolicy {
	var references []s3v1alpha1.BucketReference
	for _, bucketName := range buckets {
		references = append(references, s3v1alpha1.BucketReference{Name: bucketName})
	}
	return &s3v1alpha1.BucketCORSPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: name},
		Spec: s3v1alpha1.BucketCORSPolicySpec{
			Buckets: references,
			Rules: []s3v1alpha1.CORSRule{{
				AllowedOrigins: []s3v1alpha1.CORSOrigin{s3v1alpha1.CORSOrigin(origin)},
				AllowedMethods: []s3v1alpha1.CORSMethod{http.MethodGet, http.MethodPut},
			}},
			DriftCheckInterval: &metav1.Duration{Duration: driftCheckInterval},
		},
	}
}

func create(t *testing.T, policy *s3v1alpha1.BucketCORSPolicy) {
	t.Helper()
	if err := world.client.Create(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
}

// preflight asks what a browser asks before an upload from the origin. The error is
// that it is not allowed, or that nobody knows.
func preflight(ctx context.Context, bucketName, origin string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodOptions, world.Storage.Endpoint+"/"+bucketName+"/photo.jpg", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Origin", origin)
	request.Header.Set("Access-Control-Request-Method", http.MethodPut)
	response, err := browser.Do(request)
	if err != nil {
		return err
	}
	// Read to the end, so that the connection is used again.
	_, readErr := io.Copy(io.Discard, response.Body)
	if err := errors.Join(readErr, response.Body.Close()); err != nil {
		return err
	}
	if got := response.Header.Get("Access-Control-Allow-Origin"); response.StatusCode != http.StatusOK || got != origin {
		return fmt.Errorf("a preflight from %s was answered with %s and allowed %q", origin, response.Status, got)
	}
	return nil
}

// browser uses no proxy, whatever the environment says.
var browser = &http.Client{Transport: &http.Transport{}}
