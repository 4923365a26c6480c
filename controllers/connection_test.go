// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
)

func TestCredentialsComeFromTheKeysOfASecret(t *testing.T) {
	const id, key, token = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
	for name, tt := range map[string]struct {
		data    map[string]string
		want    bucket.Credentials
		missing []string
	}{
		"long-lived keys":          {map[string]string{id: "AKIA", key: "s3cr3t"}, bucket.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s3cr3t"}, nil},
		"temporary keys":           {map[string]string{id: "ASIA", key: "s3cr3t", token: "t0ken=="}, bucket.Credentials{AccessKeyID: "ASIA", SecretAccessKey: "s3cr3t", SessionToken: "t0ken=="}, nil},
		"line breaks at the end":   {map[string]string{id: "AKIA\n", key: "s3cr3t\r\n", token: "t0ken\n"}, bucket.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s3cr3t", SessionToken: "t0ken"}, nil},
		"the signs of base64":      {map[string]string{id: "AKIA", key: "a+b/c="}, bucket.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "a+b/c="}, nil},
		"an empty Secret":          {nil, bucket.Credentials{}, []string{id, key}},
		"no id":                    {map[string]string{key: "s3cr3t"}, bucket.Credentials{SecretAccessKey: "s3cr3t"}, []string{id}},
		"no key":                   {map[string]string{id: "AKIA"}, bucket.Credentials{AccessKeyID: "AKIA"}, []string{key}},
		"an empty key":             {map[string]string{id: "AKIA", key: ""}, bucket.Credentials{AccessKeyID: "AKIA"}, []string{key}},
		"nothing but a line end":   {map[string]string{id: "\n", key: "s3cr3t"}, bucket.Credentials{SecretAccessKey: "s3cr3t"}, []string{id}},
		"keys of another spelling": {map[string]string{"accessKeyID": "AKIA", "aws_secret_access_key": "s3cr3t"}, bucket.Credentials{}, []string{id, key}},
		"an empty token is none":   {map[string]string{id: "AKIA", key: "s3cr3t", token: "\n"}, bucket.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s3cr3t"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			data := map[string][]byte{}
			for k, v := range tt.data {
				data[k] = []byte(v)
			}
			got, missing := credentialsFrom(data)
			if !slices.Equal(missing, tt.missing) {
				t.Errorf("missing are %q, not %q", missing, tt.missing)
			}
			if *got != tt.want {
				t.Errorf("the credentials are %q %q %q", got.AccessKeyID, got.SecretAccessKey, got.SessionToken)
			}
			if text := fmt.Sprintf("%v %+v %#v", got, got, *got); strings.Contains(text, "s3cr3t") {
				t.Errorf("the credentials print as %s", text)
			}
		})
	}
}

func TestTheProviderTellsHowToConnect(t *testing.T) {
	spec := func(change func(*s3v1alpha1.BucketProviderSpec)) s3v1alpha1.BucketProviderSpec {
		s := s3v1alpha1.BucketProviderSpec{Region: "us-east-1"}
		change(&s)
		return s
	}
	for name, tt := range map[string]struct {
		spec s3v1alpha1.BucketProviderSpec
		want bucket.Provider
	}{
		"only a region is AWS with the defaults": {
			spec(func(*s3v1alpha1.BucketProviderSpec) {}),
			bucket.Provider{Name: "main", Region: "us-east-1", RequestsPerSecond: 50},
		},
		"everything": {
			s3v1alpha1.BucketProviderSpec{Region: "garage", Endpoint: "https://s3.internal:9000/", Addressing: s3v1alpha1.AddressingVirtualHosted,
				CABundle: []byte("PEM"), Checksum: s3v1alpha1.ChecksumMD5, RequestsPerSecond: 7},
			bucket.Provider{Name: "main", Region: "garage", Endpoint: "https://s3.internal:9000/", Addressing: bucket.AddressingVirtualHosted,
				CABundle: []byte("PEM"), Checksum: bucket.ChecksumMD5, RequestsPerSecond: 7},
		},
		"a role on top of the operator's own credentials": {
			spec(func(s *s3v1alpha1.BucketProviderSpec) {
				s.Credentials = &s3v1alpha1.ProviderCredentials{AssumeRole: &s3v1alpha1.AssumeRole{RoleARN: "arn:aws:iam::111122223333:role/r"}}
			}),
			bucket.Provider{Name: "main", Region: "us-east-1", RequestsPerSecond: 50,
				AssumeRole: &bucket.AssumeRole{RoleARN: "arn:aws:iam::111122223333:role/r"}},
		},
		"a role with everything, on top of a Secret that is read elsewhere": {
			spec(func(s *s3v1alpha1.BucketProviderSpec) {
				s.Credentials = &s3v1alpha1.ProviderCredentials{
					SecretRef:  &s3v1alpha1.SecretReference{Name: "keys"},
					AssumeRole: &s3v1alpha1.AssumeRole{RoleARN: "arn:aws:iam::111122223333:role/r", ExternalID: "e", STSEndpoint: "https://sts.internal"},
				}
			}),
			bucket.Provider{Name: "main", Region: "us-east-1", RequestsPerSecond: 50,
				AssumeRole: &bucket.AssumeRole{RoleARN: "arn:aws:iam::111122223333:role/r", ExternalID: "e", STSEndpoint: "https://sts.internal"}},
		},
		"path-style": {
			spec(func(s *s3v1alpha1.BucketProviderSpec) { s.Addressing = s3v1alpha1.AddressingPath }),
			bucket.Provider{Name: "main", Region: "us-east-1", Addressing: bucket.AddressingPath, RequestsPerSecond: 50},
		},
		"the checksum Auto is none in particular": {
			spec(func(s *s3v1alpha1.BucketProviderSpec) { s.Checksum = s3v1alpha1.ChecksumAuto }),
			bucket.Provider{Name: "main", Region: "us-east-1", Checksum: bucket.ChecksumAuto, RequestsPerSecond: 50},
		},
		"the checksum CRC32": {
			spec(func(s *s3v1alpha1.BucketProviderSpec) { s.Checksum = s3v1alpha1.ChecksumCRC32 }),
			bucket.Provider{Name: "main", Region: "us-east-1", Checksum: bucket.ChecksumCRC32, RequestsPerSecond: 50},
		},
	} {
		t.Run(name, func(t *testing.T) {
			provider := &s3v1alpha1.BucketProvider{Spec: tt.spec}
			provider.Name = "main"
			if got := connectionFor(provider); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestAReferenceTellsWhereABucketIs(t *testing.T) {
	reference := s3v1alpha1.BucketReference{Name: "assets", Region: "eu-west-1", ExpectedBucketOwner: "111122223333"}
	want := bucket.Location{Name: "assets", Region: "eu-west-1", ExpectedOwner: "111122223333"}
	if got := locationFor(reference); got != want {
		t.Errorf("the location is %+v", got)
	}
	if got := locationFor(s3v1alpha1.BucketReference{Name: "assets"}); got != (bucket.Location{Name: "assets"}) {
		t.Errorf("what is absent became %+v", got)
	}
}
