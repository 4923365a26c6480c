// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// scenario is what happens to every object of a small cluster, in the order in
// which it happens to that object. In which order it happens to different
// objects is not said: that is what must not matter.
//
// What is left out is what depends on the order by design: policies that are
// deleted while they are suspended, that only observe, or that retain; Restore
// beside Delete; a server that rejects a configuration for good; buckets that
// are deleted and made again.
type scenario struct {
	deletionPolicy s3v1alpha1.DeletionPolicy
	// buckets are what is on each bucket in the beginning, by label.
	buckets map[string]cors.Configuration
	// edits are what somebody else puts on buckets, by label.
	edits      map[string][]cors.Configuration
	providers  []providerHistory
	namespaces []namespaceHistory
	policies   []policyHistory
}

// providerHistory is a provider with the grants that it has one after the other.
type providerHistory struct {
	name, endpoint string
	// site is how the service of the provider ends the labels of its buckets.
	site   string
	grants [][]modelGrant
}

// modelGrant grants a bucket, or all when it is empty, to a namespace, or to all
// that have the label when that is empty.
type modelGrant struct{ namespace, bucket string }

// namespaceHistory is a namespace, and whether it has the label.
type namespaceHistory struct {
	name     string
	labelled []bool
}

// policyHistory is a policy with its specs one after the other.
type policyHistory struct {
	namespace, name string
	created         time.Time
	specs           []modelSpec
	deleted         bool
}

func (p policyHistory) String() string { return p.namespace + "/" + p.name }

type modelSpec struct {
	// provider is the index of the provider.
	provider           int
	buckets            []string
	rules              []cors.Rule
	shared             bool
	priority           int32
	suspended, invalid bool
	expects            []modelExpectation
}

// modelExpectation is that pages of an origin can read, or cannot.
type modelExpectation struct {
	origin  string
	allowed bool
}

// meets is whether a configuration does what a spec expects.
func (s modelSpec) meets(c cors.Configuration) bool {
	return !slices.ContainsFunc(s.expects, func(e modelExpectation) bool {
		return e.allowed != slices.ContainsFunc(c.Rules, func(r cors.Rule) bool { return slices.Contains(r.AllowedOrigins, e.origin) })
	})
}

// isIn is whether the rules of a spec are in a configuration, next to each other.
func (s modelSpec) isIn(c cors.Configuration) bool {
	for i := range len(c.Rules) - len(s.rules) + 1 {
		if reflect.DeepEqual(c.Rules[i:i+len(s.rules)], s.rules) {
			return true
		}
	}
	return false
}

func (s modelSpec) String() string {
	flags := ""
	for flag, set := range map[string]bool{" Shared": s.shared, " suspended": s.suspended, " invalid": s.invalid} {
		if set {
			flags += flag
		}
	}
	var ids []string
	for _, rule := range s.rules[:min(3, len(s.rules))] {
		ids = append(ids, fmt.Sprintf("%q %s", rule.ID, strings.Join(rule.AllowedOrigins, "+")))
	}
	for _, e := range s.expects {
		flags += fmt.Sprintf(" expects %s %t", e.origin, e.allowed)
	}
	return fmt.Sprintf("provider %d, buckets %v, priority %d%s, %d rules: %s", s.provider, s.buckets, s.priority, flags, len(s.rules), strings.Join(ids, ", "))
}

// moment is how far the history of each object has come. A policy that is not
// there yet is at -1, and one that was deleted at the number of its specs.
type moment struct{ providers, namespaces, policies, edits []int }

// end is when everything has happened.
func (s scenario) end() moment {
	var m moment
	for _, p := range s.providers {
		m.providers = append(m.providers, len(p.grants)-1)
	}
	for _, n := range s.namespaces {
		m.namespaces = append(m.namespaces, len(n.labelled)-1)
	}
	for _, p := range s.policies {
		last := len(p.specs) - 1
		if p.deleted {
			last++
		}
		m.policies = append(m.policies, last)
	}
	return m
}

// spec is that of a policy which is there and not being deleted.
func (s scenario) spec(m moment, policy int) (modelSpec, bool) {
	at := m.policies[policy]
	if at < 0 || at == len(s.policies[policy].specs) {
		return modelSpec{}, false
	}
	return s.policies[policy].specs[at], true
}

func (s scenario) granted(m moment, provider int, namespace, label string) bool {
	labelled := false
	for i, n := range s.namespaces {
		labelled = labelled || n.name == namespace && n.labelled[m.namespaces[i]]
	}
	name := strings.TrimSuffix(label, s.providers[provider].site)
	return slices.ContainsFunc(s.providers[provider].grants[m.providers[provider]], func(g modelGrant) bool {
		return (g.bucket == "" || g.bucket == name) && (g.namespace == namespace || g.namespace == "" && labelled)
	})
}

// names is whether a spec names a bucket.
func (s scenario) names(spec modelSpec, label string) bool {
	site := s.providers[spec.provider].site
	return slices.ContainsFunc(spec.buckets, func(name string) bool { return name+site == label })
}

// holders are the policies that have a bucket, in the order of their rules.
func (s scenario) holders(m moment, label string) []int {
	var able []int
	for i, p := range s.policies {
		if spec, found := s.spec(m, i); found && s.names(spec, label) && s.granted(m, spec.provider, p.namespace, label) {
			able = append(able, i)
		}
	}
	if len(able) == 0 {
		return nil
	}
	slices.SortFunc(able, func(a, b int) int {
		p, q := s.policies[a], s.policies[b]
		return cmp.Or(p.created.Compare(q.created), strings.Compare(p.String(), q.String()))
	})
	if spec, _ := s.spec(m, able[0]); !spec.shared {
		return able[:1]
	}
	able = slices.DeleteFunc(able, func(i int) bool { spec, _ := s.spec(m, i); return !spec.shared })
	slices.SortFunc(able, func(a, b int) int {
		left, _ := s.spec(m, a)
		right, _ := s.spec(m, b)
		return cmp.Or(cmp.Compare(right.priority, left.priority), strings.Compare(s.policies[a].String(), s.policies[b].String()))
	})
	return able
}

// composed is what holders make up together, and those that fit. It is not known
// while one of them keeps what was in force before, as do those whose expectations
// are not met by it.
func (s scenario) composed(m moment, holders []int) (whole cors.Configuration, fitting []int, known bool) {
	taken := map[string]bool{}
	for _, i := range holders {
		spec, _ := s.spec(m, i)
		if spec.suspended || spec.invalid {
			return whole, nil, false
		}
		clash := slices.ContainsFunc(spec.rules, func(r cors.Rule) bool { return taken[r.ID] })
		if clash || len(whole.Rules)+len(spec.rules) > 100 {
			continue
		}
		for _, rule := range spec.rules {
			taken[rule.ID] = rule.ID != ""
		}
		whole.Rules = append(whole.Rules, spec.rules...)
		fitting = append(fitting, i)
	}
	for _, i := range fitting {
		if spec, _ := s.spec(m, i); !spec.meets(whole) {
			return whole, nil, false
		}
	}
	return whole, fitting, true
}

// disputed is whether an expectation of one of the holders is not met in the end, so
// that what is there depends on what was in force.
func (s scenario) disputed(label string) bool {
	holders := s.holders(s.end(), label)
	_, _, known := s.composed(s.end(), holders)
	return len(holders) > 0 && !known
}

// contested is whether it depends on the order what is left of a bucket when
// nobody has it any more: somebody else changes it, or a policy can lose it to a
// change of grants, or by its own move to a provider that does not grant it,
// which leaves its rules there, or a policy does nothing any more, because its
// own rules are not what it expects.
func (s scenario) contested(label string) bool {
	return len(s.edits[label]) > 0 || slices.ContainsFunc(s.policies, func(p policyHistory) bool {
		last := p.specs[len(p.specs)-1]
		idle := !p.deleted && !last.shared && !last.meets(cors.Configuration{Rules: last.rules})
		return s.losable(p, label) || idle && slices.ContainsFunc(p.specs, func(spec modelSpec) bool { return s.names(spec, label) })
	})
}

// losable is whether a policy can have a bucket and then not be granted it any
// more while it still names it.
func (s scenario) losable(p policyHistory, label string) bool {
	own := slices.IndexFunc(s.namespaces, func(n namespaceHistory) bool { return n.name == p.namespace })
	type state struct{ grants, labelled int }
	var had bool
	for _, spec := range p.specs {
		if !s.names(spec, label) {
			continue
		}
		m := s.end()
		var has []state
		for grants := range s.providers[spec.provider].grants {
			for labelled := range s.namespaces[own].labelled {
				m.providers[spec.provider], m.namespaces[own] = grants, labelled
				if s.granted(m, spec.provider, p.namespace, label) {
					has = append(has, state{grants, labelled})
					continue
				}
				if had || slices.ContainsFunc(has, func(h state) bool { return h.grants <= grants && h.labelled <= labelled }) {
					return true
				}
			}
		}
		had = had || len(has) > 0
	}
	return false
}

// foreign are all configurations that somebody else has on a bucket at any time.
func (s scenario) foreign(label string) []cors.Configuration {
	return append([]cors.Configuration{s.buckets[label]}, s.edits[label]...)
}

// isForeign is whether a configuration is one of those.
func (s scenario) isForeign(label string, c cors.Configuration) bool {
	return slices.ContainsFunc(s.foreign(label), func(f cors.Configuration) bool { return reflect.DeepEqual(f, c) })
}

// home is what a bucket has to have when no policy has it any more. written is
// whether the operator ever wrote to it.
func (s scenario) home(label string, written bool) cors.Configuration {
	if s.deletionPolicy == s3v1alpha1.DeletionPolicyDelete && written {
		return cors.Configuration{}
	}
	return s.buckets[label]
}

// final is what a bucket has to have in the end; false when that is not defined.
func (s scenario) final(label string, written bool) (cors.Configuration, bool) {
	if holders := s.holders(s.end(), label); len(holders) > 0 {
		whole, _, known := s.composed(s.end(), holders)
		return whole, known
	}
	return s.home(label, written), !s.contested(label)
}

// held is whether somebody has a bucket in the end.
func (s scenario) held(label string) bool { return len(s.holders(s.end(), label)) > 0 }

// state is what the status of a policy has to say of a bucket in the end.
func (s scenario) state(policy int, label string) string {
	m := s.end()
	spec, _ := s.spec(m, policy)
	holders := s.holders(m, label)
	_, fitting, _ := s.composed(m, holders)
	switch {
	case !s.granted(m, spec.provider, s.policies[policy].namespace, label):
		return "Denied NotPermitted"
	case slices.Contains(fitting, policy):
		return "Synced Synced"
	case slices.Contains(holders, policy):
		return "Conflicted DoesNotFit"
	default:
		return "Conflicted Conflicted"
	}
}

// randomScenario makes one up.
func randomScenario(w walk) scenario {
	const elsewhere = "@https://other.internal:9000"
	s := scenario{
		deletionPolicy: []s3v1alpha1.DeletionPolicy{"", s3v1alpha1.DeletionPolicyRestore, s3v1alpha1.DeletionPolicyDelete}[w.IntN(3)],
		buckets:        map[string]cors.Configuration{},
		edits:          map[string][]cors.Configuration{},
		providers: []providerHistory{
			{name: s3v1alpha1.DefaultProviderName, endpoint: "https://s3.internal:9000"},
			{name: "mirror", endpoint: "HTTPS://S3.internal:9000/"},
			{name: "elsewhere", endpoint: "https://other.internal:9000", site: elsewhere},
		},
		namespaces: []namespaceHistory{{name: "team-a"}, {name: "team-b"}, {name: "team-c"}},
	}
	names := []string{"assets", "media", "logs"}[:1+w.IntN(3)]
	for _, label := range append(slices.Clone(names), "assets"+elsewhere) {
		s.buckets[label] = w.foreignConfiguration("original")
	}
	// A policy that has moved away from a service needs a grant to clean up there.
	withdraws := w.one(2)
	for i := range s.providers {
		s.providers[i].grants = [][]modelGrant{w.grants(names)}
		for withdraws && w.one(2) {
			s.providers[i].grants = append(s.providers[i].grants, w.grants(names))
		}
		if !withdraws {
			s.providers[i].grants = append(s.providers[i].grants, append(slices.Clone(s.providers[i].grants[0]), modelGrant{namespace: "team-a"}, modelGrant{namespace: "team-b"}))
		}
	}
	for i := range s.namespaces {
		s.namespaces[i].labelled = []bool{w.one(2)}
		for withdraws && w.one(3) {
			s.namespaces[i].labelled = append(s.namespaces[i].labelled, w.one(2))
		}
	}
	for i := range 3 + w.IntN(3) {
		s.policies = append(s.policies, w.policy(i, names, !withdraws))
	}
	for label := range s.buckets {
		for s.held(label) && w.one(3) {
			edit := w.foreignConfiguration(fmt.Sprintf("edit%d", len(s.edits[label])))
			if w.one(4) {
				edit = s.buckets[label]
			}
			s.edits[label] = append(s.edits[label], edit)
		}
	}
	if w.one(2) {
		for i := range s.policies {
			w.expectations(&s.policies[i])
		}
	}
	return s
}

// expectations adds some to a policy: about its own rules, and about those that
// others have at some time, which may or may not be there.
func (w walk) expectations(p *policyHistory) {
	var expects []modelExpectation
	for i := range p.specs {
		if i == 0 || w.one(3) {
			expects = nil
			for w.one(2) {
				theirs := fmt.Sprintf("https://p%d-v%d-0.example.com", w.IntN(5), 1+w.IntN(2))
				expects = append(expects, modelExpectation{theirs, w.one(4)})
			}
		}
		p.specs[i].expects = expects
		if w.one(3) {
			p.specs[i].expects = append(slices.Clone(expects), modelExpectation{p.specs[i].rules[0].AllowedOrigins[0], !w.one(5)})
		}
	}
}

// foreignConfiguration is what only somebody else would write: the operator
// neither repeats values nor has them in this order.
func (w walk) foreignConfiguration(name string) cors.Configuration {
	var c cors.Configuration
	for i := range w.IntN(3) {
		rule := cors.Rule{
			AllowedOrigins: []string{fmt.Sprintf("https://%s-%d.example", name, i), "https://a.example"},
			AllowedMethods: []string{"PUT", "GET"},
		}
		if w.one(2) {
			rule.ID = "web"
			rule.AllowedHeaders = []string{"X-Amz-*", "Content-Type"}
		}
		if w.one(2) {
			rule.MaxAgeSeconds = new(int32(w.IntN(2)))
		}
		c.Rules = append(c.Rules, rule)
		if rule.ID != "" {
			break
		}
	}
	return c
}

func (w walk) grants(buckets []string) []modelGrant {
	var grants []modelGrant
	for _, namespace := range []string{"team-a", "team-b", "team-c", ""} {
		switch w.IntN(4) {
		case 0:
			grants = append(grants, modelGrant{namespace, buckets[w.IntN(len(buckets))]})
		case 1, 2:
			grants = append(grants, modelGrant{namespace: namespace})
		}
	}
	return grants
}

func (w walk) policy(number int, buckets []string, moves bool) policyHistory {
	p := policyHistory{
		namespace: "team-" + string("abc"[w.IntN(3)]), name: fmt.Sprintf("p%d", number),
		created: noon.Add(-time.Duration(w.IntN(4)) * time.Minute), deleted: w.one(3),
	}
	version := 0
	spec := modelSpec{provider: min(w.IntN(4), 2), shared: !w.one(3)}
	change := func(aspect int) {
		switch aspect {
		case 0:
			version++
			spec.rules = w.rules(fmt.Sprintf("%s-v%d", p.name, version))
		case 1:
			spec.buckets = nil
			for len(spec.buckets) == 0 {
				spec.buckets = slices.DeleteFunc(slices.Clone(buckets), func(string) bool { return w.one(2) })
			}
		case 2:
			spec.shared = !spec.shared
		case 3:
			spec.priority = int32(w.IntN(3))
		case 4:
			if moves {
				spec.provider = w.IntN(3)
			}
		}
	}
	change(0)
	change(1)
	change(3)
	p.specs = []modelSpec{spec}
	for w.one(2) {
		switch w.IntN(8) {
		case 0: // back to what was
			spec = p.specs[w.IntN(len(p.specs))]
			spec.suspended, spec.invalid = false, false
		case 1: // for a while
			paused := spec
			paused.suspended = !p.deleted && w.one(2)
			paused.invalid = !paused.suspended
			p.specs = append(p.specs, paused)
			change(w.IntN(4))
		default:
			change(w.IntN(5))
			if w.one(3) {
				change(w.IntN(5))
			}
		}
		p.specs = append(p.specs, spec)
	}
	return p
}

func (w walk) rules(name string) []cors.Rule {
	n := 1 + w.IntN(2)
	if w.one(8) {
		n = 60
	}
	var rules []cors.Rule
	for i := range n {
		rule := cors.Rule{AllowedOrigins: []string{fmt.Sprintf("https://%s-%d.example.com", name, i)}, AllowedMethods: []string{"GET"}}
		if i == 0 {
			rule.ID = []string{"", "web", "api", name}[w.IntN(4)]
		}
		rules = append(rules, rule)
	}
	return rules
}

// apiPolicy is a policy with one of its specs, as the API has it.
func (s scenario) apiPolicy(policy, version int) *s3v1alpha1.BucketCORSPolicy {
	p := s.policies[policy]
	object := namedPolicy(p.namespace, p.name, p.created)
	object.Generation = int64(version + 1)
	object.Spec = s.apiSpec(p.specs[version])
	return object
}

func (s scenario) apiSpec(spec modelSpec) s3v1alpha1.BucketCORSPolicySpec {
	api := s3v1alpha1.BucketCORSPolicySpec{
		ProviderRef:    &s3v1alpha1.ProviderReference{Name: s.providers[spec.provider].name},
		Priority:       spec.priority,
		Suspend:        spec.suspended,
		DeletionPolicy: s.deletionPolicy,
	}
	if spec.shared {
		api.Sharing = s3v1alpha1.SharingShared
	}
	for _, name := range spec.buckets {
		api.Buckets = append(api.Buckets, s3v1alpha1.BucketReference{Name: name})
	}
	for _, rule := range spec.rules {
		api.Rules = append(api.Rules, s3v1alpha1.CORSRule{
			ID: rule.ID, AllowedOrigins: []s3v1alpha1.CORSOrigin{s3v1alpha1.CORSOrigin(rule.AllowedOrigins[0])}, AllowedMethods: []s3v1alpha1.CORSMethod{"GET"},
		})
	}
	for i, e := range spec.expects {
		outcome := s3v1alpha1.OutcomeDenied
		if e.allowed {
			outcome = ""
		}
		api.Expectations = append(api.Expectations, reads(fmt.Sprint(i), e.origin, outcome))
	}
	if spec.invalid {
		api.Rules[0].AllowedOrigins = []s3v1alpha1.CORSOrigin{"https://*.*.example"}
	}
	return api
}

// tier is the label of namespaces that grants select.
const tier = "tier"

func (s scenario) apiProvider(provider, version int) *s3v1alpha1.BucketProvider {
	p := s.providers[provider]
	object := &s3v1alpha1.BucketProvider{
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Generation: int64(version + 1)},
		Spec:       s3v1alpha1.BucketProviderSpec{Region: "us-east-1", Endpoint: p.endpoint},
	}
	for _, g := range p.grants[version] {
		access := grant(cmp.Or(g.namespace, "*"), cmp.Or(g.bucket, "*"))
		if g.namespace == "" {
			access.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{tier: "web"}}
		}
		object.Spec.Access = append(object.Spec.Access, access)
	}
	return object
}

func (s scenario) apiNamespace(namespace, version int) client.Object {
	object := aNamespace(s.namespaces[namespace].name)
	if s.namespaces[namespace].labelled[version] {
		object.Labels = map[string]string{tier: "web"}
	}
	return object
}
