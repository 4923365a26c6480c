// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// survey is what the archive tells of the buckets of a policy.
type survey struct {
	// originals are the names of its originals: there is one of every bucket that it
	// has written to and that has not left it, whether or not a status tells of it.
	originals map[bucketKey]string
	// released are the names of its former originals.
	released sets.Set[string]
}

// survey looks through all that is kept for a policy, brings the finalizers in
// line with that of the policy, and puts back the labels by which it is found. What
// was kept for an earlier policy of the same name, it abandons.
func (a archive) survey(ctx context.Context, policy *s3v1alpha1.BucketCORSPolicy) (survey, error) {
	found := survey{originals: map[bucketKey]string{}, released: sets.New[string]()}
	revisions, err := a.listMetadata(ctx, policy.Namespace)
	if err != nil {
		return survey{}, fmt.Errorf("look through what was saved: %w", err)
	}
	own := ownedBy(revisions, policy.UID)
	for i := range own {
		switch key := bucketOf(&own[i]); {
		case own[i].Annotations[s3v1alpha1.RevisionReasonAnnotation] == s3v1alpha1.RevisionFormerOriginal:
			found.released.Insert(own[i].Name)
		case isOriginal(&own[i]) && key.name != "":
			found.originals[key] = own[i].Name
		}
	}
	err = a.patchEach(ctx, revisions, func(revision *appsv1.ControllerRevision) {
		if owner := metav1.GetControllerOfNoCopy(revision); owner != nil && owner.Name == policy.Name {
			protectRevision(revision, owner.UID == policy.UID && isProtected(policy))
			if key := bucketOf(revision); key.name != "" {
				metav1.SetMetaDataLabel(&revision.ObjectMeta, s3v1alpha1.RevisionBucketLabel, bucketID(key))
			}
		}
	})
	if err != nil {
		return survey{}, fmt.Errorf("patch the finalizers of what was saved: %w", err)
	}
	return found, nil
}

// surveyLog remembers of which policies the archive has been asked, and what it
// told until a status tells as much. The archive tells of what happened between a
// write and the status that did not come: in another process, or because somebody
// changed the policy meanwhile. The zero value is ready to use.
type surveyLog struct {
	mu    sync.Mutex
	found map[types.UID]survey
}

// of is what the archive tells of a policy, if its status does not.
func (l *surveyLog) of(ctx context.Context, a archive, policy *s3v1alpha1.BucketCORSPolicy) (survey, error) {
	l.mu.Lock()
	known, found := l.found[policy.UID]
	l.mu.Unlock()
	// A status that is full may not tell of all.
	if found && len(policy.Status.Buckets) < maxBuckets {
		return known, nil
	}
	known, err := a.survey(ctx, policy)
	if err == nil {
		l.set(policy.UID, known)
	}
	return known, err
}

// told notes that the status of a policy tells all that the archive does.
func (l *surveyLog) told(policy types.UID) { l.set(policy, survey{}) }

func (l *surveyLog) set(policy types.UID, known survey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.found == nil {
		l.found = map[types.UID]survey{}
	}
	l.found[policy] = known
}

// forget has the archive asked again.
func (l *surveyLog) forget(policy types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.found, policy)
}
