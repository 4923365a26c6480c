// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/document"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/localenv/localenvtest"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// startBucket starts an S3 server with a bucket that has the rules of a policy.
func startBucket(t *testing.T, name, policy string) *localenv.S3Server {
	t.Helper()
	server := localenvtest.StartS3(t)
	if err := server.CreateBucket(name); err != nil {
		t.Fatal(err)
	}
	putRules(t, server, name, policy)
	return server
}

// putRules puts the rules of a policy on a bucket.
func putRules(t *testing.T, server *localenv.S3Server, name, policy string) {
	t.Helper()
	file, err := document.Read("policy.yaml", []byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s3.New(s3.Options{}).Open(t.Context(), bucket.Provider{
		Region: server.Region, Endpoint: server.Endpoint,
		Credentials: &bucket.Credentials{AccessKeyID: server.AccessKeyID, SecretAccessKey: server.SecretAccessKey},
	}, bucket.Location{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.PutCORS(t.Context(), file.Documents[0].Configuration); err != nil {
		t.Fatal(err)
	}
}

// startStrippingProxy starts a proxy that does not pass on the header Origin.
func startStrippingProxy(t *testing.T, server *localenv.S3Server) string {
	t.Helper()
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Del("Origin")
	}})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

func TestProbeOfARealServer(t *testing.T) {
	server := startBucket(t, "web-a", probedPolicy)
	file := write(t, "policy.yaml", probedPolicy)
	ask := []string{"probe", "-f", file, "--dialect", "VersityGW"}
	direct := slices.Concat(ask, []string{"--endpoint", server.Endpoint, "--bucket", "web-a"})

	status, stdout, stderr := runCommand(t, direct...)
	if status != exitOK || stderr != "" || !strings.HasSuffix(stdout, "\n3 preflights: all as predicted\n") {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}

	t.Run("behind a proxy that strips Origin", func(t *testing.T) {
		status, stdout, stderr := runCommand(t, append(ask, "--url", startStrippingProxy(t, server)+"/web-a")...)
		if status != exitNo || stderr != "" || !strings.Contains(stdout, "  allowed    refused (400)  OriginStripped\n") ||
			!strings.Contains(stdout, "without its header Origin") || strings.Count(stdout, "    to do: ") != 1 {
			t.Errorf("status %d, %s%s", status, stdout, stderr)
		}
	})

	t.Run("whose rules have changed", func(t *testing.T) {
		putRules(t, server, "web-a", strings.ReplaceAll(probedPolicy, "app.example.com", "www.example.com"))
		status, stdout, _ := runCommand(t, direct...)
		if status != exitNo || !strings.Contains(stdout, "  allowed    refused (403)  Unexplained\n") || !strings.Contains(stdout, "3 preflights: 1 Unexplained, 2 as predicted\n") {
			t.Errorf("status %d, %s", status, stdout)
		}
	})

	t.Run("that has no such bucket", func(t *testing.T) {
		status, stdout, stderr := runCommand(t, append(ask, "--endpoint", server.Endpoint, "--bucket", "web.b")...)
		if status != exitNo || stderr != "" || !strings.Contains(stdout, "refused (404)  BucketMissing\n  2 requests after it: not asked\n") {
			t.Errorf("status %d, %s%s", status, stdout, stderr)
		}
	})
}
