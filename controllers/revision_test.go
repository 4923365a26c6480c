// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// assets is the bucket that most tests are about.
var assets = bucketKey{service: "aws", name: "assets"}

// found is a configuration that was found on a bucket at a time.
func found(configuration cors.Configuration, at time.Time) savedConfiguration {
	return savedConfiguration{configuration: configuration, foundAt: at}
}

func mustRevision(t *testing.T, policy *s3v1alpha1.BucketCORSPolicy, key bucketKey, saved savedConfiguration, reason string, number int64) *appsv1.ControllerRevision {
	t.Helper()
	revision, err := newRevision(policy, key, saved, reason, number)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func TestARevisionSaysWhatWasFoundWhereWhenAndWhy(t *testing.T) {
	policy := aPolicy("assets")
	at := time.Date(2026, time.March, 1, 13, 0, 0, 999, time.FixedZone("CET", 3600))
	got := mustRevision(t, policy, assets, found(nothing, at), s3v1alpha1.RevisionForeignChange, 7)
	want := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team-a",
			Name:      got.Name,
			Labels:    map[string]string{"s3.bucketcors.dev/bucket-id": bucketID(assets)},
			Annotations: map[string]string{
				"s3.bucketcors.dev/bucket":   "assets",
				"s3.bucketcors.dev/service":  "aws",
				"s3.bucketcors.dev/reason":   "ForeignChange",
				"s3.bucketcors.dev/found-at": "2026-03-01T12:00:00Z",
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "s3.bucketcors.dev/v1alpha1", Kind: "BucketCORSPolicy", Name: "web", UID: "team-a/web", Controller: new(true),
			}},
		},
		Revision: 7,
	}
	want.Data.Raw = []byte(`{"CORSRules":[]}`)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if !strings.HasPrefix(got.Name, "web-") {
		t.Errorf("the name %q does not begin with that of the policy", got.Name)
	}
}

func TestOnlyAnOriginalOfAPolicyWithTheFinalizerHasIt(t *testing.T) {
	for _, reason := range []string{s3v1alpha1.RevisionOriginal, s3v1alpha1.RevisionForeignChange, s3v1alpha1.RevisionFormerOriginal} {
		for _, finalizers := range [][]string{nil, {s3v1alpha1.FinalizerName}, {"example.com/other"}} {
			policy := aPolicy("assets")
			policy.Finalizers = finalizers
			want := reason == s3v1alpha1.RevisionOriginal && slices.Contains(finalizers, s3v1alpha1.FinalizerName)
			if got := isProtected(mustRevision(t, policy, assets, found(ours, noon), reason, 1)); got != want {
				t.Errorf("%s of a policy with the finalizers %q: protected is %t", reason, finalizers, got)
			}
		}
	}
}

// everything has all that a bucket can have.
var everything = cors.Configuration{Rules: []cors.Rule{
	{
		ID: "a <b> & 'c' \"d\" \\ é \u2028 \U0001F600", AllowedOrigins: []string{"https://b.example", "*", "https://b.example", "a*z"},
		AllowedMethods: []string{"PUT", "GET", "PUT"}, AllowedHeaders: []string{"X-B", "x-a", "x-b", ""}, ExposeHeaders: []string{"ETag", "etag"},
		MaxAgeSeconds: new(int32(0)),
	},
	{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}},
	{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(1<<31 - 1))},
	{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(-1))},
	{},
}}

func TestWhatIsSavedReadsBackAsItWas(t *testing.T) {
	expectReadsBack := func(t *testing.T, configuration cors.Configuration) {
		t.Helper()
		revision := mustRevision(t, aPolicy("assets"), assets, found(configuration, noon), s3v1alpha1.RevisionOriginal, 1)
		got, err := readRevision(revision)
		if want := (savedConfiguration{revision.Name, configuration, noon}); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("saved %+v\nread %+v, %v", want, got, err)
		}
		// In this form it is not changed when an object is encoded anew.
		if again, err := json.Marshal(json.RawMessage(revision.Data.Raw)); err != nil || string(again) != string(revision.Data.Raw) {
			t.Fatalf("%s encoded again is %s, %v", revision.Data.Raw, again, err)
		}
	}
	t.Run("nothing", func(t *testing.T) { expectReadsBack(t, nothing) })
	t.Run("everything there is", func(t *testing.T) { expectReadsBack(t, everything) })
	t.Run("more than S3 takes", func(t *testing.T) {
		expectReadsBack(t, cors.Configuration{Rules: slices.Repeat(everything.Rules, 1000)})
	})
	t.Run("anything", func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		for range 2000 {
			expectReadsBack(t, randomConfiguration(random))
		}
	})
}

func randomConfiguration(random *rand.Rand) cors.Configuration {
	characters := []rune("aB*.:/- <>&'\"\\\t\n\r\x00\x7f\u0085\u2028\u2029\ufeff\ufffdé\U0001F600")
	text := func() string {
		var b strings.Builder
		for range random.IntN(6) {
			b.WriteRune(characters[random.IntN(len(characters))])
		}
		return b.String()
	}
	list := func() []string {
		var values []string
		for range random.IntN(4) {
			values = append(values, text())
		}
		return values
	}
	var configuration cors.Configuration
	for range random.IntN(4) {
		rule := cors.Rule{ID: text(), AllowedOrigins: list(), AllowedMethods: list(), AllowedHeaders: list(), ExposeHeaders: list()}
		if random.IntN(2) == 0 {
			rule.MaxAgeSeconds = new(int32(random.IntN(3) - 1))
		}
		configuration.Rules = append(configuration.Rules, rule)
	}
	return configuration
}

// FuzzWhatIsSavedReadsBackAsItWas is that nothing is ever saved as something
// else; it may be refused.
func FuzzWhatIsSavedReadsBackAsItWas(f *testing.F) {
	for _, seed := range []string{"", "a", "\xff", "\uFFFD\\ufffd", "\\ud800", "<>&\u2028"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, id, origin string) {
		configuration := cors.Configuration{Rules: []cors.Rule{{ID: id, AllowedOrigins: []string{origin}}}}
		revision, err := newRevision(aPolicy("assets"), assets, found(configuration, noon), s3v1alpha1.RevisionOriginal, 1)
		if err != nil {
			return
		}
		if got, err := readRevision(revision); err != nil || !reflect.DeepEqual(got.configuration, configuration) {
			t.Errorf("saved %+v, read %+v, %v", configuration, got.configuration, err)
		}
	})
}

func TestWhatJSONCannotCarryIsNotSaved(t *testing.T) {
	bad := cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"https://\xff.example"}}}}
	_, err := newRevision(aPolicy("assets"), assets, found(bad, noon), s3v1alpha1.RevisionOriginal, 1)
	if want := `rules[0].allowedOrigins[0]: JSON cannot carry "https://\xff.example"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNamesOfRevisionsAreValidAndTellThemApart(t *testing.T) {
	named := func(namespace, name string) *s3v1alpha1.BucketCORSPolicy { return namedPolicy(namespace, name, noon) }
	swapped := cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"b", "a"}}}}
	inOrder := cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"a", "b"}}}}
	reborn := named("team-a", "web")
	reborn.UID = "another"
	names := map[string]string{}
	for what, revision := range map[string]*appsv1.ControllerRevision{
		"a revision":             mustRevision(t, named("team-a", "web"), assets, found(inOrder, noon), s3v1alpha1.RevisionOriginal, 1),
		"another order":          mustRevision(t, named("team-a", "web"), assets, found(swapped, noon), s3v1alpha1.RevisionOriginal, 1),
		"no configuration":       mustRevision(t, named("team-a", "web"), assets, found(nothing, noon), s3v1alpha1.RevisionOriginal, 1),
		"another bucket":         mustRevision(t, named("team-a", "web"), bucketKey{"aws", "logs"}, found(inOrder, noon), s3v1alpha1.RevisionOriginal, 1),
		"another service":        mustRevision(t, named("team-a", "web"), bucketKey{"aws-cn", "assets"}, found(inOrder, noon), s3v1alpha1.RevisionOriginal, 1),
		"service and bucket":     mustRevision(t, named("team-a", "web"), bucketKey{"awsa", "ssets"}, found(inOrder, noon), s3v1alpha1.RevisionOriginal, 1),
		"a policy made anew":     mustRevision(t, reborn, assets, found(inOrder, noon), s3v1alpha1.RevisionOriginal, 1),
		"a very long name":       mustRevision(t, named("team-a", strings.Repeat("x", 253)), assets, found(inOrder, noon), s3v1alpha1.RevisionOriginal, 1),
		"a name cut after a dot": mustRevision(t, named("team-a", strings.Repeat("x", 231)+"."+strings.Repeat("y", 21)), assets, found(inOrder, noon), s3v1alpha1.RevisionOriginal, 1),
		"labels in the name":     mustRevision(t, named("team-a", strings.Repeat("a.", 126)+"a"), assets, found(inOrder, noon), s3v1alpha1.RevisionOriginal, 1),
	} {
		if problems := validation.IsDNS1123Subdomain(revision.Name); len(problems) > 0 {
			t.Errorf("%s: %q: %q", what, revision.Name, problems)
		}
		if other, taken := names[revision.Name]; taken {
			t.Errorf("%s has the name of %s, %q", what, other, revision.Name)
		}
		names[revision.Name] = what
		for _, label := range revision.Labels {
			if problems := validation.IsValidLabelValue(label); len(problems) > 0 {
				t.Errorf("%s: %q: %q", what, label, problems)
			}
		}
	}
	if bucketID(bucketKey{"aws", "assets"}) == bucketID(bucketKey{"awsa", "ssets"}) {
		t.Error("two buckets have one label")
	}
}

// Revisions of before an upgrade have to be found by the operator after it.
func TestNamesAndLabelsOfRevisionsDoNotChange(t *testing.T) {
	revision := mustRevision(t, aPolicy("assets"), assets, found(cors.Configuration{Rules: []cors.Rule{{ID: "a"}}}, noon), s3v1alpha1.RevisionOriginal, 1)
	if want := "web-6cf7ba2414e8ca750e75"; revision.Name != want {
		t.Errorf("the name is %q, not %q", revision.Name, want)
	}
	if got, want := bucketID(assets), "0229157ffacbf20a05e7"; got != want {
		t.Errorf("the label is %q, not %q", got, want)
	}
}

func TestARevisionThatCannotBeReadIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(*appsv1.ControllerRevision)
		want  string
	}{
		"no data": {
			func(r *appsv1.ControllerRevision) { r.Data.Raw = nil },
			"ControllerRevision team-a/NAME holds no CORS configuration: line 1, column 1: the JSON ends too early",
		},
		"the data of a StatefulSet": {
			func(r *appsv1.ControllerRevision) { r.Data.Raw = []byte(`{"spec":{}}`) },
			`ControllerRevision team-a/NAME holds no CORS configuration: line 1, column 2: unknown key "spec"; known are CORSRules`,
		},
		"no time": {
			func(r *appsv1.ControllerRevision) { delete(r.Annotations, s3v1alpha1.RevisionTimeAnnotation) },
			`ControllerRevision team-a/NAME has "" in its annotation s3.bucketcors.dev/found-at; put a time like 2006-01-02T15:04:05Z there`,
		},
		"yesterday": {
			func(r *appsv1.ControllerRevision) { r.Annotations[s3v1alpha1.RevisionTimeAnnotation] = "yesterday" },
			`ControllerRevision team-a/NAME has "yesterday" in its annotation s3.bucketcors.dev/found-at; put a time like 2006-01-02T15:04:05Z there`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			revision := mustRevision(t, aPolicy("assets"), assets, found(ours, noon), s3v1alpha1.RevisionOriginal, 1)
			tt.spoil(revision)
			want := strings.ReplaceAll(tt.want, "NAME", revision.Name)
			if _, err := readRevision(revision); err == nil || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
			if original, _, err := originalOf([]appsv1.ControllerRevision{*revision}); original != nil || err == nil || err.Error() != want {
				t.Errorf("as an original: got %v, %v\nwant %s", original, err, want)
			}
		})
	}
}

func TestTheOriginalIsTheOneThatWasFoundFirst(t *testing.T) {
	policy := aPolicy("assets")
	at := func(reason string, configuration cors.Configuration, minutes int) appsv1.ControllerRevision {
		return *mustRevision(t, policy, assets, found(configuration, noon.Add(time.Duration(minutes)*time.Minute)), reason, 1)
	}
	for name, tt := range map[string]struct {
		revisions []appsv1.ControllerRevision
		want      *cors.Configuration
	}{
		"of none there is none": {nil, nil},
		"what others put there is no original": {
			[]appsv1.ControllerRevision{at(s3v1alpha1.RevisionForeignChange, theirs, 1), at(s3v1alpha1.RevisionFormerOriginal, third, 0)}, nil,
		},
		"one is found among others": {
			[]appsv1.ControllerRevision{at(s3v1alpha1.RevisionForeignChange, theirs, 0), at(s3v1alpha1.RevisionOriginal, third, 1)}, &third,
		},
		"of several the first is taken": {
			[]appsv1.ControllerRevision{at(s3v1alpha1.RevisionOriginal, theirs, 2), at(s3v1alpha1.RevisionOriginal, third, 1), at(s3v1alpha1.RevisionOriginal, ours, 3)}, &third,
		},
		"no configuration is an original too": {
			[]appsv1.ControllerRevision{at(s3v1alpha1.RevisionOriginal, nothing, 0)}, &nothing,
		},
	} {
		t.Run(name, func(t *testing.T) {
			original, saved, err := originalOf(tt.revisions)
			switch {
			case err != nil:
				t.Fatal(err)
			case (original == nil) != (tt.want == nil):
				t.Fatalf("got %v", original)
			case tt.want != nil && (!reflect.DeepEqual(saved.configuration, *tt.want) || saved.revision != original.Name):
				t.Errorf("got %+v of %s, want %+v", saved, original.Name, *tt.want)
			}
		})
	}
}

func TestRevisionsBelongToTheirControllerAlone(t *testing.T) {
	mine := mustRevision(t, namedPolicy("team-a", "web", noon), assets, found(ours, noon), s3v1alpha1.RevisionOriginal, 1)
	other := mustRevision(t, namedPolicy("team-a", "api", noon), assets, found(ours, noon), s3v1alpha1.RevisionOriginal, 1)
	orphan := mine.DeepCopy()
	orphan.OwnerReferences = nil
	guest := mine.DeepCopy()
	guest.OwnerReferences[0].Controller = nil
	all := []appsv1.ControllerRevision{*other, *mine, *orphan, *guest}
	for name, tt := range map[string]struct {
		policies []types.UID
		want     []appsv1.ControllerRevision
	}{
		"of nobody":    {nil, nil},
		"of one":       {[]types.UID{"team-a/web"}, all[1:2]},
		"of two":       {[]types.UID{"team-a/web", "team-a/api"}, all[:2]},
		"of a new one": {[]types.UID{"team-b/web"}, nil},
	} {
		if got := ownedBy(all, tt.policies...); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestTheLastTenAreKeptBesideTheOriginal(t *testing.T) {
	revision := func(reason string, number int64) appsv1.ControllerRevision {
		return *mustRevision(t, aPolicy("assets"), assets, found(ours, noon), reason, number)
	}
	var twelve []appsv1.ControllerRevision
	for number := range int64(12) {
		twelve = append(twelve, revision(s3v1alpha1.RevisionForeignChange, 13-number))
	}
	vanishing := revision(s3v1alpha1.RevisionForeignChange, 20)
	vanishing.DeletionTimestamp, vanishing.Finalizers = at(noon), []string{"example.com/other"}
	for name, tt := range map[string]struct {
		revisions []appsv1.ControllerRevision
		want      []int64
	}{
		"of none nothing is too much":         {nil, nil},
		"ten are not too many":                {twelve[:10], nil},
		"of twelve the first two go":          {twelve, []int64{3, 2}},
		"the original stays":                  {append([]appsv1.ControllerRevision{revision(s3v1alpha1.RevisionOriginal, 1)}, twelve...), []int64{3, 2}},
		"a former original goes like another": {append([]appsv1.ControllerRevision{revision(s3v1alpha1.RevisionFormerOriginal, 1)}, twelve[:10]...), []int64{1}},
		"what is going already does not count": {
			append([]appsv1.ControllerRevision{vanishing}, twelve[:10]...), nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(tt.revisions)
			var got []int64
			for _, revision := range surplus(tt.revisions) {
				got = append(got, revision.Revision)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %d, want %d", got, tt.want)
			}
			if !reflect.DeepEqual(tt.revisions, before) {
				t.Error("the list was changed")
			}
		})
	}
}

func TestWhatIsFoundAgainBecomesTheLatest(t *testing.T) {
	const (
		original = s3v1alpha1.RevisionOriginal
		foreign  = s3v1alpha1.RevisionForeignChange
		former   = s3v1alpha1.RevisionFormerOriginal
	)
	policy := aPolicy("assets")
	policy.Finalizers = []string{s3v1alpha1.FinalizerName}
	later := noon.Add(time.Hour)
	for name, tt := range map[string]struct {
		reason, saved string
		number, next  int64
		wantReason    string
		wantTime      time.Time
		wantNumber    int64
	}{
		"a foreign change found again":             {foreign, foreign, 2, 5, foreign, later, 5},
		"a former original found again":            {former, foreign, 2, 5, former, later, 5},
		"the original found again":                 {original, foreign, 1, 5, original, noon, 5},
		"a foreign change that is the original":    {foreign, original, 2, 5, original, later, 5},
		"a former original that is one again":      {former, original, 2, 5, original, later, 5},
		"the latest stays where it is":             {foreign, foreign, 4, 5, foreign, later, 4},
		"the original as the latest is left alone": {original, foreign, 4, 5, original, noon, 4},
	} {
		t.Run(name, func(t *testing.T) {
			got := mustRevision(t, policy, assets, found(theirs, noon), tt.reason, tt.number)
			renew(got, mustRevision(t, policy, assets, found(theirs, later), tt.saved, tt.next))
			if want := mustRevision(t, policy, assets, found(theirs, tt.wantTime), tt.wantReason, tt.wantNumber); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}
