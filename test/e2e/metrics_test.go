// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/metrics"
)

// This test counts what the one operator does, so that it is not parallel.
func TestADriftThatWasHealedIsInTheMetrics(t *testing.T) {
	s := newScene(t, "metered", "a")
	before := s.scrape()
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.put("a", foreignConfiguration())
	s.eventually(nextLook, func() error { return s.differs("a", uploadsConfiguration()) })

	var after map[string]float64
	s.eventually(soon, func() error {
		after = s.scrape()
		var errs []error
		for sample, increase := range map[string]float64{
			"bucketcors_drift_detected_total":                                                       1,
			"bucketcors_drift_corrected_total":                                                      1,
			"bucketcors_policy_ready_duration_seconds_count":                                        1,
			`bucketcors_s3_request_duration_seconds_count{code="200",operation="PutBucketCors"}`:    2,
			`bucketcors_policies{condition="Ready",reason="Ready",status="True"}`:                   1,
			`bucketcors_providers{condition="Ready",reason="Ready",status="True"}`:                  1,
			`bucketcors_buckets{state="Synced"}`:                                                    1,
			`bucketcors_policies{condition="Ready",reason="NotReconciled",status="Unknown"}`:        0,
			`bucketcors_s3_request_duration_seconds_count{code="other",operation="PutBucketCors"}`:  0,
			`bucketcors_s3_request_duration_seconds_count{code="200",operation="DeleteBucketCors"}`: 0,
		} {
			if got := after[sample] - before[sample]; got != increase {
				errs = append(errs, fmt.Errorf("%s has become %g more, not %g", sample, got, increase))
			}
		}
		return errors.Join(errs...)
	})
	// Each pass asks for a token of the limiter of the provider.
	if waits := "bucketcors_s3_rate_limiter_wait_seconds_count"; after[waits] < before[waits]+3 {
		t.Errorf("%s was %g and is %g", waits, before[waits], after[waits])
	}
	t.Run("and all that the reference names is served", func(t *testing.T) {
		served := map[string]bool{}
		for sample := range after {
			name, _, _ := strings.Cut(sample, "{")
			served[name] = true
		}
		content, err := os.ReadFile("../../docs/metrics.md")
		if err != nil {
			t.Fatal(err)
		}
		_, theirs, _ := strings.Cut(string(content), "## Metrics of controller-runtime")
		var names []string
		for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(theirs, -1) {
			for name := range strings.SplitSeq(row[1], ", ") {
				names = append(names, strings.Trim(name, "`"))
			}
		}
		if len(names) < 10 {
			t.Errorf("the page names only %q", names)
		}
		for _, d := range metrics.Definitions() {
			names = append(names, d.Name)
		}
		for _, name := range names {
			if !served[name] && !served[name+"_count"] {
				t.Errorf("%s is not served", name)
			}
		}
	})
}

// scrape are the samples of the operator, by name and labels in alphabetical order.
func (s *scene) scrape() map[string]float64 {
	s.Helper()
	status, body, err := s.fetch(&http.Client{Timeout: soon}, "http://"+world.addresses.metrics+"/metrics", "")
	if err != nil || status != http.StatusOK {
		s.Fatalf("scrape: %d %v", status, err)
	}
	samples := map[string]float64{}
	for line := range strings.Lines(body) {
		name, value, found := cutLast(strings.TrimSpace(line), " ")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		if samples[name], err = strconv.ParseFloat(value, 64); err != nil {
			s.Fatalf("%q: %v", line, err)
		}
	}
	return samples
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

// fetch gets a page, with a token if there is one.
func (s *scene) fetch(client *http.Client, url, token string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	if response.ProtoMajor != 1 {
		return 0, "", fmt.Errorf("it speaks %s", response.Proto)
	}
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}

func TestMetricsAreServedOverTLSToThoseWhoMayReadThem(t *testing.T) {
	t.Parallel()
	s := newBareScene(t, "scraped")
	tokens := map[string]string{"nobody": "", "a stranger to the cluster": "bogus"}
	for _, account := range []string{"stranger", "prometheus"} {
		s.kubectl("create", "serviceaccount", account, "-n", s.name)
		tokens[account] = strings.TrimSpace(s.kubectl("create", "token", account, "-n", s.name))
		keepSecret(tokens[account])
	}
	s.kubectl("create", "clusterrolebinding", "e2e-"+s.name, "--clusterrole=bucketcors-metrics-reader", "--serviceaccount="+s.name+":prometheus")

	certificates := newMountedCertificate(t)
	first := certificates.issue(t)
	where, arguments, err := serveOnFreePorts()
	if err != nil {
		t.Fatal(err)
	}
	// It is never elected, and serves metrics all the same.
	replica := s.startReplica(append(arguments, "--metrics-secure", "--metrics-cert-dir="+certificates.dir)...)

	url := "https://" + where.metrics + "/metrics"
	s.eventually(soon, func() error {
		_, _, err := s.fetch(trusting(first), url, "")
		return err
	})
	for who, want := range map[string]int{
		// controller-runtime tells a token that is refused from none.
		"nobody": http.StatusUnauthorized, "a stranger to the cluster": http.StatusInternalServerError,
		"stranger": http.StatusForbidden, "prometheus": http.StatusOK,
	} {
		status, body, err := s.fetch(trusting(first), url, tokens[who])
		if err != nil || status != want {
			t.Errorf("%s gets %d %v, not %d", who, status, err, want)
		}
		if told := strings.Contains(body, "bucketcors_build_info{"); told != (want == http.StatusOK) {
			t.Errorf("%s is told metrics: %t", who, told)
		}
		if strings.Contains(body, "bucketcors_policies{") {
			t.Errorf("%s is told of policies by a replica that waits", who)
		}
	}
	if status, _, _ := s.fetch(&http.Client{}, "http://"+where.metrics+"/metrics", tokens["prometheus"]); status != http.StatusBadRequest {
		t.Errorf("without TLS, the status is %d", status)
	}

	second := certificates.issue(t)
	s.eventually(soon, func() error {
		status, _, err := s.fetch(trusting(second), url, tokens["prometheus"])
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("the status is %d", status)
		}
		return err
	})
	if strings.Count(replica.Log(), "starting bucketcors") != 1 {
		t.Errorf("it was started again: %s", replica.Log())
	}
	for _, token := range tokens {
		if token != "" && strings.Contains(replica.Log(), token) {
			t.Error("the log has a token")
		}
	}
}

func TestProfilesAreServedToThoseWhoAskForThem(t *testing.T) {
	t.Parallel()
	s := newBareScene(t, "profiled")
	// The address of the metrics of another is as free as any.
	free, _, err := serveOnFreePorts()
	if err != nil {
		t.Fatal(err)
	}
	where, arguments, err := serveOnFreePorts()
	if err != nil {
		t.Fatal(err)
	}
	s.startReplica(append(arguments, "--pprof-bind-address="+free.metrics)...)
	s.awaitServed(free.metrics, "/debug/pprof/cmdline", "--pprof-bind-address")
	for _, address := range []string{where.metrics, where.health, world.addresses.metrics, world.addresses.health} {
		status, _, err := s.fetch(&http.Client{Timeout: soon}, "http://"+address+"/debug/pprof/", "")
		if err != nil || status != http.StatusNotFound {
			t.Errorf("beside it, the answer is %d %v", status, err)
		}
	}
}

// startReplica starts one more operator, which waits for the lease, until the end
// of the test.
func (s *scene) startReplica(arguments ...string) *localenv.Operator {
	s.Helper()
	replica, err := localenv.StartOperator(s.Context(), localenv.OperatorOptions{
		Program:    world.operatorProgram,
		Kubeconfig: world.operatorKubeconfig,
		StateDir:   s.TempDir(),
		Arguments:  append(arguments, "--leader-elect"),
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := replica.Stop(); err != nil {
			s.Errorf("the replica did not end well: %v: %s", err, replica.Log())
		}
	})
	return replica
}

func (s *scene) kubectl(arguments ...string) string {
	s.Helper()
	output, err := world.kubectl.Run(s.Context(), "", arguments...)
	if err != nil {
		s.Fatal(err)
	}
	return output
}

// mountedCertificate is a directory as the kubelet mounts a Secret: the files are
// links by way of one that is replaced at once.
type mountedCertificate struct {
	dir    string
	issued int64
}

func newMountedCertificate(t *testing.T) *mountedCertificate {
	t.Helper()
	m := &mountedCertificate{dir: t.TempDir()}
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// issue puts a new certificate there and returns it.
func (m *mountedCertificate) issue(t *testing.T) *x509.Certificate {
	t.Helper()
	m.issued++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(m.issued), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate, errCertificate := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	encodedKey, errKey := x509.MarshalPKCS8PrivateKey(key)
	if err := cmp.Or(errCertificate, errKey); err != nil {
		t.Fatal(err)
	}
	version, link := fmt.Sprint("..", m.issued), filepath.Join(m.dir, "..data_tmp")
	var chain, private bytes.Buffer
	if err := errors.Join(
		os.Mkdir(filepath.Join(m.dir, version), 0o755),
		pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		pem.Encode(&private, &pem.Block{Type: "PRIVATE KEY", Bytes: encodedKey}),
		os.WriteFile(filepath.Join(m.dir, version, "tls.crt"), chain.Bytes(), 0o644),
		os.WriteFile(filepath.Join(m.dir, version, "tls.key"), private.Bytes(), 0o600),
		os.Symlink(version, link),
		os.Rename(link, filepath.Join(m.dir, "..data")),
	); err != nil {
		t.Fatal(err)
	}
	issued, err := x509.ParseCertificate(certificate)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// trusting is a client that trusts one certificate, and would speak HTTP/2.
func trusting(certificate *x509.Certificate) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return &http.Client{Timeout: soon, Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}}
}
