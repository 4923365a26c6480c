// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/probe"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// countingServer is a server that is no S3 service, and what it was asked.
func countingServer(t *testing.T) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func preflightsTo(service, endpoint string, allowedHosts ...string) controllers.Preflights {
	policy, err := cors.Compile(cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"https://app.example.com"}, AllowedMethods: []string{"GET"}}}})
	if err != nil {
		panic(err)
	}
	return controllers.Preflights{
		Provider: bucket.Provider{Name: "default", Endpoint: service}, Location: bucket.Location{Name: "assets"},
		Endpoint: endpoint, AllowedHosts: allowedHosts,
		Requests: []browser.Request{{Name: "read", Origin: "https://app.example.com", Method: "GET"}}, Predicted: policy,
	}
}

func TestPreflightsGoOnlyWhereTheProviderAllows(t *testing.T) {
	service, atService := countingServer(t)
	endpoint, atEndpoint := countingServer(t)
	port := endpoint[strings.LastIndex(endpoint, ":"):]
	for name, tt := range map[string]struct {
		ask                   controllers.Preflights
		want                  string
		ofService, ofEndpoint bool
	}{
		"the service itself":                        {preflightsTo(service, ""), "PreflightMismatch", true, false},
		"an endpoint on the host of the service":    {preflightsTo(service, service+"/assets"), "PreflightMismatch", true, false},
		"an endpoint that is not allowed":           {preflightsTo(service, endpoint), "EndpointNotAllowed", false, false},
		"an endpoint of another port":               {preflightsTo(service, endpoint, "127.0.0.1"), "EndpointNotAllowed", false, false},
		"an endpoint that is allowed":               {preflightsTo(service, endpoint, "127.0.0.1"+port), "PreflightMismatch", false, true},
		"a list of hosts that cannot be read":       {preflightsTo(service, endpoint, "127.0.0.1"+port, "10.0.0.0/99"), "EndpointNotAllowed", false, false},
		"another scheme on the host of the service": {preflightsTo(service, strings.Replace(service, "http:", "https:", 1)), "EndpointNotAllowed", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			atService.Store(0)
			atEndpoint.Store(0)
			findings, err := preflights{s3.New(s3.Options{})}.Probe(t.Context(), tt.ask)
			if err != nil || len(findings) != 1 || findings[0].Reason != tt.want {
				t.Errorf("it finds %+v, %v", findings, err)
			}
			if (atService.Load() > 0) != tt.ofService || (atEndpoint.Load() > 0) != tt.ofEndpoint {
				t.Errorf("%d requests to the service and %d to the endpoint", atService.Load(), atEndpoint.Load())
			}
		})
	}
}

// What there was no time to ask is not as predicted just because nothing is wrong
// with the rest.
func TestPreflightsThatHaveNoTimeAreNotAnswered(t *testing.T) {
	service, asked := countingServer(t)
	ask := preflightsTo(service, "")
	ask.Provider.RequestsPerSecond = 1
	sender := preflights{s3.New(s3.Options{})}
	begin := time.Now()
	if err := sender.clients.Wait(t.Context(), ask.Provider); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if findings, err := sender.Probe(ctx, ask); (err == nil || asked.Load() > 0) && time.Since(begin) < time.Second {
		t.Errorf("it finds %+v after %d requests", findings, asked.Load())
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := sender.Probe(ended, preflightsTo(service, "")); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
}

func TestWhatHasOneCauseIsOneFinding(t *testing.T) {
	upload := browser.Request{Name: "upload", Origin: "https://app.example.com", Method: "PUT", Headers: []string{"content-type"}}
	result := func(class probe.Class, message, advice string) probe.Result {
		return probe.Result{Request: upload, Class: class, Message: message, Advice: advice}
	}
	stranger := probe.Result{Request: browser.Request{Name: probe.StrangerName, Origin: "https://made-up.invalid", Method: "PUT"}, Class: probe.VendorDefault, Message: "open to all"}
	var got []string
	for _, f := range findingsOf([]probe.Result{
		result(probe.AsPredicted, "fine", ""), result(probe.OriginStripped, "no Origin", "pass it on"), result(probe.OriginStripped, "no Origin", "pass it on"),
		result(probe.Stale, "old", ""), result(probe.OriginStripped, "no Origin", "pass it on"), result(probe.Unreachable, "no answer", ""), result(probe.NotAllowed, "not allowed", "allow it"), stranger,
	}) {
		got = append(got, strings.Join([]string{f.Reason, f.Message, map[bool]string{true: "passing"}[f.Passing]}, "|"))
	}
	want := []string{
		"PreflightMismatch|no Origin (upload: PUT from https://app.example.com with content-type, and 2 more preflights); pass it on|",
		"PreflightMismatch|old (upload: PUT from https://app.example.com with content-type)|passing",
		"EndpointUnreachable|no answer (upload: PUT from https://app.example.com with content-type)|passing",
		"EndpointNotAllowed|not allowed; allow it|",
		"PreflightMismatch|open to all (a stranger: PUT from a made-up origin)|",
	}
	if !slices.Equal(got, want) {
		t.Errorf("it finds\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
