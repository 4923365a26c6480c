// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// readerAndUploader is what the policies of these tests expect: a read, which caches
// may keep, and an upload.
const readerAndUploader = `expectations: [{name: page reads, origin: "https://app.example.com", method: GET, exposes: [ETag]},
  {name: page uploads, origin: "https://app.example.com", method: PUT, headers: [content-type], exposes: [ETag]}]`

// newVerifiedScene is newScene with a provider that knows what kind of server it is,
// and with a bucket "a" that is as uploads says already: answers that are wrong
// cannot be from before a write. Whatever the operator asks is looked at for
// credentials where none belong.
func newVerifiedScene(t *testing.T, name string) *scene {
	t.Helper()
	s := newBareScene(t, name)
	s.applySecret(s.storage.AccessKeyID, s.storage.SecretAccessKey)
	s.createBucket("a")
	s.put("a", uploadsConfiguration())
	s.gateway.prepare(func(r *http.Request) error {
		if r.Method == http.MethodOptions && !t.Failed() {
			expectNoCredentials(t, r.Header)
		}
		return nil
	})
	return s
}

// allow applies the provider of the scene, which allows hosts for endpoints.
func (s *scene) allow(hosts ...string) {
	s.Helper()
	verification := ""
	if len(hosts) > 0 {
		verification = fmt.Sprintf("verification: {allowedHosts: ['%s']}", strings.Join(hosts, "', '"))
	}
	s.apply(fmt.Sprintf(`
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketProvider
metadata: {name: %s}
spec:
  region: us-east-1
  endpoint: %s
  dialect: VersityGW
  credentials: {secretRef: {name: %s}}
  access: [{namespaces: [%s], buckets: ['*']}]
  %s
`, s.name, s.gateway.URL, s.name, s.name, verification))
}

// awaitVerified waits until every place answers as the rules predict.
func (s *scene) awaitVerified(name string) {
	s.Helper()
	s.awaitCondition(nextLook, name, s3v1alpha1.ConditionVerified, metav1.ConditionTrue, s3v1alpha1.ReasonVerified)
	s.awaitCondition(soon, name, s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)
}

// awaitUnverified waits until Verified is False for a reason, and Ready says the
// same while Synced is True, and returns the message.
func (s *scene) awaitUnverified(name, reason string) string {
	s.Helper()
	message := s.awaitCondition(nextLook, name, s3v1alpha1.ConditionVerified, metav1.ConditionFalse, reason)
	conditions := s.policy(name).Status.Conditions
	if ready := meta.FindStatusCondition(conditions, s3v1alpha1.ConditionReady); ready.Reason != reason || ready.Message != message || ready.Status != metav1.ConditionFalse {
		s.Errorf("Ready is no copy of Verified: %+v", ready)
	}
	if !meta.IsStatusConditionTrue(conditions, s3v1alpha1.ConditionSynced) {
		s.Errorf("Synced is not True: %+v", conditions)
	}
	return message
}

// watchPolicies has the API server send every state of the policies of a scene, from
// now on.
func (s *scene) watchPolicies() watch.Interface {
	s.Helper()
	watcher, err := client.NewWithWatch(world.plane.Config, client.Options{Scheme: world.client.Scheme()})
	if err != nil {
		s.Fatal(err)
	}
	states, err := watcher.Watch(s.Context(), &s3v1alpha1.BucketCORSPolicyList{}, client.InNamespace(s.name))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(states.Stop)
	return states
}

// awaitState waits for a state of a policy which may be over by now.
func (s *scene) awaitState(states watch.Interface, is func([]metav1.Condition) bool) {
	s.Helper()
	late := time.After(soon)
	for {
		select {
		case event := <-states.ResultChan():
			policy, ok := event.Object.(*s3v1alpha1.BucketCORSPolicy)
			if !ok {
				s.Fatalf("the watch says %+v", event)
			}
			if is(policy.Status.Conditions) {
				return
			}
		case <-late:
			s.Fatalf("not within %s", soon)
		}
	}
}

func TestEndpointsThatBreakCORSAreDiagnosedAndFineWhenRepaired(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		behavior func(s *scene, pass http.Handler) http.Handler
		want     []string
	}{
		{
			"strips-origin",
			func(_ *scene, pass http.Handler) http.Handler { return strippingOrigin(pass) },
			[]string{"without its header Origin", "pass on Origin"},
		},
		{
			"caches-reads",
			func(s *scene, pass http.Handler) http.Handler {
				// Of a bucket that nobody may read there are no answers to keep.
				s.publish("a")
				return caching(pass, http.MethodGet, http.MethodHead)
			},
			[]string{"a cache in front of the bucket does not tell origins apart", "into the key of the cache"},
		},
		{
			"caches-options",
			func(_ *scene, pass http.Handler) http.Handler { return caching(pass, http.MethodOptions) },
			[]string{"a cache in front of the bucket", "do not cache OPTIONS"},
		},
		{
			"answers-options",
			func(_ *scene, pass http.Handler) http.Handler { return answeringOptions(pass) },
			[]string{"something in front of the bucket answers preflights itself (204 No Content)", "nginx: remove the block"},
		},
		{
			"sets-header",
			func(_ *scene, pass http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Access-Control-Allow-Origin", "*")
					pass.ServeHTTP(w, r)
				})
			},
			[]string{"2 headers Access-Control-Allow-Origin", "leave the Access-Control headers to the bucket"},
		},
		{
			"other-bucket",
			func(s *scene, _ http.Handler) http.Handler { return s.passingTo(s.bucketName("nowhere")) },
			[]string{"there is no such bucket", "check the name of the bucket"},
		},
		{
			"not-s3",
			func(*scene, http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome") })
			},
			[]string{"nothing there answers like S3", "check the URL"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newVerifiedScene(t, "verify-"+test.name)
			e := s.newEdge("a")
			e.behave(test.behavior(s, s.passingTo(s.bucketName("a"))))
			s.allow(e.address)
			s.apply(s.policyYAML("p", uploads, readerAndUploader+", "+verifiedAt(e.URL), "a"))
			message := s.awaitUnverified("p", s3v1alpha1.ReasonPreflightMismatch)
			s.expectContains(message, append(test.want, e.URL+": ")...)
			// The service itself is fine, and nothing is said of it.
			s.expectLacks(message, `bucket "`+s.bucketName("a"))
			s.awaitEvent(s3v1alpha1.ReasonPreflightMismatch, test.want[0])

			e.behave(s.passingTo(s.bucketName("a")))
			s.awaitVerified("p")
			s.expectCount(http.MethodPut, 0)
		})
	}
}

func TestVerificationAtTheServiceItselfTakesNothingButSayingSo(t *testing.T) {
	t.Parallel()
	s := newVerifiedScene(t, "verify-service")
	s.allow()
	s.apply(s.policyYAML("p", uploads, readerAndUploader, "a"))
	s.awaitReady("p")
	if c := meta.FindStatusCondition(s.policy("p").Status.Conditions, s3v1alpha1.ConditionVerified); c != nil {
		t.Errorf("Verified is there without being asked for: %+v", c)
	}
	s.expectCount(http.MethodOptions, 0)
	verified := s.policyYAML("p", uploads, readerAndUploader+", verification: {preflight: Enabled}", "a")
	s.apply(hourly(verified))
	s.awaitVerified("p")
	// Those of the two expectations, and that of a stranger.
	s.expectCount(http.MethodOptions, 3)
	s.apply(verified)

	// A server that lets in strangers, whatever the bucket says.
	s.gateway.rewrite(openToAll)
	message := s.awaitUnverified("p", s3v1alpha1.ReasonPreflightMismatch)
	s.expectContains(message, `bucket "`+s.bucketName("a")+`"`, "lets in origins that no rule allows", "default of its own")
	s.gateway.rewrite(nil)
	s.awaitVerified("p")

	s.apply(s.policyYAML("p", uploads, readerAndUploader+", verification: {preflight: Disabled}", "a"))
	s.eventually(soon, func() error {
		policy := s.policy("p")
		c := meta.FindStatusCondition(policy.Status.Conditions, s3v1alpha1.ConditionVerified)
		if c != nil || policy.Status.ObservedGeneration != policy.Generation {
			return fmt.Errorf("Verified of a policy that is not verified: %+v", c)
		}
		return nil
	})
}

func TestVerificationOfWhatDoesNotChangeWritesNothing(t *testing.T) {
	t.Parallel()
	s := newVerifiedScene(t, "verify-quiet")
	broken, fine := s.newEdge("a"), s.newEdge("a")
	broken.behave(answeringOptions(s.passingTo(s.bucketName("a"))))
	s.allow(broken.address, fine.address)
	s.apply(s.policyYAML("good", uploads, readerAndUploader+", "+verifiedAt(fine.URL), "a"))
	s.createBucket("b")
	s.put("b", uploadsConfiguration())
	s.apply(s.policyYAML("bad", uploads, readerAndUploader+", "+verifiedAt(broken.URL), "b"))
	s.awaitVerified("good")
	s.awaitUnverified("bad", s3v1alpha1.ReasonPreflightMismatch)
	good, bad := s.policy("good").ResourceVersion, s.policy("bad").ResourceVersion
	first, firstOfBroken := fine.roundsSoFar(), broken.roundsSoFar()
	s.eventually(2*nextLook, func() error {
		if n, m := fine.roundsSoFar()-first, broken.roundsSoFar()-firstOfBroken; n < 3 || m < 3 {
			return fmt.Errorf("asked %d and %d times", n, m)
		}
		return nil
	})
	if now := s.policy("good").ResourceVersion; now != good {
		t.Errorf("resourceVersion %s became %s while all was verified", good, now)
	}
	if now := s.policy("bad").ResourceVersion; now != bad {
		t.Errorf("resourceVersion %s became %s while the same was wrong", bad, now)
	}
}

func TestAnEndpointThatHangsDelaysNothingElse(t *testing.T) {
	t.Parallel()
	s := newVerifiedScene(t, "verify-hang")
	e := s.newEdge("a")
	asked, release := make(chan struct{}, 100), make(chan struct{})
	e.behave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	t.Cleanup(func() { close(release) })
	s.allow(e.address)
	states := s.watchPolicies()
	// This one writes.
	s.put("a", foreignConfiguration())
	s.apply(s.policyYAML("p", uploads, readerAndUploader+", "+verifiedAt(e.URL), "a"))
	receive(s, asked, "a preflight at the endpoint")
	// The status does not wait until the endpoint's time is up.
	s.awaitState(states, func(conditions []metav1.Condition) bool {
		verified := meta.FindStatusCondition(conditions, s3v1alpha1.ConditionVerified)
		if verified == nil {
			return false
		}
		if verified.Reason != s3v1alpha1.ReasonNotAsked || !meta.IsStatusConditionTrue(conditions, s3v1alpha1.ConditionSynced) {
			t.Errorf("Synced is not True while the endpoint hangs: %+v", conditions)
		}
		return true
	})
	s.expectLive("a", uploadsConfiguration())
	// So soon after a write it may be on its way.
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionVerified, metav1.ConditionUnknown, s3v1alpha1.ReasonSettling)
	s.expectContains(message, e.URL+": ", "no answer", "5s")
	if meta.IsStatusConditionTrue(s.policy("p").Status.Conditions, s3v1alpha1.ConditionReady) {
		t.Error("Ready is True while an endpoint hangs")
	}
}

func TestEndpointsThatDoNotAnswerOrSendElsewhere(t *testing.T) {
	t.Parallel()
	s := newVerifiedScene(t, "verify-away")
	elsewhere, moved := s.newEdge("a"), s.newEdge("a")
	moved.behave(redirectingTo(elsewhere.URL))
	// The provider would allow where the redirect goes, too.
	s.allow(closedPort, moved.address, elsewhere.address)
	s.apply(s.policyYAML("p", uploads, readerAndUploader+", "+verifiedAt("http://"+closedPort), "a"))
	message := s.awaitUnverified("p", s3v1alpha1.ReasonEndpointUnreachable)
	s.expectContains(message, "http://"+closedPort+": ", "the connection is refused")

	s.apply(s.policyYAML("p", uploads, readerAndUploader+", "+verifiedAt(moved.URL), "a"))
	message = s.awaitUnverified("p", s3v1alpha1.ReasonPreflightMismatch)
	s.expectContains(message, moved.URL+": ", "redirected to "+elsewhere.URL, "browsers do not follow")
	if n := elsewhere.connections.Load(); n > 0 {
		t.Errorf("the redirect was followed: %d connections", n)
	}
}

func TestEndpointsThatTheProviderDoesNotAllowAreNotEvenConnectedTo(t *testing.T) {
	t.Parallel()
	s := newVerifiedScene(t, "verify-refused")
	e := s.newEdge("a")
	port := portOf(t, e.address)
	endpoints := []string{
		"http://127.0.0.1:" + port,
		"http://localhost:" + port,
		"http://[::ffff:127.0.0.1]:" + port,
		"http://2130706433:" + port,
		"http://169.254.169.254",
	}
	// Hosts below a domain, all public addresses, and loopback at another port.
	allowed := []string{"*.example.com", "*.localhost:" + port, "0.0.0.0/0", "127.0.0.1:1", "localhost:1"}
	if name := loopbackName(t); name == "" {
		t.Log("no name but localhost resolves to loopback here, so that none is tried")
	} else {
		// The name is allowed, and what it resolves to is not.
		allowed = append(allowed, name+":"+port)
		endpoints = append(endpoints, "http://"+name+":"+port)
	}
	s.allow(allowed...)
	// A policy for each: the message of one would be cut.
	for i, endpoint := range endpoints {
		suffix := fmt.Sprintf("b%d", i)
		s.createBucket(suffix)
		s.put(suffix, uploadsConfiguration())
		s.apply(s.policyYAML(suffix, uploads, readerAndUploader+", "+verifiedAt(endpoint), suffix))
	}
	for i, endpoint := range endpoints {
		message := s.awaitUnverified(fmt.Sprintf("b%d", i), s3v1alpha1.ReasonEndpointNotAllowed)
		said := "spec.verification.allowedHosts"
		switch endpoint {
		case "http://169.254.169.254":
			said = "metadata service" // of which nobody is told how to allow it
		case "http://2130706433:" + port:
			said = "correct the URL"
		}
		s.expectContains(message, endpoint+": nothing was sent", said)
	}
	if n := e.connections.Load(); n > 0 {
		t.Errorf("%d connections were made to an endpoint that is not allowed", n)
	}

	// The platform team names it: by its address, or by its name.
	s.allow("127.0.0.1:"+port, "localhost:"+port)
	s.apply(s.policyYAML("p", uploads, readerAndUploader+", "+verifiedAt("http://127.0.0.1:"+port, "http://localhost:"+port), "a"))
	s.awaitVerified("p")
	// And takes it back.
	s.allow("*.example.com")
	s.awaitUnverified("p", s3v1alpha1.ReasonEndpointNotAllowed)
}

func TestPreflightsGoToBucketsThatAreSyncedAndToNoOther(t *testing.T) {
	t.Parallel()
	s := newVerifiedScene(t, "verify-synced")
	e := s.newEdge("a")
	s.allow(e.address)
	s.apply(s.policyYAML("p", uploads, verifiedAt(e.URL), "missing"))
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonBucketNotFound)
	s.awaitCondition(soon, "p", s3v1alpha1.ConditionVerified, metav1.ConditionUnknown, s3v1alpha1.ReasonNotSynced)
	if n := e.connections.Load(); n > 0 {
		t.Errorf("%d connections were made while nothing is synced", n)
	}
	// Without expectations the preflights are samples of the rules.
	s.apply(s.policyYAML("p", uploads, verifiedAt(e.URL), "missing", "a"))
	s.awaitCondition(nextLook, "p", s3v1alpha1.ConditionVerified, metav1.ConditionTrue, s3v1alpha1.ReasonVerified)
	ready := s.awaitCondition(soon, "p", s3v1alpha1.ConditionReady, metav1.ConditionFalse, s3v1alpha1.ReasonBucketNotFound)
	s.expectContains(ready, s.bucketName("missing"))
}

func TestTheAPIServerRefusesEndpointsThatAreNoBaseURLs(t *testing.T) {
	t.Parallel()
	s := newVerifiedScene(t, "verify-schema")
	for _, endpoint := range []string{
		"https://user:password@cdn.example.com", "https://cdn.example.com/?token=x", "https://cdn.example.com/#x", "ftp://cdn.example.com", "cdn.example.com",
	} {
		s.expectContains(s.refused(s.policyYAML("p", uploads, verifiedAt(endpoint), "a")), "endpoints")
	}
}
