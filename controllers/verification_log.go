// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

// verificationLog remembers what places answered, and what is to be asked. The zero
// value is ready to use.
type verificationLog struct {
	once  sync.Once
	queue *workqueue.Typed[types.NamespacedName]

	mu      sync.Mutex
	answers map[types.NamespacedName]map[string]placeAnswer
	// waiting are the jobs of the policies in the queue, running those that are being
	// done.
	waiting, running map[types.NamespacedName]verificationJob
	// wake causes a pass over a policy; nil when nobody does.
	wake func(reconcile.Request)
}

// placeAnswer is what a place answered, and to what.
type placeAnswer struct {
	report placeReport
	place  place
}

// ready is the queue of policies whose places are to be asked.
func (l *verificationLog) ready() *workqueue.Typed[types.NamespacedName] {
	l.once.Do(func() { l.queue = workqueue.NewTyped[types.NamespacedName]() })
	return l.queue
}

// submit has places of a policy asked, but for those that are being asked the same
// just now.
func (l *verificationLog) submit(policy types.NamespacedName, job verificationJob) {
	l.mu.Lock()
	defer l.mu.Unlock()
	running := l.running[policy].places
	job.places = slices.DeleteFunc(job.places, func(p place) bool { return slices.ContainsFunc(running, func(r place) bool { return r.answersFor(p) }) })
	if len(job.places) == 0 {
		return
	}
	if l.waiting == nil {
		l.waiting = map[types.NamespacedName]verificationJob{}
	}
	l.waiting[policy] = job
	l.ready().Add(policy)
}

// begin takes the job of a policy, if it has one.
func (l *verificationLog) begin(policy types.NamespacedName) (job verificationJob, found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	job, found = l.waiting[policy]
	delete(l.waiting, policy)
	if l.running == nil {
		l.running = map[types.NamespacedName]verificationJob{}
	}
	if found {
		// The caller orders its own.
		l.running[policy] = verificationJob{places: slices.Clone(job.places)}
	}
	return job, found
}

// end is told that a job is done.
func (l *verificationLog) end(policy types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.running, policy)
	if l.wake != nil {
		l.wake(reconcile.Request{NamespacedName: policy})
	}
}

// remember keeps what a place answered when it was tried; without an answer, that
// it was, and what it answered before to the same.
func (l *verificationLog) remember(policy types.NamespacedName, p place, tried time.Time, findings []PreflightFinding, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answers == nil {
		l.answers = map[types.NamespacedName]map[string]placeAnswer{}
	}
	if l.answers[policy] == nil {
		l.answers[policy] = map[string]placeAnswer{}
	}
	report := placeReport{place: p.name}
	if known, found := l.answers[policy][p.name]; found && known.place.answersFor(p) {
		report = known.report
	}
	if report.tried = tried; answered {
		report = report.answered(findings, p.written)
	}
	l.answers[policy][p.name] = placeAnswer{report, p}
}

// recall is what a place answered last, unless something has changed since, and
// whether it need not be asked again yet. Of a place that is held it is what is known.
func (l *verificationLog) recall(policy types.NamespacedName, p place, now time.Time, interval time.Duration) (report placeReport, current bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, found := l.answers[policy][p.name]
	if !found || !p.held && (!known.place.answersFor(p) || now.Before(known.report.tried)) {
		return placeReport{place: p.name}, false
	}
	return known.report, now.Sub(known.report.tried) < known.report.due(interval)
}

// asked is when a place was last asked, whatever about.
func (l *verificationLog) asked(policy types.NamespacedName, p place) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers[policy][p.name].report.asked
}

// keepOnly forgets places that a policy does not have any more. One that is just
// not asked for now, such as a bucket that could not be read, it may have again.
func (l *verificationLog) keepOnly(name types.NamespacedName, policy *s3v1alpha1.BucketCORSPolicy) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.answers[name], func(place string, _ placeAnswer) bool { return !hasPlace(policy, place) })
}

func (l *verificationLog) forget(policy types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.answers, policy)
	delete(l.waiting, policy)
}
