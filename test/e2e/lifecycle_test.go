// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"strings"
	"testing"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// These tests stop and start the operator that all tests share. They are not
// parallel, so that they run before the others go on.

func TestAKillBetweenTheWriteAndTheStatusConvergesWithoutASecondWrite(t *testing.T) {
	s := newScene(t, "killed", "a")
	killed := make(chan error, 1)
	s.gateway.rewrite(func(response *http.Response) error {
		if response.Request.Method == http.MethodPut {
			// The server has the configuration; the operator does not know it yet.
			killed <- world.operator.Kill()
		}
		return nil
	})
	s.apply(s.policyYAML("p", uploads, "", "a"))
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	s.gateway.rewrite(nil)
	s.expectLive("a", uploadsConfiguration())
	if status := s.policy("p").Status; len(status.Conditions) > 0 {
		t.Fatalf("the status was written before the operator was killed: %+v", status)
	}

	if err := startOperator(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.awaitCondition(2*soon, "p", s3v1alpha1.ConditionReady, "True", s3v1alpha1.ReasonReady)
	s.expectCount(http.MethodPut, 1)
	s.expectLive("a", uploadsConfiguration())
}

func TestAGracefulStopFinishesWhatWasBegun(t *testing.T) {
	s := newScene(t, "graceful", "a")
	writing, goOn := make(chan struct{}), make(chan struct{})
	s.gateway.rewrite(func(response *http.Response) error {
		if response.Request.Method == http.MethodPut {
			close(writing)
			<-goOn
		}
		return nil
	})
	s.apply(s.policyYAML("p", uploads, "", "a"))
	<-writing
	stopped := make(chan error, 1)
	operator := world.operator
	go func() { stopped <- operator.Stop() }()
	// The log tells that the operator knows of the signal.
	s.eventually(soon, func() error { return logHas("Stopping and waiting for") })
	close(goOn)
	if err := <-stopped; err != nil {
		t.Errorf("the operator did not end well: %v", err)
	}
	s.awaitReady("p")
	if b := s.bucketStatus("p", "a"); b.LastAppliedTime == nil {
		t.Error("the status does not tell of the write that was in progress")
	}
	if err := startOperator(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestTheServiceAccountCanReadNoSecretButThoseOfItsNamespaceByName(t *testing.T) {
	const account = "system:serviceaccount:bucketcors-system:bucketcors-manager"
	for _, test := range []struct {
		question string
		want     string
	}{
		{"get secrets -n bucketcors-system", "yes"},
		{"list secrets -n bucketcors-system", "no"},
		{"watch secrets -n bucketcors-system", "no"},
		{"get secrets -n default", "no"},
		{"get secrets -A", "no"},
		{"create bucketcorspolicies.s3.bucketcors.dev -A", "no"},
		{"delete bucketcorspolicies.s3.bucketcors.dev -A", "no"},
		{"update bucketcorspolicies.s3.bucketcors.dev -A", "no"},
		{"patch bucketproviders.s3.bucketcors.dev", "no"},
		{"get pods -A", "no"},
	} {
		arguments := append([]string{"auth", "can-i", "--as", account}, strings.Fields(test.question)...)
		// The exit status is 1 when the answer is no.
		output, err := world.kubectl.Run(t.Context(), "", arguments...)
		if got := strings.TrimSpace(output); got != test.want {
			t.Errorf("can-i %s: %q, not %q (%v)", test.question, got, test.want, err)
		}
	}
}
