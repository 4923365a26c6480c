// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// archive keeps what was found on buckets, as ControllerRevisions that belong to
// the policies. Nothing of it is cached: it is asked only before a first write,
// before a foreign change is overwritten, and when a bucket leaves its policy.
//
// Every method may be called again after a failure, and comes to the same end.
type archive struct {
	client client.Client
}

// The operator saves what is on buckets in the namespaces of the policies.
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=list;create;patch;delete

// savedConfiguration is what was found on a bucket.
type savedConfiguration struct {
	// revision is the name of the ControllerRevision.
	revision      string
	configuration cors.Configuration
	foundAt       time.Time
}

// takeOver makes sure that there is an original of a bucket for a policy that is
// about to write to it for the first time, and returns it. It is, in this order:
// the one that the policy has; that of another of the claimants, which had the
// bucket before; or live, what is there now.
func (a archive) takeOver(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey,
	claimants []claimant, live cors.Configuration, now time.Time,
) (savedConfiguration, error) {
	saved, err := a.findOrSaveOriginal(ctx, policy, key, claimants, live, now)
	if err != nil {
		return savedConfiguration{}, saveError(key, err)
	}
	return saved, nil
}

func saveError(key bucketKey, err error) error {
	return fmt.Errorf("save what is on bucket %q: %w", key.name, err)
}

func (a archive) findOrSaveOriginal(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey,
	claimants []claimant, live cors.Configuration, now time.Time,
) (savedConfiguration, error) {
	inNamespace, err := a.revisionsOf(ctx, policy.Namespace, key)
	if err != nil {
		return savedConfiguration{}, err
	}
	own := ownedBy(inNamespace, policy.UID)
	original, saved, err := originalOf(own)
	if err != nil {
		return savedConfiguration{}, err
	}
	if original != nil {
		// Whoever bequeathed it may have known the policy as it was before.
		return saved, a.patch(ctx, original, func() { protectRevision(original, isProtected(policy)) })
	}

	namespaces, others := sets.New[string](), []types.UID(nil)
	for _, other := range claimants {
		if other.policy.UID != policy.UID {
			namespaces.Insert(other.policy.Namespace)
			others = append(others, other.policy.UID)
		}
	}
	var theirs []appsv1.ControllerRevision
	for _, namespace := range sets.List(namespaces) {
		found := inNamespace
		if namespace != policy.Namespace {
			if found, err = a.revisionsOf(ctx, namespace, key); err != nil {
				return savedConfiguration{}, err
			}
		}
		theirs = append(theirs, ownedBy(found, others...)...)
	}
	original, saved, err = originalOf(theirs)
	if err != nil {
		return savedConfiguration{}, err
	}
	if original == nil {
		saved = savedConfiguration{configuration: live, foundAt: now}
	}
	return a.store(ctx, policy, key, own, saved, s3v1alpha1.RevisionOriginal)
}

// save keeps a configuration that somebody else has put on a bucket and that is
// about to be overwritten. One that is kept already is not kept twice, but
// becomes the latest. The last maxSaved of a bucket are kept, beside the original.
//
// An original that is found again stays the original, with the time at which it
// was found first.
func (a archive) save(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey, live cors.Configuration, now time.Time) error {
	inNamespace, err := a.revisionsOf(ctx, policy.Namespace, key)
	if err != nil {
		return saveError(key, err)
	}
	own := ownedBy(inNamespace, policy.UID)
	if _, err := a.store(ctx, policy, key, own, savedConfiguration{configuration: live, foundAt: now}, s3v1alpha1.RevisionForeignChange); err != nil {
		return saveError(key, err)
	}
	return nil
}

// store saves a configuration, in a revision of its own or in that of own, all
// that the policy has of the bucket, which has the same configuration. What is
// too old then is pruned.
func (a archive) store(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey,
	own []appsv1.ControllerRevision, saved savedConfiguration, reason string,
) (savedConfiguration, error) {
	wanted, err := newRevision(policy, key, saved, reason, nextNumber(own))
	if err != nil {
		return savedConfiguration{}, err
	}
	stored := wanted
	if i := slices.IndexFunc(own, func(r appsv1.ControllerRevision) bool { return r.Name == wanted.Name }); i >= 0 {
		stored = &own[i]
		err = a.bringUp(ctx, stored, wanted)
	} else if err = a.client.Create(ctx, wanted); err == nil {
		own = append(own, *wanted)
	} else {
		err = fmt.Errorf("create ControllerRevision %s: %w", client.ObjectKeyFromObject(wanted), err)
	}
	if err != nil {
		return savedConfiguration{}, err
	}
	a.prune(ctx, own)
	return readRevision(stored)
}

// bringUp makes an existing revision serve for wanted, which has its name.
func (a archive) bringUp(ctx context.Context, existing, wanted *appsv1.ControllerRevision) error {
	key := client.ObjectKeyFromObject(existing)
	if isVanishing(existing) {
		return fmt.Errorf("ControllerRevision %s is being deleted; it is saved anew when that one is gone", key)
	}
	found, err := cors.ParseJSON(existing.Data.Raw)
	if err != nil {
		return fmt.Errorf("ControllerRevision %s holds no CORS configuration: %w", key, err)
	}
	if data, err := encodeSaved(found); err != nil || !bytes.Equal(data, wanted.Data.Raw) {
		return fmt.Errorf("ControllerRevision %s does not hold what was saved there; delete it", key)
	}
	return a.patch(ctx, existing, func() { renew(existing, wanted) })
}

// prune deletes what is too old. What could not be deleted is left to the next
// time: it is in nobody's way.
func (a archive) prune(ctx context.Context, revisions []appsv1.ControllerRevision) {
	for _, revision := range surplus(revisions) {
		// Somebody else may make it the original meanwhile.
		unchanged := client.Preconditions{UID: &revision.UID, ResourceVersion: &revision.ResourceVersion}
		if err := a.client.Delete(ctx, &revision, unchanged); err != nil && !apierrors.IsNotFound(err) {
			logf.FromContext(ctx).Error(err, "prune saved configurations", "revision", client.ObjectKeyFromObject(&revision))
		}
	}
}

// original is what was on a bucket before the policy came; nil when that is not
// known. revision is its name if the status of the policy has one: it is found
// by it even after release.
func (a archive) original(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey, revision string) (*savedConfiguration, error) {
	original, saved, err := a.findOriginal(ctx, policy, key, revision)
	switch {
	case err != nil:
		return nil, fmt.Errorf("find the original of bucket %q: %w", key.name, err)
	case original == nil:
		return nil, nil
	}
	return &saved, nil
}

func (a archive) findOriginal(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey, name string,
) (*appsv1.ControllerRevision, savedConfiguration, error) {
	revisions, err := a.revisionsOf(ctx, policy.Namespace, key)
	if err != nil {
		return nil, savedConfiguration{}, err
	}
	own := ownedBy(revisions, policy.UID)
	original, saved, err := originalOf(own)
	if err != nil || original != nil {
		return original, saved, err
	}
	if i := slices.IndexFunc(own, func(r appsv1.ControllerRevision) bool { return r.Name == name }); i >= 0 {
		saved, err = readRevision(&own[i])
		return &own[i], saved, err
	}
	return nil, savedConfiguration{}, nil
}

// bequeath gives the original of a bucket to those heirs that have none, or one
// that was found later: what that is can be what the policy wrote. An heir that is
// gone, or whose namespace is going, gets nothing. The others get theirs even when
// one of them cannot; the error is that of the first.
func (a archive) bequeath(ctx context.Context, original savedConfiguration, key bucketKey, heirs []*s3v1alpha1.BucketCORSPolicy) error {
	var first error
	for _, heir := range heirs {
		if err := a.bequeathTo(ctx, heir, original, key); err != nil && first == nil {
			first = fmt.Errorf("hand the original of bucket %q on to policy %s: %w", key.name, client.ObjectKeyFromObject(heir), err)
		}
	}
	return first
}

func (a archive) bequeathTo(ctx context.Context, heir *s3v1alpha1.BucketCORSPolicy, original savedConfiguration, key bucketKey) error {
	revisions, err := a.revisionsOf(ctx, heir.Namespace, key)
	if err != nil {
		return err
	}
	own := ownedBy(revisions, heir.UID)
	if hasOriginalOf(own, original.foundAt) {
		return nil
	}
	_, err = a.store(ctx, heir, key, own, original, s3v1alpha1.RevisionOriginal)
	if isNamespaceGone(err) {
		return nil
	}
	return err
}

// isNamespaceGone is whether nothing can be created in a namespace any more.
func isNamespaceGone(err error) bool {
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return true
	}
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return ok && apierrors.IsNotFound(err) && status.ErrStatus.Details != nil && status.ErrStatus.Details.Kind == "namespaces"
}

// release ends the part of an original for a bucket that has left a policy: it
// becomes a former one, and nothing keeps it from being deleted. Should the
// bucket come back, what is there then is the original.
func (a archive) release(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey) error {
	revisions, err := a.revisionsOf(ctx, policy.Namespace, key)
	if err == nil {
		err = a.patchEach(ctx, ownedBy(revisions, policy.UID), func(revision *appsv1.ControllerRevision) {
			if isOriginal(revision) {
				metav1.SetMetaDataAnnotation(&revision.ObjectMeta, s3v1alpha1.RevisionReasonAnnotation, s3v1alpha1.RevisionFormerOriginal)
			}
			protectRevision(revision, false)
		})
	}
	if err != nil {
		return fmt.Errorf("release the original of bucket %q: %w", key.name, err)
	}
	return nil
}

// protect puts the finalizer on all originals of a policy that has it itself,
// or takes it off when the policy is to lose it.
func (a archive) protect(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy, wanted bool) error {
	revisions, err := a.listMetadata(ctx, policy.Namespace)
	if err == nil {
		err = a.patchEach(ctx, ownedBy(revisions, policy.UID), func(revision *appsv1.ControllerRevision) {
			protectRevision(revision, wanted)
		})
	}
	if err != nil {
		return fmt.Errorf("patch the finalizers of what was saved: %w", err)
	}
	return nil
}

// abandon takes the finalizer off whatever was saved for a policy that is gone:
// somebody has taken that of the policy off by hand, and nothing is put back any
// more.
func (a archive) abandon(ctx context.Context, policy types.NamespacedName) error {
	revisions, err := a.listMetadata(ctx, policy.Namespace)
	if err == nil {
		err = a.patchEach(ctx, revisions, func(revision *appsv1.ControllerRevision) {
			if owner := metav1.GetControllerOfNoCopy(revision); owner != nil && owner.Name == policy.Name {
				protectRevision(revision, false)
			}
		})
	}
	if err != nil {
		return fmt.Errorf("release what was saved for policy %s, which is gone: %w", policy, err)
	}
	return nil
}

// revisionsOf are all revisions of a bucket in a namespace, whosever they are.
func (a archive) revisionsOf(ctx context.Context, namespace string, key bucketKey) ([]appsv1.ControllerRevision, error) {
	var revisions appsv1.ControllerRevisionList
	if err := a.client.List(ctx, &revisions, client.InNamespace(namespace), client.MatchingLabels{s3v1alpha1.RevisionBucketLabel: bucketID(key)}); err != nil {
		return nil, fmt.Errorf("list the ControllerRevisions in namespace %s: %w", namespace, err)
	}
	return revisions.Items, nil
}

// listMetadata are the revisions of all buckets in a namespace, without what they
// hold, which can be much. They are known by their owners: a label can get lost.
func (a archive) listMetadata(ctx context.Context, namespace string) ([]appsv1.ControllerRevision, error) {
	var found metav1.PartialObjectMetadataList
	found.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ControllerRevisionList"))
	if err := a.client.List(ctx, &found, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list the ControllerRevisions in namespace %s: %w", namespace, err)
	}
	var revisions []appsv1.ControllerRevision
	for i := range found.Items {
		if owner := metav1.GetControllerOfNoCopy(&found.Items[i]); owner != nil && owner.Kind == policyKind {
			revisions = append(revisions, appsv1.ControllerRevision{ObjectMeta: found.Items[i].ObjectMeta})
		}
	}
	return revisions, nil
}

// patchEach changes revisions. One that is gone is of no matter.
func (a archive) patchEach(ctx context.Context, revisions []appsv1.ControllerRevision, change func(*appsv1.ControllerRevision)) error {
	for i := range revisions {
		if err := a.patch(ctx, &revisions[i], func() { change(&revisions[i]) }); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// patch writes what change does to a revision, if that is anything, to the
// version that is known of it.
func (a archive) patch(ctx context.Context, revision *appsv1.ControllerRevision, change func()) error {
	before := revision.DeepCopy()
	change()
	if equality.Semantic.DeepEqual(before, revision) {
		return nil
	}
	if err := a.client.Patch(ctx, revision, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("patch ControllerRevision %s: %w", client.ObjectKeyFromObject(revision), err)
	}
	return nil
}
