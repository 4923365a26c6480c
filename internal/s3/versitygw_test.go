// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/diff"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/localenv/localenvtest"
)

func TestOnARealServer(t *testing.T) {
	server := localenvtest.StartS3(t)
	if err := server.CreateBucket("assets"); err != nil {
		t.Fatal(err)
	}
	if err := server.CreateUser(t.Context(), "stranger", "strangers-secret", localenv.RoleUser); err != nil {
		t.Fatal(err)
	}
	root := bucket.Provider{
		Name: "real", Region: server.Region, Endpoint: server.Endpoint,
		Credentials: &bucket.Credentials{AccessKeyID: server.AccessKeyID, SecretAccessKey: server.SecretAccessKey},
	}
	with := func(change func(*bucket.Provider)) bucket.Provider {
		p := root
		p.Credentials = new(*root.Credentials)
		change(&p)
		return p
	}

	for _, checksum := range []bucket.Checksum{bucket.ChecksumAuto, bucket.ChecksumCRC32, bucket.ChecksumMD5} {
		t.Run("keeps what was written, checksum "+string(checksum), func(t *testing.T) {
			b := open(t, quick(), with(func(p *bucket.Provider) { p.Checksum = checksum }), bucket.Location{})
			want := cors.Configuration{Rules: []cors.Rule{
				{
					ID:             "uploads",
					AllowedOrigins: []string{"https://b.example", "https://*.a.example"},
					AllowedMethods: []string{"PUT", "GET"},
					AllowedHeaders: []string{"x-amz-*", "content-type"},
					ExposeHeaders:  []string{"ETag"},
					MaxAgeSeconds:  new(int32(0)),
				},
				{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"HEAD"}},
			}}
			if got, err := b.GetCORS(t.Context()); err != nil || len(got.Rules) != 0 {
				t.Fatalf("before: %v, %v", got, err)
			}
			if err := b.PutCORS(t.Context(), want); err != nil {
				t.Fatal(err)
			}
			if got, err := b.GetCORS(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v, came back differently:\n%s", err, diff.Diff(want, got))
			}
			for range 2 {
				if err := b.DeleteCORS(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := b.GetCORS(t.Context()); err != nil || len(got.Rules) != 0 {
				t.Errorf("after: %v, %v", got, err)
			}
		})
	}

	rejected := sample()
	rejected.Rules[0].AllowedOrigins = []string{"https://*.*.example"}
	for name, tt := range map[string]struct {
		provider bucket.Provider
		location bucket.Location
		put      cors.Configuration
		reason   bucket.Reason
		fate     bucket.Fate
		message  string
	}{
		"a bucket that does not exist": {provider: root, location: bucket.Location{Name: "missing"}, put: sample(),
			reason: bucket.BucketNotFound, fate: bucket.Refused, message: "the bucket does not exist (NoSuchBucket)"},
		"a user without rights": {
			provider: with(func(p *bucket.Provider) {
				*p.Credentials = bucket.Credentials{AccessKeyID: "stranger", SecretAccessKey: "strangers-secret"}
			}),
			put:    sample(),
			reason: bucket.AccessDenied, fate: bucket.Refused, message: "the credentials need s3:PutBucketCORS"},
		"an access key that is not known": {
			provider: with(func(p *bucket.Provider) { p.Credentials.AccessKeyID = "nobody" }), put: sample(),
			reason: bucket.CredentialsInvalid, fate: bucket.Refused, message: "the server does not know the access key"},
		"a wrong secret key": {
			provider: with(func(p *bucket.Provider) { p.Credentials.SecretAccessKey = "wrong" }), put: sample(),
			reason: bucket.CredentialsInvalid, fate: bucket.Refused, message: "the secret key does not belong to the access key"},
		"another region": {
			provider: with(func(p *bucket.Provider) { p.Region = "eu-west-3" }), put: sample(),
			reason: bucket.WrongRegion, fate: bucket.Refused, message: "the bucket is in region " + server.Region + ", not in eu-west-3"},
		"a configuration that S3 refuses": {provider: root, put: rejected,
			reason: bucket.RejectedByServer, fate: bucket.Invalid, message: "can not have more than one wildcard"},
	} {
		t.Run(name, func(t *testing.T) {
			e := failureOf(t, open(t, quick(), tt.provider, tt.location).PutCORS(t.Context(), tt.put))
			if e.Reason != tt.reason || e.Fate != tt.fate || !strings.Contains(e.Message, tt.message) {
				t.Errorf("%s, fate %d: %s\nwant %s, fate %d: %s\ncause: %v", e.Reason, e.Fate, e.Message, tt.reason, tt.fate, tt.message, e.Err)
			}
		})
	}
}
