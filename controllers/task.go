// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// bucketTask is one bucket to be worked on for a policy.
type bucketTask struct {
	policy    *s3v1alpha1.BucketCORSPolicy
	reference s3v1alpha1.BucketReference
	key       bucketKey
	// provider reaches the bucket; nil when the bucket has left the policy and no
	// provider reaches it any more.
	provider *s3v1alpha1.BucketProvider
	tenant   tenant
	// denied is why the provider does not permit the rules on the bucket; empty
	// when it does.
	denied string
	// leaving is whether the bucket leaves the policy, which is going away or does
	// not name it any more.
	leaving bool
	// home is the service on which the policy has a bucket of the same name that
	// stays; empty when it has none.
	home string
	// unseenAtHome is whether that one could not be read or taken over.
	unseenAtHome bool
	// before is the status of the bucket before this pass; the zero value when it
	// was another bucket of the same name.
	before s3v1alpha1.BucketStatus
	// original is the name of what the archive has as the original of the bucket, as
	// far as it was asked.
	original string

	// The rest is known when the work begins: claimants and claim once the bucket
	// is locked, and bucket once it is opened.

	log *writeLog
	now time.Time
	// interval is the time between two looks at the bucket in quiet times.
	interval  time.Duration
	claimants []claimant
	claim     claim
	bucket    Bucket
}

// surroundings are what a pass over a policy finds in the cluster beside it.
type surroundings struct {
	// provider is the policy's; nil when it does not exist.
	provider *s3v1alpha1.BucketProvider
	// providers are all that there are.
	providers []*s3v1alpha1.BucketProvider
	// tenant is the namespace of the policy.
	tenant tenant
	// archived is what the archive tells that the status may not; empty where that
	// has been dealt with.
	archived survey
}

// service is where the buckets of the policy are; empty when that is not known.
func (s surroundings) service() string {
	if s.provider == nil {
		return ""
	}
	return serviceOf(s.provider)
}

// tasksFor are the buckets that a pass over a policy has to do with: those of its
// spec, with why they are denied, and those that have left it and may still have
// something of it.
func tasksFor(policy *s3v1alpha1.BucketCORSPolicy, around surroundings, denied map[string]string) []bucketTask {
	var tasks []bucketTask
	add := func(task bucketTask) {
		task.policy, task.tenant = policy, around.tenant
		task.before = statusBefore(policy, task.key)
		task.original = around.archived.originals[task.key]
		if !task.leaving && task.original == "" && around.archived.released.Has(task.before.OriginalRevision) {
			// It left and is back before the status could say so.
			task.before.OriginalRevision = ""
		}
		tasks = append(tasks, task)
	}
	if around.provider != nil {
		for _, reference := range policy.Spec.Buckets {
			add(bucketTask{
				reference: reference, key: bucketKey{around.service(), reference.Name}, provider: around.provider,
				denied: denied[reference.Name], leaving: !policy.DeletionTimestamp.IsZero(),
			})
		}
	}
	for _, key := range left(policy, around.service(), around.archived.originals) {
		b := statusBefore(policy, key)
		home := ""
		if policy.DeletionTimestamp.IsZero() && names(policy, key.name) {
			home = around.service()
		}
		add(bucketTask{
			reference: s3v1alpha1.BucketReference{Name: key.name, Region: b.Region, ExpectedBucketOwner: b.ExpectedBucketOwner},
			key:       key, provider: around.reaching(key), leaving: true, home: home,
		})
	}
	return tasks
}

// left are the buckets that have left a policy and may still have something of
// it: those of its status that were its own once, and those that have an original
// and no status tells of. service is where the buckets of its spec are; while that is
// not known, none of those has left it, unless it is going away as a whole.
func left(policy *s3v1alpha1.BucketCORSPolicy, service string, originals map[bucketKey]string) []bucketKey {
	staying := func(key bucketKey) bool {
		switch {
		case !names(policy, key.name):
			return false
		case service == "":
			return policy.DeletionTimestamp.IsZero() && !statusBefore(policy, key).Leaving
		default:
			return key.service == service
		}
	}
	var keys []bucketKey
	for _, b := range policy.Status.Buckets {
		if key := (bucketKey{b.Service, b.Name}); ownedBefore(b) && !staying(key) {
			keys = append(keys, key)
		}
	}
	for key := range originals {
		if !staying(key) && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// reaching is a provider through which the policy can reach a bucket that has
// left it: of those that grant the bucket to it its own or, failing that, the
// first by name. Without any, it is its own, if that is where the bucket is; else
// nil.
func (s surroundings) reaching(key bucketKey) *s3v1alpha1.BucketProvider {
	here := s.provider != nil && s.service() == key.service
	if here && granted(s.provider.Spec.Access, s.tenant, key.name) {
		return s.provider
	}
	var found *s3v1alpha1.BucketProvider
	for _, provider := range s.providers {
		if serviceOf(provider) == key.service && granted(provider.Spec.Access, s.tenant, key.name) && (found == nil || provider.Name < found.Name) {
			found = provider
		}
	}
	if found == nil && here {
		return s.provider
	}
	return found
}

// ownedBefore is whether a status tells of a bucket that its policy had once.
func ownedBefore(b s3v1alpha1.BucketStatus) bool {
	return b.ConfigurationHash != "" || b.LastAppliedTime != nil || b.OriginalRevision != ""
}

// statusBefore is what the status of a policy says of a bucket, unless that was
// said of one of the same name elsewhere. Where the service is not known, it is
// what is said of the bucket of that name that the policy has.
func statusBefore(policy *s3v1alpha1.BucketCORSPolicy, key bucketKey) s3v1alpha1.BucketStatus {
	for _, b := range policy.Status.Buckets {
		if b.Name == key.name && (b.Service == key.service || key.service == "" && !b.Leaving) {
			return b
		}
	}
	return s3v1alpha1.BucketStatus{Name: key.name, Service: key.service}
}

// observes is whether the policy never writes to its buckets.
func observes(policy *s3v1alpha1.BucketCORSPolicy) bool {
	return policy.Spec.Mode == s3v1alpha1.PolicyModeObserve
}

// compose is the configuration that the bucket has to have, seen by its policy.
func (t bucketTask) compose(live cors.Configuration) composition {
	var observer *s3v1alpha1.BucketCORSPolicy
	if observes(t.policy) {
		observer = t.policy
	}
	return composeFor(t.key, t.claim.holders, live, observer)
}

// ours is whether a configuration is the one that the bucket would have to have
// if it did not leave its policy, or if it were the policy's alone.
func (t bucketTask) ours(live cors.Configuration) bool {
	if cors.Equal(configurationFor(t.policy.Spec.Rules), live) {
		return true
	}
	policy := t.policy.DeepCopy()
	policy.DeletionTimestamp = nil
	policy.Spec.Buckets = []s3v1alpha1.BucketReference{t.reference}
	claimants := slices.DeleteFunc(slices.Clone(t.claimants), func(c claimant) bool { return c.policy.UID == policy.UID })
	who := t.tenant
	who.terminating = false
	claim := claimOn(t.key, append(claimants, claimant{policy, t.provider, who}))
	return claim.holds(policy) && cors.Equal(composeFor(t.key, claim.holders, live, nil).configuration, live)
}

// unmetBefore is which expectation was not met when the bucket was last read; empty
// when all were, and when that says nothing any more: the policy is another, or the
// failure is the bucket's own.
func (t bucketTask) unmetBefore(failure *bucket.Error) string {
	if !passes(failure) || t.before.Reason != s3v1alpha1.ReasonExpectationFailed || t.policy.Status.ObservedGeneration != t.policy.Generation {
		return ""
	}
	return t.before.Message
}

// ownWrite is the last write of this policy to the bucket that is remembered.
func (t bucketTask) ownWrite() *loggedWrite {
	if logged := t.log.last(t.key); logged != nil && logged.policy == t.policy.UID {
		return logged
	}
	return nil
}

// owned is whether the bucket ever was the policy's.
func (t bucketTask) owned() bool {
	return t.original != "" || ownedBefore(t.before) || t.ownWrite() != nil
}

// written is when the bucket was last written to for one of the policies that name
// it, as far as that is remembered or told by their status; zero when it is not.
func (t bucketTask) written() time.Time {
	var last time.Time
	if logged := t.log.last(t.key); logged != nil {
		last = logged.time
	}
	for _, c := range t.claimants {
		// A time in the future is that of a replica whose clock is wrong.
		if at := statusBefore(c.policy, t.key).LastAppliedTime; at != nil && at.After(last) && !at.After(t.now) {
			last = at.Time
		}
	}
	return last
}

// wrote is whether a configuration with that hash was put on the bucket, or seen
// there as desired, for one of the policies that name it.
func (t bucketTask) wrote(hash string) bool {
	if logged := t.log.last(t.key); logged != nil && logged.hash == hash {
		return true
	}
	return slices.ContainsFunc(t.claimants, func(c claimant) bool {
		return statusBefore(c.policy, t.key).ConfigurationHash == hash
	})
}

// predecessors are those of the claimants that may have found the bucket as it was
// before any of them: those that had it, as their status tells, which nobody but
// the operator writes, and those that are granted it, so that they could have put
// there whatever they claim to have found; their status may be on its way. One that
// leaves the bucket as it is has no say: that is what was there before its
// successors.
func (t bucketTask) predecessors() []claimant {
	return slices.DeleteFunc(slices.Clone(t.claimants), func(c claimant) bool {
		had := ownedBefore(statusBefore(c.policy, t.key))
		may := c.provider != nil && serviceOf(c.provider) == t.key.service && granted(c.provider.Spec.Access, c.tenant, t.key.name)
		return !had && !may || leavesAsItIs(c.policy) && c.leaves(t.key)
	})
}

// leaves is whether a bucket leaves the policy, or has left it.
func (c claimant) leaves(key bucketKey) bool {
	return !c.policy.DeletionTimestamp.IsZero() || !names(c.policy, key.name) || c.provider != nil && serviceOf(c.provider) != key.service
}

// outrun is whether the policy has changed, or is gone, since the pass over it
// began.
func (t bucketTask) outrun() bool {
	i := slices.IndexFunc(t.claimants, func(c claimant) bool { return c.policy.UID == t.policy.UID })
	if i < 0 {
		return names(t.policy, t.key.name)
	}
	return t.claimants[i].policy.Generation != t.policy.Generation
}

// view is what decides about the bucket: its status knows of writes before the
// operator's start, the log of writes that no status tells yet, and of those of
// other policies while they have not settled.
func (t bucketTask) view(desired, live cors.Configuration) view {
	v := view{
		desired:     desired,
		live:        live,
		appliedHash: t.before.ConfigurationHash,
		observe:     observes(t.policy),
		now:         t.now,
	}
	if t.before.LastAppliedTime != nil {
		v.write = &write{time: t.before.LastAppliedTime.Time, hash: t.before.ConfigurationHash}
	}
	logged := t.log.last(t.key)
	switch {
	case logged == nil || (v.write != nil && logged.time.Before(v.write.time)):
	case logged.policy != t.policy.UID:
		if t.now.Sub(logged.time) < settleTime {
			v.write, v.appliedHash = &logged.write, ""
		}
	case v.write != nil && logged.time.Equal(v.write.time):
		v.write = &logged.write
	default:
		v.write, v.appliedHash = &logged.write, logged.hash
	}
	return v
}

// found is what is on the bucket: the live configuration or, where that may be
// from before the last write, what that has written.
func (t bucketTask) found(v view) cors.Configuration {
	if logged := t.log.last(t.key); logged != nil && v.outdated() {
		return logged.configuration
	}
	return v.live
}

// former is what the last write replaced, while browsers may still be answered by
// it.
func (t bucketTask) former() []cors.Configuration {
	if logged := t.log.last(t.key); logged != nil && t.now.Sub(logged.time) < propagationTime {
		return []cors.Configuration{logged.replaced}
	}
	return nil
}

// writer is the task with the policy that a write to a bucket that leaves is
// said to be of: one of the heirs, from whom the bucket has to leave next.
func (t bucketTask) writer(done action, heirs []*s3v1alpha1.BucketCORSPolicy) bucketTask {
	if done == handedOver && len(heirs) > 0 {
		t.policy = heirs[0]
	}
	return t
}

// logWrite remembers that a view of the bucket was answered with a write.
func (t bucketTask) logWrite(v view, written cors.Configuration, drift *s3v1alpha1.Drift, now time.Time) *loggedWrite {
	entry := loggedWrite{
		write:         write{time: now, hash: cors.Hash(written), replacedHash: cors.Hash(v.live)}.over(v.write),
		policy:        t.policy.UID,
		name:          types.NamespacedName{Namespace: t.policy.Namespace, Name: t.policy.Name},
		configuration: written,
		replaced:      v.live,
		drift:         drift,
	}
	t.log.record(t.key, entry)
	return &entry
}
