// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bucketcors/bucketcors/internal/cors"
)

//go:embed provider.yaml
var providerManifest string

//go:embed policy.yaml
var policyManifest string

const (
	appOrigin     = "https://app.example.com"
	foreignOrigin = "https://evil.example"
	healTimeout   = time.Minute
)

// play shows the operator at work. An error is that it did not.
func (s *stage) play(ctx context.Context) error {
	say("Telling where buckets are, and that namespace team-a may have policies for team-a-*")
	provider := strings.NewReplacer(
		"${ENDPOINT}", s.storage.Endpoint, "${REGION}", s.storage.Region,
		"${ACCESS_KEY_ID}", s.storage.AccessKeyID, "${SECRET_ACCESS_KEY}", s.storage.SecretAccessKey,
	).Replace(providerManifest)
	if err := s.show(ctx, provider, "apply", "-f", "-"); err != nil {
		return err
	}

	say("A browser at %s asks whether it may upload", appOrigin)
	if err := s.expectPreflight(ctx, appOrigin, http.StatusForbidden); err != nil {
		return err
	}

	say("The team applies its policy")
	for line := range strings.Lines(policyManifest) {
		fmt.Print("    | ", line)
	}
	if err := s.show(ctx, policyManifest, "apply", "-f", "-"); err != nil {
		return err
	}
	if err := s.show(ctx, "", "wait", "--for=condition=Ready", "--timeout=60s", "-n", "team-a", "bcp/web-uploads"); err != nil {
		return s.withOperatorLog(err)
	}
	if err := s.show(ctx, "", "get", "bcp", "-n", "team-a"); err != nil {
		return err
	}

	say("The browser asks again")
	if err := s.expectPreflight(ctx, appOrigin, http.StatusOK); err != nil {
		return err
	}

	say("Somebody changes the bucket behind the operator's back: any upload from %s", foreignOrigin)
	foreign := cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{foreignOrigin}, AllowedMethods: []string{"PUT"}, AllowedHeaders: []string{"*"}}}}
	if err := s.other.PutCORS(ctx, foreign); err != nil {
		return err
	}
	if err := s.expectPreflight(ctx, foreignOrigin, http.StatusOK); err != nil {
		return err
	}

	say("The operator looks at the bucket every 10s (spec.driftCheckInterval) and puts it right")
	if err := s.awaitHealed(ctx); err != nil {
		return s.withOperatorLog(err)
	}
	if err := s.expectPreflight(ctx, foreignOrigin, http.StatusForbidden); err != nil {
		return err
	}
	if err := s.expectPreflight(ctx, appOrigin, http.StatusOK); err != nil {
		return err
	}
	if err := s.show(ctx, "", "get", "bcp/web-uploads", "-n", "team-a", "-o", `jsonpath={range .status.buckets[*]}{.name}: {.state}, last drift {.lastDrift.detectedTime}{"\n"}{range .lastDrift.changes[*]}  {@}{"\n"}{end}{end}`); err != nil {
		return err
	}
	return s.show(ctx, "", "get", "events.events.k8s.io", "-n", "team-a", "-o", `custom-columns=TYPE:.type,REASON:.reason,NOTE:.note`)
}

// show runs kubectl and prints the command and what it said.
func (s *stage) show(ctx context.Context, input string, arguments ...string) error {
	tell("$ kubectl %s", strings.Join(quoteForShell(arguments), " "))
	output, err := s.kubectl.Run(ctx, input, arguments...)
	for line := range strings.Lines(output) {
		tell("%s", strings.TrimRight(line, "\n"))
	}
	return err
}

// quoteForShell makes arguments fit to be pasted.
func quoteForShell(arguments []string) []string {
	quoted := slices.Clone(arguments)
	for i, argument := range quoted {
		if strings.ContainsAny(argument, " {}[]*\"\\") {
			quoted[i] = "'" + argument + "'"
		}
	}
	return quoted
}

// expectPreflight sends what a browser sends before an upload, shows the answer
// and compares its status.
func (s *stage) expectPreflight(ctx context.Context, origin string, want int) error {
	url := s.storage.Endpoint + "/" + demoBucket + "/photo.jpg"
	request, err := http.NewRequestWithContext(ctx, http.MethodOptions, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Origin", origin)
	request.Header.Set("Access-Control-Request-Method", http.MethodPut)
	request.Header.Set("Access-Control-Request-Headers", "content-type")
	// Loopback: no proxy of the environment is wanted in between.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	tell("OPTIONS /%s/photo.jpg for PUT with content-type from %s: %s", demoBucket, origin, response.Status)
	for _, name := range slices.Sorted(maps.Keys(response.Header)) {
		if strings.HasPrefix(name, "Access-Control-Allow-") {
			tell("  %s: %s", name, response.Header.Get(name))
		}
	}
	if response.StatusCode != want {
		return fmt.Errorf("the preflight from %s was answered with %d, not %d", origin, response.StatusCode, want)
	}
	return nil
}

// awaitHealed waits until the bucket is as the policy says, and the status
// tells of it.
func (s *stage) awaitHealed(ctx context.Context) error {
	started := time.Now()
	var found string
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, healTimeout, true, func(ctx context.Context) (bool, error) {
		var err error
		found, err = s.kubectl.Run(ctx, "", "get", "bcp/web-uploads", "-n", "team-a", "-o", "jsonpath={.status.buckets[0].lastDrift.corrected}")
		return found == "true", err
	})
	if err != nil {
		return fmt.Errorf("the bucket was not put right within %s: %w", healTimeout, err)
	}
	tell("put right after %s", time.Since(started).Round(100*time.Millisecond))
	return nil
}

// withOperatorLog adds what the operator had to say.
func (s *stage) withOperatorLog(err error) error {
	lines := strings.Split(strings.TrimSpace(s.operator.Log()), "\n")
	return errors.Join(err, errors.New("the end of the operator's log:\n"+strings.Join(lines[max(0, len(lines)-20):], "\n")))
}
