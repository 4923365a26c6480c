// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

func TestAClientIsBuiltAnewExactlyWhenItsProviderChanges(t *testing.T) {
	ca := newAuthority(t)
	provider := func() bucket.Provider {
		return bucket.Provider{
			Name: "p", Region: "eu-west-1", Endpoint: "https://s3.internal", CABundle: ca.pem(),
			Credentials:       &bucket.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey, SessionToken: "t"},
			AssumeRole:        &bucket.AssumeRole{RoleARN: roleARN, ExternalID: "e", STSEndpoint: "https://sts.internal"},
			RequestsPerSecond: 5,
		}
	}
	other := newAuthority(t).pem()
	for name, tt := range map[string]struct {
		change func(*bucket.Provider)
		want   bool
	}{
		"nothing":           {func(*bucket.Provider) {}, false},
		"the region":        {func(p *bucket.Provider) { p.Region = "eu-west-2" }, true},
		"the endpoint":      {func(p *bucket.Provider) { p.Endpoint = "https://s3.other" }, true},
		"the addressing":    {func(p *bucket.Provider) { p.Addressing = bucket.AddressingVirtualHosted }, true},
		"the CA bundle":     {func(p *bucket.Provider) { p.CABundle = other }, true},
		"no CA bundle":      {func(p *bucket.Provider) { p.CABundle = nil }, true},
		"the checksum":      {func(p *bucket.Provider) { p.Checksum = bucket.ChecksumMD5 }, true},
		"the access key":    {func(p *bucket.Provider) { p.Credentials.AccessKeyID = "AKIDOTHER" }, true},
		"the secret key":    {func(p *bucket.Provider) { p.Credentials.SecretAccessKey = "other" }, true},
		"the session token": {func(p *bucket.Provider) { p.Credentials.SessionToken = "" }, true},
		"no credentials":    {func(p *bucket.Provider) { p.Credentials = nil }, true},
		"the role":          {func(p *bucket.Provider) { p.AssumeRole.RoleARN += "2" }, true},
		"the external id":   {func(p *bucket.Provider) { p.AssumeRole.ExternalID = "f" }, true},
		"the STS":           {func(p *bucket.Provider) { p.AssumeRole.STSEndpoint = "" }, true},
		"no role":           {func(p *bucket.Provider) { p.AssumeRole = nil }, true},
		"the limit":         {func(p *bucket.Provider) { p.RequestsPerSecond = 6 }, true},
		"the timeout":       {func(p *bucket.Provider) { p.Timeout = time.Second }, true},
		"the name":          {func(p *bucket.Provider) { p.Name = "q" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := quick()
			before := open(t, c, provider(), bucket.Location{}).client
			changed := provider()
			tt.change(&changed)
			after := open(t, c, changed, bucket.Location{Name: "other", Region: "us-east-1"}).client
			if got := before != after; got != tt.want {
				t.Errorf("built anew: %v, want %v", got, tt.want)
			}
			if again := open(t, c, changed, bucket.Location{}).client; again != after {
				t.Error("built anew once more")
			}
		})
	}
}

func TestAChangeOfTheCallersOwnCopyIsNoticed(t *testing.T) {
	c := quick()
	p := at("https://s3.internal")
	before := open(t, c, p, bucket.Location{}).client
	p.Credentials.SecretAccessKey = "rotated in place"
	if open(t, c, p, bucket.Location{}).client == before {
		t.Error("the client with the old key was kept")
	}
	p.AssumeRole = &bucket.AssumeRole{RoleARN: roleARN}
	before = open(t, c, p, bucket.Location{}).client
	p.AssumeRole.ExternalID = "changed in place"
	if open(t, c, p, bucket.Location{}).client == before {
		t.Error("the client with the old role was kept")
	}
}

func TestABucketOpenedBeforeAChangeKeepsWorking(t *testing.T) {
	s := serve(t, okay())
	c := quick()
	before := open(t, c, at(s.URL), bucket.Location{})
	after := open(t, c, at(s.URL, func(p *bucket.Provider) { p.Credentials.AccessKeyID = "AKIDROTATED" }), bucket.Location{})
	c.Forget("test")
	for _, b := range []*Bucket{before, after} {
		if err := do(t.Context(), b, getCORS); err != nil {
			t.Fatal(err)
		}
	}
	r := s.received()
	if !strings.Contains(r[0].header.Get("Authorization"), accessKey+"/") || !strings.Contains(r[1].header.Get("Authorization"), "AKIDROTATED/") {
		t.Errorf("signed by %s and %s", r[0].header["Authorization"], r[1].header["Authorization"])
	}
}

func TestOldConnectionsAreClosed(t *testing.T) {
	for name, replace := range map[string]func(*Clients, bucket.Provider) error{
		"when the provider changes": func(c *Clients, p bucket.Provider) error {
			p.Region = "eu-west-2"
			_, err := c.Open(t.Context(), p, bucket.Location{Name: "assets"})
			return err
		},
		"when the provider is forgotten": func(c *Clients, p bucket.Provider) error {
			c.Forget(p.Name)
			c.Forget(p.Name)
			c.Forget("never seen")
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan struct{}, 1)
			s := httptest.NewUnstartedServer(okay())
			s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					select {
					case closed <- struct{}{}:
					default: // one is enough
					}
				}
			}
			s.Start()
			t.Cleanup(s.Close)
			c := quick()
			b := open(t, c, at(s.URL), bucket.Location{})
			for range 3 {
				if err := do(t.Context(), b, getCORS); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case <-closed:
				t.Fatal("the connection was not kept for the next call")
			default:
			}
			if err := replace(c, at(s.URL)); err != nil {
				t.Fatal(err)
			}
			select {
			case <-closed:
			case <-time.After(time.Minute):
				t.Error("the connection stays open")
			}
		})
	}
}

func TestClientsAreSafeForConcurrentUse(t *testing.T) {
	s := serve(t, okay())
	c := quick()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 8 {
				p := at(s.URL, func(p *bucket.Provider) {
					p.Name = fmt.Sprint("p", i%3)
					p.Region = fmt.Sprint("region-", j%2)
					p.RequestsPerSecond = 10000 + j
				})
				b, err := c.Open(t.Context(), p, bucket.Location{Name: fmt.Sprint("b", i)})
				if err != nil {
					t.Error(err)
					return
				}
				for _, op := range []operation{getCORS, putCORS, deleteCORS} {
					if err := do(t.Context(), b, op); err != nil {
						t.Error(err)
					}
				}
				if j == 5 {
					c.Forget(p.Name)
				}
			}
		})
	}
	wg.Wait()
	if n := len(s.received()); n != 16*8*3 {
		t.Errorf("%d requests", n)
	}
}

func TestTheLimitOfAProvider(t *testing.T) {
	limited := func(n int) func(*bucket.Provider) {
		return func(p *bucket.Provider) { p.RequestsPerSecond = n }
	}
	// elapsed is the time that n calls take.
	elapsed := func(t *testing.T, b *Bucket, n int) time.Duration {
		t.Helper()
		begin := time.Now()
		for range n {
			_ = do(t.Context(), b, getCORS)
		}
		return time.Since(begin)
	}
	t.Run("holds for all its buckets together", func(t *testing.T) {
		s := serve(t, okay())
		c := quick()
		begin := time.Now()
		for i := range 6 {
			elapsed(t, open(t, c, at(s.URL, limited(20)), bucket.Location{Name: fmt.Sprint("b", i)}), 1)
		}
		// Two tokens are there, four come at 20 a second.
		if got := time.Since(begin); got < 190*time.Millisecond {
			t.Errorf("6 calls in %s", got)
		}
	})
	t.Run("counts the attempts of the SDK", func(t *testing.T) {
		s := serve(t, s3Answers(500, "InternalError", ""))
		got := elapsed(t, open(t, quick(), at(s.URL, limited(20)), bucket.Location{}), 2)
		if n := len(s.received()); n != 6 || got < 190*time.Millisecond {
			t.Errorf("%d attempts in %s", n, got)
		}
	})
	t.Run("is not reset by a new client", func(t *testing.T) {
		s := serve(t, okay())
		c := quick(within(5 * time.Second))
		if err := do(t.Context(), open(t, c, at(s.URL, limited(1)), bucket.Location{}), getCORS); err != nil {
			t.Fatal(err)
		}
		exhaust(t, c, at(s.URL, limited(1)))
		changed := open(t, c, at(s.URL, limited(1), func(p *bucket.Provider) { p.Region = "eu-west-2" }), bucket.Location{})
		e := failureOf(t, do(t.Context(), changed, getCORS))
		if e.Reason != bucket.Throttled || e.Fate != bucket.Transient || !strings.HasSuffix(e.Message, "held back: the provider's requestsPerSecond of 1 leaves no time for it now") {
			t.Errorf("%s (%d): %s", e.Reason, e.Fate, e.Message)
		}
		if n := len(s.received()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
	t.Run("can be raised for buckets that are open", func(t *testing.T) {
		s := serve(t, okay())
		c := quick(within(5 * time.Second))
		b := open(t, c, at(s.URL, limited(1)), bucket.Location{})
		exhaust(t, c, at(s.URL, limited(1)))
		open(t, c, at(s.URL, limited(0)), bucket.Location{})
		if err := do(t.Context(), b, getCORS); err != nil {
			t.Error(err)
		}
	})
	t.Run("can be set later", func(t *testing.T) {
		s := serve(t, okay())
		c := quick()
		elapsed(t, open(t, c, at(s.URL), bucket.Location{}), 20)
		unlimited := len(s.received())
		begin := time.Now()
		b := open(t, c, at(s.URL, limited(1), func(p *bucket.Provider) { p.Timeout = 500 * time.Millisecond }), bucket.Location{})
		elapsed(t, b, 3)
		// One token is there, and one comes each second.
		if n, most := len(s.received())-unlimited, 1+int(time.Since(begin).Seconds()); n > most {
			t.Errorf("%d requests, want at most %d", n, most)
		}
	})
	t.Run("does not hold up a call that is cancelled", func(t *testing.T) {
		s := serve(t, okay())
		c := quick(within(time.Hour))
		b := open(t, c, at(s.URL, limited(1)), bucket.Location{})
		exhaust(t, c, at(s.URL, limited(1)))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel) // long before the next token
		if e := failureOf(t, do(ctx, b, getCORS)); !errors.Is(e, context.Canceled) || len(s.received()) != 0 {
			t.Errorf("%v after %d requests", e, len(s.received()))
		}
	})
}

func TestCertificatesOfTheProviderAndOfTheEnvironmentAreTrusted(t *testing.T) {
	mine, theirs := newAuthority(t), newAuthority(t)
	later := time.Now().Add(time.Hour)
	providers := serveTLS(t, okay(), mine.issue(t, later, "127.0.0.1"))
	environments := serveTLS(t, okay(), theirs.issue(t, later, "127.0.0.1"))
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(bundle, theirs.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		file     string
		caBundle []byte
		server   *fakeServer
		want     bool
	}{
		"caBundle":                                  {"", mine.pem(), providers, true},
		"caBundle beside AWS_CA_BUNDLE":             {bundle, mine.pem(), providers, true},
		"AWS_CA_BUNDLE":                             {bundle, nil, environments, true},
		"AWS_CA_BUNDLE beside caBundle":             {bundle, mine.pem(), environments, true},
		"neither":                                   {"", nil, providers, false},
		"another's caBundle":                        {"", theirs.pem(), providers, false},
		"a caBundle of several, in the second":      {"", append(theirs.pem(), mine.pem()...), providers, true},
		"a caBundle with text between certificates": {"", append([]byte("our CA\n"), mine.pem()...), providers, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_CA_BUNDLE", tt.file)
			b := open(t, quick(once), at(tt.server.URL, func(p *bucket.Provider) { p.CABundle = tt.caBundle }), bucket.Location{})
			if err := do(t.Context(), b, getCORS); (err == nil) != tt.want {
				t.Errorf("trusted: %v, want %v (%v)", err == nil, tt.want, err)
			}
		})
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	b := open(t, quick(), at("https://s3.internal"), bucket.Location{})
	if got := b.client.transport.TLSClientConfig.MinVersion; got < 0x0303 {
		t.Errorf("minimum version %#x", got)
	}
}

func TestProvidersThatCannotBeUsed(t *testing.T) {
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")})
	for name, tt := range map[string]struct {
		change  func(*bucket.Provider)
		reason  bucket.Reason
		message string
	}{
		"no region on AWS":           {func(p *bucket.Provider) { p.Endpoint, p.Region = "", "" }, bucket.ProviderInvalid, "region is empty"},
		"no scheme":                  {func(p *bucket.Provider) { p.Endpoint = "s3.internal:9000" }, bucket.InvalidEndpoint, "endpoint does not begin with https:// or http://"},
		"no scheme, an address":      {func(p *bucket.Provider) { p.Endpoint = "10.0.0.1:9000" }, bucket.InvalidEndpoint, "endpoint is not a URL"},
		"another scheme":             {func(p *bucket.Provider) { p.Endpoint = "s3://bucket" }, bucket.InvalidEndpoint, "endpoint does not begin with https:// or http://"},
		"no host":                    {func(p *bucket.Provider) { p.Endpoint = "https:///path" }, bucket.InvalidEndpoint, "endpoint names no host"},
		"a port alone":               {func(p *bucket.Provider) { p.Endpoint = "https://:9000" }, bucket.InvalidEndpoint, "endpoint names no host"},
		"a password":                 {func(p *bucket.Provider) { p.Endpoint = "https://me:" + secretKey + "@s3.internal" }, bucket.InvalidEndpoint, "endpoint holds a user name"},
		"a password in a broken URL": {func(p *bucket.Provider) { p.Endpoint = "https://me:" + secretKey + "@s3 internal" }, bucket.InvalidEndpoint, "endpoint is not a URL"},
		"a query":                    {func(p *bucket.Provider) { p.Endpoint = "https://s3.internal?a=" + secretKey }, bucket.InvalidEndpoint, "endpoint holds a query"},
		"an empty query":             {func(p *bucket.Provider) { p.Endpoint = "https://s3.internal?" }, bucket.InvalidEndpoint, "endpoint holds a query"},
		"a fragment":                 {func(p *bucket.Provider) { p.Endpoint = "https://s3.internal#" }, bucket.InvalidEndpoint, "endpoint holds a query"},
		"no PEM":                     {func(p *bucket.Provider) { p.CABundle = []byte("nonsense") }, bucket.InvalidCABundle, "caBundle: no PEM certificate in it"},
		"a broken certificate":       {func(p *bucket.Provider) { p.CABundle = append(newAuthority(t).pem(), broken...) }, bucket.InvalidCABundle, "caBundle: certificate 2 cannot be read"},
		"no region for the STS of AWS": {func(p *bucket.Provider) { p.Region, p.AssumeRole = "", &bucket.AssumeRole{RoleARN: roleARN} }, bucket.ProviderInvalid,
			"region is empty, and without an stsEndpoint it chooses the STS of AWS"},
		"an STS without a scheme": {assuming("sts.internal:9000"), bucket.InvalidEndpoint, "stsEndpoint does not begin with https:// or http://"},
		"an STS with a password":  {assuming("https://me:" + secretKey + "@sts.internal"), bucket.InvalidEndpoint, "stsEndpoint holds a user name"},
	} {
		t.Run(name, func(t *testing.T) {
			p := at("https://s3.internal", tt.change)
			b, err := quick().Open(t.Context(), p, bucket.Location{Name: "assets"})
			e := failureOf(t, err)
			if e.Reason != tt.reason || e.Fate != bucket.Waiting || b != nil {
				t.Errorf("%s (%d), %v", e.Reason, e.Fate, b)
			}
			if !strings.HasPrefix(e.Message, `provider "test": `+tt.message) || strings.Contains(e.Message, secretKey) {
				t.Errorf("message: %s", e.Message)
			}
			if checked := failureOf(t, quick().Check(t.Context(), p)); checked.Reason != e.Reason || checked.Fate != e.Fate || checked.Message != e.Message {
				t.Errorf("Check says %s (%d): %s", checked.Reason, checked.Fate, checked.Message)
			}
		})
	}
	t.Run("AWS_CA_BUNDLE", func(t *testing.T) {
		t.Setenv("AWS_CA_BUNDLE", filepath.Join(t.TempDir(), "missing.pem"))
		_, err := quick().Open(t.Context(), at("https://s3.internal"), bucket.Location{Name: "assets"})
		if e := failureOf(t, err); e.Reason != bucket.ProviderInvalid || e.Fate != bucket.Refused || !strings.Contains(e.Message, "AWS_CA_BUNDLE") {
			t.Errorf("%s (%d): %s", e.Reason, e.Fate, e.Message)
		}
	})
}

func TestARegionThatIsNoNameOfAHostIsRefusedUnsent(t *testing.T) {
	var dialed []string
	c := quick()
	c.dial = dialTo(serve(t, okay()), &dialed)
	b := open(t, c, at(""), bucket.Location{Region: "x.evil.example/"})
	if e := failureOf(t, do(t.Context(), b, getCORS)); e.Reason != bucket.ProviderInvalid || e.Fate != bucket.Refused || len(dialed) != 0 {
		t.Errorf("%s (%d): %s; dialed %q", e.Reason, e.Fate, e.Message, dialed)
	}
}

func TestNamesThatAreNoBuckets(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "../b", `a\b`, "a?acl", "a#b", "a\nb", "a\x00b", "arn:aws:s3:eu-west-1:111122223333:accesspoint/x"} {
		_, err := quick().Open(t.Context(), at("https://s3.internal"), bucket.Location{Name: name})
		if err == nil {
			t.Errorf("%q: no error", name)
			continue
		}
		if e := failureOf(t, err); e.Reason != bucket.BucketNotFound || e.Fate != bucket.Invalid {
			t.Errorf("%q: %s (%d)", name, e.Reason, e.Fate)
		}
	}
	_, err := quick().Open(t.Context(), at(""), bucket.Location{Name: "fast--euw1-az1--x-s3"})
	if e := failureOf(t, err); e.Reason != bucket.Unsupported || e.Fate != bucket.Invalid {
		t.Errorf("directory bucket: %s (%d)", e.Reason, e.Fate)
	}
}
