// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// maxSaved is how many revisions of a bucket a policy keeps, beside the original.
const maxSaved = 10

// policyKind is the kind of the owners of revisions.
const policyKind = "BucketCORSPolicy"

// hashLength is how many bytes of a hash stand for what was hashed, in the names
// and labels of revisions: as hexadecimal digits, twice as many characters.
const hashLength = 10

// newRevision is the ControllerRevision with which a policy saves a
// configuration of a bucket. Its name is the same each time, so that one policy
// never saves a configuration of a bucket twice; it differs when anything in the
// configuration does, be it the order of a list, which cors.Hash does not see.
func newRevision(policy *s3v1alpha1.BucketCORSPolicy, key bucketKey, saved savedConfiguration, reason string, number int64) (*appsv1.ControllerRevision, error) {
	data, err := encodeSaved(saved.configuration)
	if err != nil {
		return nil, err
	}
	owner := *metav1.NewControllerRef(policy, s3v1alpha1.SchemeGroupVersion.WithKind(policyKind))
	// Blocking a foreground deletion takes the right to update the finalizers of
	// the policy. Our own finalizer keeps what has to be kept.
	owner.BlockOwnerDeletion = nil
	revision := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: policy.Namespace,
			Name:      revisionName(policy, key, data),
			Labels:    map[string]string{s3v1alpha1.RevisionBucketLabel: bucketID(key)},
			Annotations: map[string]string{
				s3v1alpha1.RevisionBucketAnnotation:  key.name,
				s3v1alpha1.RevisionServiceAnnotation: key.service,
				s3v1alpha1.RevisionReasonAnnotation:  reason,
				s3v1alpha1.RevisionTimeAnnotation:    saved.foundAt.UTC().Format(time.RFC3339),
			},
			OwnerReferences: []metav1.OwnerReference{owner},
		},
		Data:     runtime.RawExtension{Raw: data},
		Revision: number,
	}
	protectRevision(revision, isProtected(policy))
	return revision, nil
}

// encodeSaved writes a configuration as the data of a revision. It refuses one
// that would not be read back exactly as it is.
func encodeSaved(configuration cors.Configuration) ([]byte, error) {
	document, err := cors.FormatJSON(configuration)
	if err != nil {
		return nil, err
	}
	// The API server writes an object anew for every patch, compact and with its
	// own escapes. Data in any other form then looks like a change to it, and
	// data must not change.
	data, err := json.Marshal(json.RawMessage(document))
	if err != nil {
		return nil, err
	}
	again, err := cors.ParseJSON(data)
	if err != nil {
		return nil, err
	}
	if written, err := cors.FormatJSON(again); err != nil || !bytes.Equal(written, document) {
		return nil, errors.New("the configuration cannot be written as JSON without a change to it")
	}
	return data, nil
}

// bucketID stands for a bucket in the value of a label.
func bucketID(key bucketKey) string { return shortHash(key.service, key.name) }

// bucketOf is the bucket that a revision is of.
func bucketOf(revision *appsv1.ControllerRevision) bucketKey {
	return bucketKey{revision.Annotations[s3v1alpha1.RevisionServiceAnnotation], revision.Annotations[s3v1alpha1.RevisionBucketAnnotation]}
}

// revisionName is the name of the policy, cut where it is too long, and a hash.
func revisionName(policy *s3v1alpha1.BucketCORSPolicy, key bucketKey, data []byte) string {
	suffix := "-" + shortHash(string(policy.UID), key.service, key.name, string(data))
	prefix := policy.Name[:min(len(policy.Name), validation.DNS1123SubdomainMaxLength-len(suffix))]
	return strings.TrimRight(prefix, "-.") + suffix
}

// shortHash tells lists of values apart, whatever is in them.
func shortHash(values ...string) string {
	var b []byte
	for _, value := range values {
		b = append(binary.AppendUvarint(b, uint64(len(value))), value...)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:hashLength])
}

// readRevision is what a revision holds. The error names the revision.
func readRevision(revision *appsv1.ControllerRevision) (savedConfiguration, error) {
	configuration, err := cors.ParseJSON(revision.Data.Raw)
	if err != nil {
		return savedConfiguration{}, fmt.Errorf("ControllerRevision %s holds no CORS configuration: %w", client.ObjectKeyFromObject(revision), err)
	}
	found := revision.Annotations[s3v1alpha1.RevisionTimeAnnotation]
	foundAt, err := time.Parse(time.RFC3339, found)
	if err != nil {
		return savedConfiguration{}, fmt.Errorf("ControllerRevision %s has %q in its annotation %s; put a time like 2006-01-02T15:04:05Z there",
			client.ObjectKeyFromObject(revision), found, s3v1alpha1.RevisionTimeAnnotation)
	}
	return savedConfiguration{revision: revision.Name, configuration: configuration, foundAt: foundAt.UTC()}, nil
}

// ownedBy are those of revisions that belong to one of the policies with these
// UIDs.
func ownedBy(revisions []appsv1.ControllerRevision, policies ...types.UID) []appsv1.ControllerRevision {
	var owned []appsv1.ControllerRevision
	for i := range revisions {
		if owner := metav1.GetControllerOfNoCopy(&revisions[i]); owner != nil && slices.Contains(policies, owner.UID) {
			owned = append(owned, revisions[i])
		}
	}
	return owned
}

// originalOf is the original among the revisions of a bucket: of several the one
// that was found first, because what was found later can be what a policy wrote.
// Nil when there is none. It is an error when one that could be it cannot be
// read.
func originalOf(revisions []appsv1.ControllerRevision) (*appsv1.ControllerRevision, savedConfiguration, error) {
	var original *appsv1.ControllerRevision
	var saved savedConfiguration
	for i := range revisions {
		if !isOriginal(&revisions[i]) {
			continue
		}
		candidate, err := readRevision(&revisions[i])
		if err != nil {
			return nil, savedConfiguration{}, err
		}
		if original == nil || candidate.foundAt.Before(saved.foundAt) {
			original, saved = &revisions[i], candidate
		}
	}
	return original, saved, nil
}

// hasOriginalOf is whether there is an original among the revisions of a bucket that
// was found at a moment or before it. One that cannot be read may be: it is for its
// owner to mend.
func hasOriginalOf(revisions []appsv1.ControllerRevision, moment time.Time) bool {
	original, saved, err := originalOf(revisions)
	return err != nil || original != nil && !saved.foundAt.After(moment)
}

func isOriginal(revision *appsv1.ControllerRevision) bool {
	return revision.Annotations[s3v1alpha1.RevisionReasonAnnotation] == s3v1alpha1.RevisionOriginal
}

// nextNumber comes after the numbers of all revisions of a bucket.
func nextNumber(revisions []appsv1.ControllerRevision) int64 {
	var highest int64
	for _, revision := range revisions {
		highest = max(highest, revision.Revision)
	}
	return highest + 1
}

// renew brings a revision up to wanted, which is about to be saved with the same
// configuration, and makes it the latest. An original stays one, with the time at
// which it was found first. Any other has the time at which it was found last,
// and becomes the original when wanted is that.
func renew(revision, wanted *appsv1.ControllerRevision) {
	if revision.Revision+1 != wanted.Revision {
		revision.Revision = wanted.Revision
	}
	if isOriginal(revision) {
		return
	}
	metav1.SetMetaDataAnnotation(&revision.ObjectMeta, s3v1alpha1.RevisionTimeAnnotation, wanted.Annotations[s3v1alpha1.RevisionTimeAnnotation])
	if isOriginal(wanted) {
		metav1.SetMetaDataAnnotation(&revision.ObjectMeta, s3v1alpha1.RevisionReasonAnnotation, s3v1alpha1.RevisionOriginal)
	}
	protectRevision(revision, isProtected(wanted))
}

// protectRevision puts the finalizer on an original, and takes it off whatever
// else has it. One that is being deleted already may not have it any more.
func protectRevision(revision *appsv1.ControllerRevision, wanted bool) {
	switch {
	case !wanted || !isOriginal(revision):
		controllerutil.RemoveFinalizer(revision, s3v1alpha1.FinalizerName)
	case revision.DeletionTimestamp.IsZero():
		controllerutil.AddFinalizer(revision, s3v1alpha1.FinalizerName)
	}
}

func isProtected(object client.Object) bool {
	return controllerutil.ContainsFinalizer(object, s3v1alpha1.FinalizerName)
}

// isVanishing is whether a revision is being deleted, and nothing of ours keeps
// it.
func isVanishing(revision *appsv1.ControllerRevision) bool {
	return !revision.DeletionTimestamp.IsZero() && !isProtected(revision)
}

// surplus are those of the revisions of a bucket that one policy has, that are
// more than it keeps: the oldest.
func surplus(revisions []appsv1.ControllerRevision) []appsv1.ControllerRevision {
	rest := slices.DeleteFunc(slices.Clone(revisions), func(revision appsv1.ControllerRevision) bool {
		return isOriginal(&revision) || isVanishing(&revision)
	})
	slices.SortStableFunc(rest, func(a, b appsv1.ControllerRevision) int { return cmp.Compare(b.Revision, a.Revision) })
	return rest[min(maxSaved, len(rest)):]
}
