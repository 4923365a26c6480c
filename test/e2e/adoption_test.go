// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

// handMade is what somebody has put together over the years: rules with and
// without an id, a max age or headers, values in no order and twice, and some that
// are of no use to anybody.
const handMade = `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<CORSRule><ID>site &amp; "preview" &lt;é&gt;</ID><AllowedOrigin>https://z.example.com</AllowedOrigin><AllowedOrigin>https://*.a.example.com</AllowedOrigin><AllowedOrigin>https://z.example.com</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedHeader>X-Zebra</AllowedHeader><AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>x-request-id</ExposeHeader><ExposeHeader>ETag</ExposeHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule>
<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod><AllowedMethod>GET</AllowedMethod></CORSRule>
<CORSRule><ID>none</ID><AllowedOrigin>http://localhost:8080/</AllowedOrigin><AllowedMethod>DELETE</AllowedMethod><AllowedHeader>*</AllowedHeader><MaxAgeSeconds>0</MaxAgeSeconds></CORSRule>
<CORSRule><ID>none of the above</ID><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedMethod>HEAD</AllowedMethod><ExposeHeader>Date</ExposeHeader></CORSRule>
<CORSRule><ID>none</ID><AllowedOrigin> https://space.example </AllowedOrigin><AllowedMethod>POST</AllowedMethod><AllowedHeader></AllowedHeader><MaxAgeSeconds>-1</MaxAgeSeconds></CORSRule>
</CORSConfiguration>`

// handMadeJSON is handMade as the AWS command line shows it.
const handMadeJSON = `{"CORSRules": [
 {"ID": "site & \"preview\" <é>", "AllowedOrigins": ["https://z.example.com", "https://*.a.example.com", "https://z.example.com"],
  "AllowedMethods": ["PUT", "GET", "PUT"], "AllowedHeaders": ["X-Zebra", "x-amz-*"], "ExposeHeaders": ["x-request-id", "ETag", "ETag"], "MaxAgeSeconds": 3600},
 {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD", "GET"]},
 {"ID": "none", "AllowedOrigins": ["http://localhost:8080/"], "AllowedMethods": ["DELETE"], "AllowedHeaders": ["*"], "MaxAgeSeconds": 0},
 {"ID": "none of the above", "AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"], "ExposeHeaders": ["Date"]},
 {"ID": "none", "AllowedOrigins": [" https://space.example "], "AllowedMethods": ["POST"], "AllowedHeaders": [""], "MaxAgeSeconds": -1}]}`

// foreignJSON is foreignConfiguration as the AWS command line shows it.
const foreignJSON = `{"CORSRules": [{"AllowedOrigins": ["https://evil.example"], "AllowedMethods": ["PUT"]}]}`

// revisions are what a policy has saved of a bucket.
func (s *scene) revisions(policy, suffix string) []appsv1.ControllerRevision {
	s.Helper()
	var list appsv1.ControllerRevisionList
	if err := world.client.List(s.Context(), &list, client.InNamespace(s.name)); err != nil {
		s.Fatal(err)
	}
	uid := s.policy(policy).UID
	return slices.DeleteFunc(list.Items, func(r appsv1.ControllerRevision) bool {
		owner := metav1.GetControllerOf(&r)
		return owner == nil || owner.UID != uid || r.Annotations[s3v1alpha1.RevisionBucketAnnotation] != s.bucketName(suffix)
	})
}

// expectRevisions compares what is saved of a bucket: the reasons, sorted.
func (s *scene) expectRevisions(policy, suffix string, want ...string) []appsv1.ControllerRevision {
	s.Helper()
	saved := s.revisions(policy, suffix)
	var reasons []string
	for _, revision := range saved {
		reasons = append(reasons, revision.Annotations[s3v1alpha1.RevisionReasonAnnotation])
	}
	slices.Sort(reasons)
	if !slices.Equal(reasons, want) {
		s.Errorf("bucket %s has the revisions %q, not %q", s.bucketName(suffix), reasons, want)
	}
	return saved
}

// original is the revision with what was on a bucket before the policy came.
func (s *scene) original(policy, suffix string) appsv1.ControllerRevision {
	s.Helper()
	saved := s.revisions(policy, suffix)
	i := slices.IndexFunc(saved, func(r appsv1.ControllerRevision) bool {
		return r.Annotations[s3v1alpha1.RevisionReasonAnnotation] == s3v1alpha1.RevisionOriginal
	})
	if i < 0 {
		s.Fatalf("there is no original among %d revisions of bucket %s", len(saved), s.bucketName(suffix))
	}
	return saved[i]
}

// expectJSON compares what two documents say.
func (s *scene) expectJSON(got, want string) {
	s.Helper()
	var a, b any
	if err := errors.Join(json.Unmarshal([]byte(got), &a), json.Unmarshal([]byte(want), &b)); err != nil {
		s.Errorf("%v: %s", err, got)
	} else if !reflect.DeepEqual(a, b) {
		s.Errorf("%s\nis not\n%s", got, want)
	}
}

func TestWhatWasMadeByHandComesBackWhenThePolicyGoes(t *testing.T) {
	t.Parallel()
	s := newScene(t, "adopt", "a")
	s.putRaw("a", handMade)
	before := s.raw("a")

	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.expectLive("a", uploadsConfiguration())
	original := s.original("p", "a")
	if named := s.bucketStatus("p", "a").OriginalRevision; named != original.Name {
		t.Errorf("the status names %q as the original, not %q", named, original.Name)
	}
	data, err := world.kubectl.Run(t.Context(), "", "get", "controllerrevision", original.Name, "-n", s.name, "-o", "jsonpath={.data}")
	if err != nil {
		t.Fatal(err)
	}
	s.expectJSON(data, handMadeJSON)
	s.expectCount(http.MethodPut, 1)

	s.put("a", foreignConfiguration())
	s.eventually(nextLook, func() error { return s.differs("a", uploadsConfiguration()) })
	s.awaitEvent(s3v1alpha1.ReasonDriftCorrected, "https://evil.example")
	for _, revision := range s.expectRevisions("p", "a", s3v1alpha1.RevisionForeignChange, s3v1alpha1.RevisionOriginal) {
		if revision.Name != original.Name {
			s.expectJSON(string(revision.Data.Raw), foreignJSON)
		}
	}

	// What is put there again can be an old answer until our write has settled.
	s.put("a", foreignConfiguration())
	s.eventually(settled, func() error { return s.differs("a", uploadsConfiguration()) })
	s.expectRevisions("p", "a", s3v1alpha1.RevisionForeignChange, s3v1alpha1.RevisionOriginal)
	if now := s.original("p", "a"); now.Name != original.Name || string(now.Data.Raw) != string(original.Data.Raw) {
		t.Errorf("the original was %s and is %s", original.Data.Raw, now.Data.Raw)
	}

	s.delete("p")
	s.awaitGone("p")
	s.expectRaw("a", before)
	s.awaitEvent(s3v1alpha1.ReasonRestored, s.bucketName("a"))
}

func TestABucketWithoutRulesIsWithoutRulesAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t, "adopt-bare", "a")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.expectJSON(string(s.original("p", "a").Data.Raw), `{"CORSRules": []}`)
	s.delete("p")
	s.awaitGone("p")
	s.expectRaw("a", "")
	s.awaitEvent(s3v1alpha1.ReasonRemoved, s.bucketName("a"))
}

func TestABucketThatIsAsDesiredIsLeftAloneFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	s := newScene(t, "adopt-same", "a")
	s.put("a", uploadsConfiguration())
	before := s.raw("a")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.original("p", "a")
	s.delete("p")
	s.awaitGone("p")
	s.expectCount(http.MethodPut, 0)
	s.expectCount(http.MethodDelete, 0)
	s.expectRaw("a", before)
}

func TestAForeignEditThatWasNotSeenBeforeTheEndIsKept(t *testing.T) {
	t.Parallel()
	s := newScene(t, "adopt-kept", "a", "b")
	s.putRaw("a", handMade)
	before := s.raw("a")
	s.putRaw("b", handMade)
	s.apply(s.policyYAML("p", uploads, "", "a", "b"))
	s.awaitReady("p")

	s.gateway.answer(s3Error(http.StatusServiceUnavailable, "SlowDown"))
	s.put("b", foreignConfiguration())
	s.delete("p")
	s.eventually(soon, func() error {
		if b := s.bucketStatus("p", "a"); b.Reason != s3v1alpha1.ReasonThrottled {
			return fmt.Errorf("the bucket is %s", b.Reason)
		}
		return nil
	})
	s.gateway.answer(nil)
	s.eventually(settled, func() error { return s.gone("p") })
	s.expectRaw("a", before)
	s.expectLive("b", foreignConfiguration())
	s.awaitEvent(s3v1alpha1.ReasonRestored, s.bucketName("a"))
	s.awaitEvent(s3v1alpha1.ReasonKept, s.bucketName("b"))
}

func TestWhatHappensWhileTheOperatorIsAwayIsSeenWhenItComesBack(t *testing.T) {
	s := newScene(t, "adopt-away", "a", "b")
	s.putRaw("a", handMade)
	before := s.raw("a")
	s.apply(s.policyYAML("p", uploads, "", "a", "b"))
	s.awaitReady("p")

	stop := sync.OnceValue(world.operator.Stop)
	s.reviveOperatorAtTheEnd(stop)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s.put("b", foreignConfiguration())
	s.delete("p")
	if err := startOperator(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.eventually(soon, func() error {
		if log := world.operator.Log(); !strings.Contains(log, s.bucketName("b")) {
			return errors.New("the operator has not come back")
		}
		return nil
	})
	// The write before the stop settles while other tests go on.
	t.Parallel()
	s.eventually(settled, func() error { return s.gone("p") })
	s.expectRaw("a", before)
	s.expectLive("b", foreignConfiguration())
	s.awaitEvent(s3v1alpha1.ReasonRestored, s.bucketName("a"))
	s.awaitEvent(s3v1alpha1.ReasonKept, s.bucketName("b"))
}

func TestNothingIsWrittenOverWhatCannotBeSaved(t *testing.T) {
	t.Parallel()
	s := newScene(t, "adopt-unsaved", "a", "b")
	s.putRaw("a", handMade)
	before := s.raw("a")
	s.apply(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: adopt-unsaved}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], resources: [controllerrevisions], operations: [CREATE]}]
  validations: [{expression: "false", message: nothing may be saved here}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: adopt-unsaved}
spec:
  policyName: adopt-unsaved
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: adopt-unsaved}}}
`)
	// The API server comes to know of it a little later.
	s.eventually(soon, func() error {
		_, err := world.kubectl.Run(t.Context(), `{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: x, namespace: adopt-unsaved}, data: {}, revision: 1}`,
			"create", "--dry-run=server", "-f", "-")
		if err == nil || !strings.Contains(err.Error(), "nothing may be saved here") {
			return fmt.Errorf("it can be saved (%w)", err)
		}
		return nil
	})

	s.apply(s.policyYAML("p", uploads, "", "a", "b"))
	message := s.awaitCondition(soon, "p", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonNotSaved)
	s.expectContains(message, s.bucketName("a"), "nothing may be saved here")
	s.awaitCount(soon, http.MethodGet, 3)
	s.expectCount(http.MethodPut, 0)
	s.expectRaw("a", before)
	s.expectRaw("b", "")

	if _, err := world.kubectl.Run(t.Context(), "", "delete", "validatingadmissionpolicybinding", "adopt-unsaved"); err != nil {
		t.Fatal(err)
	}
	s.awaitCondition(2*nextLook, "p", s3v1alpha1.ConditionReady, metav1.ConditionTrue, s3v1alpha1.ReasonReady)
	s.expectJSON(string(s.original("p", "a").Data.Raw), handMadeJSON)
	s.expectLive("a", uploadsConfiguration())
}

func TestTheOriginalOutlivesTheDeletionOfAllRevisions(t *testing.T) {
	t.Parallel()
	s := newScene(t, "adopt-deleted", "a")
	s.putRaw("a", handMade)
	before := s.raw("a")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	if _, err := world.kubectl.Run(t.Context(), "", "delete", "controllerrevisions", "--all", "--wait=false", "-n", s.name); err != nil {
		t.Fatal(err)
	}
	s.delete("p")
	s.awaitGone("p")
	s.expectRaw("a", before)
	s.eventually(soon, func() error {
		var list appsv1.ControllerRevisionList
		if err := world.client.List(t.Context(), &list, client.InNamespace(s.name)); err != nil {
			return err
		}
		if len(list.Items) > 0 {
			return fmt.Errorf("%d revisions are still there", len(list.Items))
		}
		return nil
	})
}

func TestABucketThatLeavesTheListIsRestoredAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t, "adopt-dropped", "a", "b", "c")
	for _, suffix := range []string{"a", "b"} {
		s.putRaw(suffix, handMade)
	}
	before := s.raw("b")
	s.apply(s.policyYAML("p", uploads, "", "a", "b", "c"))
	s.awaitReady("p")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.expectRaw("b", before)
	s.expectRaw("c", "")
	s.expectLive("a", uploadsConfiguration())
	s.expectCount(http.MethodPut, 4)
	s.expectCount(http.MethodDelete, 1)
	if status := s.policy("p").Status; status.BucketSummary != "1/1" || len(status.Buckets) != 1 {
		t.Errorf("the status tells of %s: %+v", status.BucketSummary, status.Buckets)
	}
	s.awaitEvent(s3v1alpha1.ReasonRestored, s.bucketName("b"))
	s.awaitEvent(s3v1alpha1.ReasonRemoved, s.bucketName("c"))

	// What is there when it comes back is its original then.
	s.put("b", foreignConfiguration())
	s.apply(s.policyYAML("p", uploads, "", "a", "b"))
	s.awaitReady("p")
	s.expectJSON(string(s.original("p", "b").Data.Raw), foreignJSON)
	s.delete("p")
	s.awaitGone("p")
	s.expectLive("b", foreignConfiguration())
}

func TestAPolicyThatMovesToAnotherServicePutsBackWhatItLeaves(t *testing.T) {
	t.Parallel()
	s := newScene(t, "adopt-moved", "a")
	s.putRaw("a", handMade)
	before := s.raw("a")
	storage, err := localenv.StartS3(t.Context(), localenv.S3Options{Assets: world.assets})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := storage.Stop(); err != nil {
			t.Error(err)
		}
	})
	other := stage(&scene{T: t, name: "adopt-moved-to", gateway: newGatewayTo(t, storage), storage: storage, bucketPrefix: s.bucketPrefix})
	other.applySecret(storage.AccessKeyID, storage.SecretAccessKey)
	other.applyProvider(`[{namespaces: ["adopt-*"], buckets: ["*"]}]`)
	other.createBucket("a")
	other.put("a", foreignConfiguration())

	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	moved := strings.Replace(s.policyYAML("p", uploads, "", "a"), "providerRef: {name: adopt-moved}", "providerRef: {name: adopt-moved-to}", 1)
	s.apply(moved)
	s.awaitReady("p")
	s.expectRaw("a", before)
	other.expectLive("a", uploadsConfiguration())
	s.awaitEvent(s3v1alpha1.ReasonRestored, s.bucketName("a"))
	if buckets := s.policy("p").Status.Buckets; len(buckets) != 1 || buckets[0].Service != other.gateway.URL {
		t.Errorf("the status tells of %+v", buckets)
	}

	s.delete("p")
	s.awaitGone("p")
	s.expectRaw("a", before)
	other.expectLive("a", foreignConfiguration())
}

func TestAnAdoptedBucketKeepsTheOrderOfItsOriginal(t *testing.T) {
	t.Parallel()
	s := newScene(t, "adopt-order", "a")
	// The same sets in another order, which are no reason to write, are what comes
	// back all the same after a change of the policy.
	s.put("a", cors.Configuration{Rules: []cors.Rule{{
		AllowedOrigins: []string{"https://app.example.com"}, AllowedMethods: []string{"PUT", "GET", "PUT"},
		AllowedHeaders: []string{"Content-Type"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: new(int32(3000)), ID: "mine",
	}}})
	before := s.raw("a")
	rules := strings.Replace(uploads, "id: uploads, ", "", 1)
	s.apply(s.policyYAML("p", rules, "", "a"))
	s.awaitReady("p")
	s.expectCount(http.MethodPut, 0)
	s.apply(s.policyYAML("p", publicRead, "", "a"))
	s.awaitReady("p")
	s.expectLive("a", publicReadConfiguration())
	s.delete("p")
	s.awaitGone("p")
	s.expectRaw("a", before)
}

func TestADeletedNamespaceLeavesItsBucketsAsTheyWere(t *testing.T) {
	t.Parallel()
	s := newScene(t, "adopt-namespace", "a", "b")
	for _, suffix := range []string{"a", "b"} {
		s.putRaw(suffix, handMade)
	}
	before := s.raw("a")
	s.apply(s.policyYAML("p", uploads, "", "a"))
	s.awaitReady("p")
	s.awaitOlderThanAllToCome("p")
	// The next in line for one bucket goes away in the same namespace.
	s.apply(s.policyYAML("q", publicRead, "", "a", "b"))
	s.awaitCondition(soon, "q", s3v1alpha1.ConditionSynced, metav1.ConditionFalse, s3v1alpha1.ReasonConflicted)

	// What the namespace controller does, in the worst order.
	kubectl := func(arguments ...string) {
		t.Helper()
		if _, err := world.kubectl.Run(t.Context(), "", append(arguments, "--wait=false")...); err != nil {
			t.Fatal(err)
		}
	}
	kubectl("delete", "namespace", s.name)
	kubectl("delete", "controllerrevisions", "--all", "-n", s.name)
	s.delete("p")
	s.awaitGone("p")
	s.delete("q")
	s.awaitGone("q")
	s.expectRaw("a", before)
	s.expectRaw("b", before)
}
