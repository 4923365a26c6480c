// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// collector takes traces as an OTLP collector does, over gRPC without TLS. The
// strings of a message stand in it as they are.
type collector struct {
	*httptest.Server
	mu   sync.Mutex
	sent bytes.Buffer
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/opentelemetry.proto.collector.trace.v1.TraceService/Export" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		c.sent.Write(body)
		c.mu.Unlock()
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = w.Write(make([]byte, 5)) // a message of nothing
		w.Header().Set("Grpc-Status", "0")
	}))
	c.Config.Protocols = &http.Protocols{}
	c.Config.Protocols.SetUnencryptedHTTP2(true)
	c.Start()
	t.Cleanup(c.Close)
	return c
}

func (c *collector) received() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent.String()
}

func TestTracesTellOfPassesAndTheirRequestsWithoutSecrets(t *testing.T) {
	collector := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+collector.Listener.Addr().String())
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
	const secretKey = "wJalrXUtnFEMI-K7MDENG-SECRETEXAMPLE"
	const sessionToken = "FwoGZXIvYXdzEBYaDSESSIONTOKENEXAMPLE/+=FwoGZXIvYXdzEBYaDSESSIONTOKENEXAMPLE"
	// It gives back what it gets wherever there is room.
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := "AccessDenied"
		w.Header().Set("X-Amz-Request-Id", "4442587FB7D0A2F9")
		if token := r.Header.Get("X-Amz-Security-Token"); token != "" {
			code = token
			w.Header().Set("X-Amz-Request-Id", r.Header.Get("Authorization"))
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>"+r.Header.Get("Authorization")+"</Message></Error>")
	}))
	t.Cleanup(storage.Close)
	cluster := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(cluster.Close)

	traces, err := (&tracingOptions{enabled: true}).start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	restConfig := &rest.Config{Host: cluster.URL, BearerToken: "BEARERTOKENEXAMPLE"}
	traces.requestsTo(restConfig)
	kubernetes, err := rest.HTTPClientFor(restConfig)
	if err != nil {
		t.Fatal(err)
	}
	get := func(ctx context.Context, path string) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, cluster.URL+path, nil)
		if err != nil {
			return err
		}
		response, err := kubernetes.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	clients := s3.New(s3.Options{TracerProvider: traces.requestsToS3()})
	read := func(ctx context.Context, p bucket.Provider) error {
		opened, err := clients.Open(ctx, p, bucket.Location{Name: "assets"})
		if err != nil {
			return err
		}
		_, err = opened.GetCORS(ctx)
		return err
	}
	r := traces.passes("BucketCORSPolicy")(reconcile.Func(func(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
		if err := get(ctx, "/apis/in-a-pass"); err != nil {
			return reconcile.Result{}, err
		}
		return reconcile.Result{}, errors.Join(
			read(ctx, bucket.Provider{Name: "keys", Endpoint: storage.URL, Credentials: &bucket.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secretKey}}),
			read(ctx, bucket.Provider{Name: "session", Endpoint: storage.URL, Credentials: &bucket.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secretKey, SessionToken: sessionToken}}),
			// The SDK quotes the output of a program that it does not understand.
			read(ctx, bucket.Provider{Name: "own", Endpoint: storage.URL}),
		)
	}))
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config, []byte("[default]\ncredential_process = echo OUTPUT"+secretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", config)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", config+"-none")
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "team-a", Name: "web-uploads"}}); err == nil {
		t.Error("there is no error")
	}
	if err := get(t.Context(), "/apis/a-watch"); err != nil {
		t.Fatal(err)
	}
	traces.stop(t.Context())

	sent := collector.received()
	for _, want := range []string{
		"service.name", "bucketcors", "deployment.environment", "Reconcile BucketCORSPolicy", "team-a", "web-uploads", "S3.GetBucketCors", "AccessDenied", "4442587FB7D0A2F9", "/apis/in-a-pass",
	} {
		if !strings.Contains(sent, want) {
			t.Errorf("the traces do not tell %q", want)
		}
	}
	for _, unwanted := range []string{secretKey, "AKIDEXAMPLE", "SESSIONTOKENEXAMPLE", "Signature=", "BEARERTOKENEXAMPLE", "/apis/a-watch"} {
		if strings.Contains(sent, unwanted) {
			t.Errorf("the traces tell %q", unwanted)
		}
	}
}

func TestWithoutTracingNothingIsTraced(t *testing.T) {
	collector := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+collector.Listener.Addr().String())
	traces, err := (&tracingOptions{}).start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	restConfig := &rest.Config{}
	traces.requestsTo(restConfig)
	if traces.passes("BucketCORSPolicy") != nil || traces.requestsToS3() != nil || restConfig.WrapTransport != nil {
		t.Error("something is traced")
	}
	traces.stop(t.Context())
	if sent := collector.received(); sent != "" {
		t.Errorf("sent %q", sent)
	}
}
