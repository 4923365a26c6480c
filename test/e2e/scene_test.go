// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// Nobody waits as long as this unless something is wrong: it is for a machine that
// is ten times slower for half a minute.
const (
	// soon is for what has to happen at once.
	soon = 90 * time.Second
	// nextLook is for what has to happen at the next drift check, which is every 10s
	// at least.
	nextLook = 2 * time.Minute
	// settled is for what has to wait until a write has settled, which takes a minute.
	settled = 4 * time.Minute
)

// pastALook is longer than the time between two drift checks, for what must not
// happen.
const pastALook = 15 * time.Second

// scene is what one test has for itself: a namespace, a provider of the same
// name that grants it every bucket, a gateway, and buckets of its own.
type scene struct {
	*testing.T
	name    string
	gateway *gateway
	// storage is the server behind the gateway.
	storage *localenv.S3Server
	// bucketPrefix begins the names of its buckets.
	bucketPrefix string
	// endpoint replaces the URL of the gateway in its provider.
	endpoint string
	// credentials is YAML that replaces those of its Secret in its provider.
	credentials string
}

// newScene makes a scene whose provider is not applied yet.
func newBareScene(t *testing.T, name string) *scene {
	t.Helper()
	return stage(&scene{T: t, name: name, gateway: newGateway(t), storage: world.storage, bucketPrefix: name})
}

// beside makes a scene in another namespace with the buckets of s. Its provider
// gives another name to the endpoint, if that is not empty.
func (s *scene) beside(name, endpoint string) *scene {
	s.Helper()
	other := stage(&scene{T: s.T, name: name, gateway: s.gateway, storage: s.storage, bucketPrefix: s.bucketPrefix, endpoint: endpoint})
	other.applySecret(s.storage.AccessKeyID, s.storage.SecretAccessKey)
	other.applyProvider("")
	return other
}

// stage makes the namespace of a scene, and ends its policies with the test.
func stage(s *scene) *scene {
	s.Helper()
	t, name := s.T, s.name
	s.apply(fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s}}", name))
	t.Cleanup(func() {
		if t.Failed() {
			s.Logf("requests: %v", s.gateway.all())
			for line := range strings.Lines(world.operator.Log()) {
				if strings.Contains(line, `"`+name+`"`) {
					s.Log(strings.TrimSpace(line))
				}
			}
		}
		// No policy of this test asks the server for anything from here on.
		ctx := context.WithoutCancel(t.Context())
		var policies s3v1alpha1.BucketCORSPolicyList
		if err := world.client.List(ctx, &policies, client.InNamespace(name)); err != nil {
			t.Error(err)
		}
		for _, policy := range policies.Items {
			policy.Finalizers = nil
			err := errors.Join(client.IgnoreNotFound(world.client.Update(ctx, &policy)), client.IgnoreNotFound(world.client.Delete(ctx, &policy)))
			if err != nil && !apierrors.IsConflict(err) {
				t.Error(err)
			}
		}
	})
	return s
}

// newScene makes a scene with a provider and buckets, each named after the
// scene and a suffix.
func newScene(t *testing.T, name string, buckets ...string) *scene {
	t.Helper()
	s := newBareScene(t, name)
	s.applySecret(world.storage.AccessKeyID, world.storage.SecretAccessKey)
	s.applyProvider("")
	for _, suffix := range buckets {
		s.createBucket(suffix)
	}
	return s
}

func (s *scene) bucketName(suffix string) string { return s.bucketPrefix + "-" + suffix }

func (s *scene) createBucket(suffix string) {
	s.Helper()
	if err := s.storage.CreateBucket(s.bucketName(suffix)); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) applySecret(accessKeyID, secretAccessKey string) {
	s.Helper()
	keepSecret(secretAccessKey)
	s.apply(fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: %s, namespace: %s}
stringData: {AWS_ACCESS_KEY_ID: %q, AWS_SECRET_ACCESS_KEY: %q}
`, s.name, localenv.OperatorNamespace, accessKeyID, secretAccessKey))
}

// applyProvider applies the provider of the scene; access is YAML that replaces
// the grant of everything.
func (s *scene) applyProvider(access string) {
	s.Helper()
	if access == "" {
		access = fmt.Sprintf("[{namespaces: [%s], buckets: ['*']}]", s.name)
	}
	s.apply(fmt.Sprintf(`
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketProvider
metadata: {name: %s}
spec:
  region: us-east-1
  endpoint: %s
  credentials: %s
  access: %s
`, s.name, cmp.Or(s.endpoint, s.gateway.URL), cmp.Or(s.credentials, fmt.Sprintf("{secretRef: {name: %s}}", s.name)), access))
}

// uploads is the rules of most tests.
const uploads = `[{id: uploads, allowedOrigins: ["https://app.example.com"], allowedMethods: [GET, PUT], allowedHeaders: [content-type], exposeHeaders: [ETag], maxAgeSeconds: 3000}]`

// uploadsConfiguration is what uploads asks for.
func uploadsConfiguration() cors.Configuration {
	return cors.Configuration{Rules: []cors.Rule{{
		ID: "uploads", AllowedOrigins: []string{"https://app.example.com"}, AllowedMethods: []string{"GET", "PUT"},
		AllowedHeaders: []string{"content-type"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: new(int32(3000)),
	}}}
}

// foreignConfiguration is what somebody else puts on a bucket.
func foreignConfiguration() cors.Configuration {
	return cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"https://evil.example"}, AllowedMethods: []string{"PUT"}}}}
}

// policyYAML is a policy of the scene; extra is more YAML of the spec, in one
// line.
func (s *scene) policyYAML(name, rules, extra string, buckets ...string) string {
	var references []string
	for _, suffix := range buckets {
		references = append(references, fmt.Sprintf("{name: %s}", s.bucketName(suffix)))
	}
	if extra != "" {
		extra = ", " + extra
	}
	return fmt.Sprintf(`
apiVersion: s3.bucketcors.dev/v1alpha1
kind: BucketCORSPolicy
metadata: {name: %s, namespace: %s}
spec: {providerRef: {name: %s}, driftCheckInterval: 10s, buckets: [%s], rules: %s%s}
`, name, s.name, s.name, strings.Join(references, ", "), rules, extra)
}

// hourly is a policy of which only what is told to the operator causes looks: what
// it does can be counted, however late that is.
func hourly(policyYAML string) string {
	return strings.Replace(policyYAML, "driftCheckInterval: 10s", "driftCheckInterval: 1h", 1)
}

func (s *scene) apply(manifest string) {
	s.Helper()
	if _, err := world.kubectl.Run(s.Context(), manifest, "apply", "-f", "-"); err != nil {
		s.Fatalf("%v\n%s", err, manifest)
	}
}

// refused applies what has to be refused and returns what kubectl said.
func (s *scene) refused(manifest string) string {
	s.Helper()
	_, err := world.kubectl.Run(s.Context(), manifest, "apply", "-f", "-")
	if err == nil {
		s.Fatalf("the API server accepted\n%s", manifest)
	}
	return err.Error()
}

func (s *scene) delete(name string) {
	s.Helper()
	if _, err := world.kubectl.Run(s.Context(), "", "delete", "--wait=false", "-n", s.name, "bcp/"+name); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) policy(name string) *s3v1alpha1.BucketCORSPolicy {
	s.Helper()
	var policy s3v1alpha1.BucketCORSPolicy
	if err := world.client.Get(s.Context(), types.NamespacedName{Namespace: s.name, Name: name}, &policy); err != nil {
		s.Fatal(err)
	}
	return &policy
}

// eventually polls until the check has nothing to complain about.
func (s *scene) eventually(within time.Duration, check func() error) {
	s.Helper()
	var last error
	err := wait.PollUntilContextTimeout(s.Context(), 100*time.Millisecond, within, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		s.Fatalf("not within %s: %v", within, last)
	}
}

// throughout polls for some time and fails at the first complaint.
func (s *scene) throughout(during time.Duration, check func() error) {
	s.Helper()
	var complaint error
	err := wait.PollUntilContextTimeout(s.Context(), 100*time.Millisecond, during, true, func(context.Context) (bool, error) {
		complaint = check()
		return false, complaint
	})
	if complaint != nil {
		s.Fatalf("%v", complaint)
	}
	if !wait.Interrupted(err) {
		s.Fatal(err)
	}
}

// awaitCondition waits for a condition of the current generation, by status and
// reason, and returns its message.
func (s *scene) awaitCondition(within time.Duration, name, conditionType string, status metav1.ConditionStatus, reason string) string {
	s.Helper()
	var message string
	s.eventually(within, func() error {
		policy := s.policy(name)
		condition := meta.FindStatusCondition(policy.Status.Conditions, conditionType)
		switch {
		case condition == nil:
			return fmt.Errorf("there is no condition %s yet", conditionType)
		case condition.Status != status || condition.Reason != reason:
			return fmt.Errorf("%s is %s/%s, not %s/%s: %s", conditionType, condition.Status, condition.Reason, status, reason, condition.Message)
		case condition.ObservedGeneration != policy.Generation || policy.Status.ObservedGeneration != policy.Generation:
			return fmt.Errorf("%s is of generation %d, not %d", conditionType, condition.ObservedGeneration, policy.Generation)
		}
		message = condition.Message
		return nil
	})
	return message
}

func (s *scene) awaitReady(name string) {
	s.Helper()
	s.awaitCondition(soon, name, s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)
}

// open reaches a bucket past the operator and the gateway.
func (s *scene) open(suffix string) *s3.Bucket {
	s.Helper()
	opened, err := somebodyElse.Open(s.Context(), bucket.Provider{
		Name: "somebody-else-at-" + s.storage.Endpoint, Region: s.storage.Region, Endpoint: s.storage.Endpoint,
		Credentials: &bucket.Credentials{AccessKeyID: s.storage.AccessKeyID, SecretAccessKey: s.storage.SecretAccessKey},
	}, bucket.Location{Name: s.bucketName(suffix)})
	if err != nil {
		s.Fatal(err)
	}
	return opened
}

var somebodyElse = s3.New(s3.Options{})

func (s *scene) put(suffix string, configuration cors.Configuration) {
	s.Helper()
	if err := s.open(suffix).PutCORS(s.Context(), configuration); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) live(suffix string) cors.Configuration {
	s.Helper()
	live, err := s.open(suffix).GetCORS(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return live
}

// differs is nil when a bucket has a configuration.
func (s *scene) differs(suffix string, want cors.Configuration) error {
	s.Helper()
	if live := s.live(suffix); !cors.Equal(want, live) {
		return fmt.Errorf("bucket %s differs from what is expected: %v", s.bucketName(suffix), cors.Diff(want, live))
	}
	return nil
}

func (s *scene) expectLive(suffix string, want cors.Configuration) {
	s.Helper()
	if err := s.differs(suffix, want); err != nil {
		s.Error(err)
	}
}

// expectCount compares the number of requests of a method so far.
func (s *scene) expectCount(method string, want int) {
	s.Helper()
	if got := s.gateway.count(method); got != want {
		s.Errorf("%d %s requests, not %d: %v", got, method, want, s.gateway.all())
	}
}

// awaitCount waits until there were so many requests of a method.
func (s *scene) awaitCount(within time.Duration, method string, want int) {
	s.Helper()
	s.eventually(within, func() error {
		if got := s.gateway.count(method); got < want {
			return fmt.Errorf("%d %s requests so far, not %d", got, method, want)
		}
		return nil
	})
}

// awaitEvent waits for an event about an object of the scene.
func (s *scene) awaitEvent(reason, substring string) {
	s.Helper()
	s.eventually(soon, func() error {
		var list eventsv1.EventList
		if err := world.client.List(s.Context(), &list, client.InNamespace(s.name)); err != nil {
			return err
		}
		var seen []string
		for _, event := range list.Items {
			seen = append(seen, event.Reason+": "+event.Note)
			if event.Reason == reason && strings.Contains(event.Note, substring) {
				return nil
			}
		}
		return fmt.Errorf("no event %s with %q among %q", reason, substring, seen)
	})
}

func (s *scene) expectContains(text string, substrings ...string) {
	s.Helper()
	for _, substring := range substrings {
		if !strings.Contains(text, substring) {
			s.Errorf("%q is missing in %q", substring, text)
		}
	}
}

// bucketStatus is the status of one bucket of a policy.
func (s *scene) bucketStatus(policy, suffix string) s3v1alpha1.BucketStatus {
	s.Helper()
	buckets := s.policy(policy).Status.Buckets
	i := slices.IndexFunc(buckets, func(b s3v1alpha1.BucketStatus) bool { return b.Name == s.bucketName(suffix) })
	if i < 0 {
		s.Fatalf("policy %s has no status of bucket %s", policy, s.bucketName(suffix))
	}
	return buckets[i]
}
