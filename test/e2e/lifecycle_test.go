// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

// These tests stop and start the operator that all tests share. They are not
// parallel, so that they run before the others go on.

func TestOnlyTheHolderOfTheLeaseWorks(t *testing.T) {
	s := newScene(t, "lease", "a")
	master := func(value int) string {
		return fmt.Sprintf("leader_election_master_status{name=%q} %d\n", "bucketcors.s3.bucketcors.dev", value)
	}
	s.awaitServed(world.addresses.health, "/healthz", "ok")
	s.awaitServed(world.addresses.health, "/readyz", "ok")
	s.awaitServed(world.addresses.metrics, "/metrics", master(1))
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.awaitServed(world.addresses.metrics, "/metrics", `controller_runtime_reconcile_total{controller="bucketcorspolicy",result="success"}`)

	where, arguments, err := serveOnFreePorts()
	if err != nil {
		t.Fatal(err)
	}
	second, err := localenv.StartOperator(t.Context(), localenv.OperatorOptions{
		Program:    world.operatorProgram,
		Kubeconfig: world.operatorKubeconfig,
		Arguments:  append(arguments, "--leader-elect", "--zap-log-level=4"),
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceValue(second.Stop)
	t.Cleanup(func() { _ = stop() })
	// It tries for the lease every two seconds.
	s.eventually(soon, func() error {
		if n := strings.Count(second.Log(), "Failed to acquire lease"); n < 3 {
			return fmt.Errorf("%d attempts so far at the lease: %s", n, second.Log())
		}
		return nil
	})
	// One that waits is well, and ready to take over.
	s.awaitServed(where.health, "/healthz", "ok")
	s.awaitServed(where.health, "/readyz", "ok")
	s.awaitServed(where.metrics, "/metrics", master(0))
	s.awaitServed(world.addresses.metrics, "/metrics", master(1))
	log := second.Log()
	for _, sign := range []string{"Successfully acquired lease", "Starting workers"} {
		if strings.Contains(log, sign) {
			t.Errorf("the second operator works: %s", log)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("the second operator did not end well: %v", err)
	}
}

// awaitServed waits until an answer with status 200 has a text.
func (s *scene) awaitServed(address, path, text string) {
	s.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: soon}
	s.eventually(soon, func() error {
		request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK || !strings.Contains(string(body), text) {
			return fmt.Errorf("%s: %s without %q: %.2000s", path, response.Status, text, body)
		}
		return nil
	})
}

func TestAKillBetweenTheWriteAndTheStatusConvergesWithoutASecondWrite(t *testing.T) {
	s := newScene(t, "killed", "a")
	kill := sync.OnceValue(world.operator.Kill)
	s.reviveOperatorAtTheEnd(kill)
	killed := make(chan error, 1)
	s.gateway.rewrite(func(response *http.Response) error {
		if response.Request.Method == http.MethodPut {
			// The server has the configuration; the operator does not know it yet.
			err := kill()
			select {
			case killed <- err:
			default:
			}
		}
		return nil
	})
	s.apply(s.policyYAML("p", uploads, "", "a"))
	if err := receive(s, killed, "that the operator was killed"); err != nil {
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
	stop := sync.OnceValue(world.operator.Stop)
	s.reviveOperatorAtTheEnd(stop)
	writing, goOn := make(chan struct{}), make(chan struct{})
	begin, finish := sync.OnceFunc(func() { close(writing) }), sync.OnceFunc(func() { close(goOn) })
	// The gateway waits for its requests, however the test ends.
	t.Cleanup(finish)
	s.gateway.rewrite(func(response *http.Response) error {
		if response.Request.Method == http.MethodPut {
			begin()
			<-goOn
		}
		return nil
	})
	s.apply(s.policyYAML("p", uploads, "", "a"))
	receive(s, writing, "a write")
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	// The log tells that the operator knows of the signal.
	s.eventually(soon, func() error { return logHas("Stopping and waiting for") })
	finish()
	if err := receive(s, stopped, "the end of the operator"); err != nil {
		t.Errorf("the operator did not end well: %v", err)
	}
	s.awaitReady("p")
	if b := s.bucketStatus("p", "a"); b.LastAppliedTime == nil {
		t.Error("the status does not tell of the write that was in progress")
	}
	if err := startOperator(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.awaitServed(world.addresses.health, "/healthz", "ok")
}

// receive waits for a value, or for the channel to be closed.
func receive[T any](s *scene, from <-chan T, what string) T {
	s.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(2 * soon):
		s.Fatalf("waited for %s for %s", what, 2*soon)
		panic("not reached")
	}
}

// reviveOperatorAtTheEnd is for a test that stops the operator and starts another:
// the tests after it find one that runs, also when it fails halfway.
func (s *scene) reviveOperatorAtTheEnd(stop func() error) {
	first := world.operator
	s.Cleanup(func() {
		if world.operator != first {
			return
		}
		s.gateway.rewrite(nil)
		// It may be on its way out already.
		_ = stop()
		if err := startOperator(context.WithoutCancel(s.Context())); err != nil {
			s.Error(err)
		}
	})
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
