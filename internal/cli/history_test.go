// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

func TestSavedRevisionsAreReadAsFarAsTheyCanBe(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*appsv1.ControllerRevision)
		data   string
		want   string // policy, bucket, why, time and rules
	}{
		"as the operator saves it": {nil, savedData, "p web-a Original 2026-11-22T07:14:41Z 1"},
		"with nothing":             {nil, noData, "p web-a Original 2026-11-22T07:14:41Z 0"},
		"of a Deployment": {func(r *appsv1.ControllerRevision) {
			r.OwnerReferences[0].Kind, r.OwnerReferences[0].APIVersion = "Deployment", "apps/v1"
		}, savedData, " web-a Original 2026-11-22T07:14:41Z 1"},
		"of nobody":            {func(r *appsv1.ControllerRevision) { r.OwnerReferences = nil }, savedData, " web-a Original 2026-11-22T07:14:41Z 1"},
		"of no time":           {func(r *appsv1.ControllerRevision) { r.Annotations[v1alpha1.RevisionTimeAnnotation] = "noon" }, savedData, "p web-a Original unknown 1"},
		"without annotations":  {func(r *appsv1.ControllerRevision) { r.Annotations = nil }, savedData, "p   unknown 1"},
		"with data of others":  {nil, `{"spec":{"template":{}}}`, "p web-a Original 2026-11-22T07:14:41Z unreadable"},
		"with an empty object": {nil, `{}`, "p web-a Original 2026-11-22T07:14:41Z unreadable"},
		"with null":            {nil, `null`, "p web-a Original 2026-11-22T07:14:41Z unreadable"},
		"without data":         {nil, ``, "p web-a Original 2026-11-22T07:14:41Z unreadable"},
		"of another timezone": {func(r *appsv1.ControllerRevision) {
			r.Annotations[v1alpha1.RevisionTimeAnnotation] = "2026-11-22T09:14:41+02:00"
		}, savedData, "p web-a Original 2026-11-22T07:14:41Z 1"},
	} {
		revision := savedObject(test.data)
		if test.change != nil {
			test.change(revision)
		}
		s := readSaved(revision)
		if got := strings.Join([]string{s.policy, s.bucket, s.why, s.time(), s.rules()}, " "); got != test.want {
			t.Errorf("%s: %q and not %q", name, got, test.want)
		}
		if (s.policyUID != "") != (s.policy != "") {
			t.Errorf("%s: policy %q has the UID %q", name, s.policy, s.policyUID)
		}
	}
}

// listed are revisions as a cluster has them: a hostile one, one that cannot be read,
// and two of a bucket.
func listed() []savedRevision {
	at := func(name, moment, data string, change func(*appsv1.ControllerRevision)) savedRevision {
		revision := savedObject(data)
		revision.Name, revision.Annotations[v1alpha1.RevisionTimeAnnotation] = name, moment
		if change != nil {
			change(revision)
		}
		return readSaved(revision)
	}
	return []savedRevision{
		at("p-2", "2026-11-22T08:00:00Z", strings.Replace(savedData, "https://www", "https://<&\u009b", 1), nil),
		at("p-1", "2026-11-22T07:00:00Z", noData, nil),
		at("p-3", "", `{"spec":{}}`, func(r *appsv1.ControllerRevision) {
			r.Annotations[v1alpha1.RevisionBucketAnnotation], r.Annotations[v1alpha1.RevisionReasonAnnotation] = "a\tb\n\x1b[2J", "Why\u009b"
		}),
	}
}

func TestHistoryIsATableForPeople(t *testing.T) {
	for namespace, want := range map[string]string{
		"team-a": "BUCKET     SAVED                  WHY        RULES        POLICY   REVISION\n" +
			"web-a      2026-11-22T08:00:00Z   Original   1            p        p-2\n" +
			"web-a      2026-11-22T07:00:00Z   Original   0            p        p-1\n" +
			"a\uFFFDb\uFFFD\uFFFD[2J   unknown                Why\uFFFD       unreadable   p        p-3\n",
		"": "NAMESPACE   BUCKET     SAVED                  WHY        RULES        POLICY   REVISION\n" +
			"team-a      web-a      2026-11-22T08:00:00Z   Original   1            p        p-2\n" +
			"team-a      web-a      2026-11-22T07:00:00Z   Original   0            p        p-1\n" +
			"team-a      a\uFFFDb\uFFFD\uFFFD[2J   unknown                Why\uFFFD       unreadable   p        p-3\n",
	} {
		cmd, stdout, stderr := saying(t.Context())
		if err := (&historyOptions{}).text(cmd, listed(), "", namespace); err != nil || stdout.String() != want || stderr.String() != "" {
			t.Errorf("%v\n%s\nand not\n%s\n%s", err, stdout, want, stderr)
		}
	}
}

func TestHistoryOfNothingSaysOfWhat(t *testing.T) {
	for want, o := range map[string]struct{ policy, bucket, namespace string }{
		"nothing is saved in namespace team-a: ":                           {"", "", "team-a"},
		"nothing is saved by policy p in namespace team-a: ":               {"p", "", "team-a"},
		"nothing is saved of bucket web\uFFFDa: ":                          {"", "web\x1ba", ""},
		"nothing is saved by policy p of bucket web-a in namespace team-a": {"p", "web-a", "team-a"},
	} {
		cmd, stdout, stderr := saying(t.Context())
		err := (&historyOptions{bucket: o.bucket}).text(cmd, nil, o.policy, o.namespace)
		if err != nil || stdout.String() != "" || !strings.HasPrefix(stderr.String(), "note: "+want) {
			t.Errorf("%v, %s%s and not %s", err, stdout, stderr, want)
		}
	}
}

func TestHistoryIsJSONForPrograms(t *testing.T) {
	cmd, stdout, _ := saying(t.Context())
	if err := historyJSON(cmd, listed()); err != nil {
		t.Fatal(err)
	}
	var entries []map[string]any
	if err := json.Unmarshal([]byte(stdout.String()), &entries); err != nil || len(entries) != 3 {
		t.Fatalf("%v, %s", err, stdout)
	}
	keys := func(entry map[string]any) string {
		var found []string
		for _, key := range []string{"namespace", "policy", "bucket", "service", "revision", "why", "foundAt", "configuration", "error"} {
			if _, has := entry[key]; has {
				found = append(found, key)
			}
		}
		return fmt.Sprint(len(entry), found)
	}
	if got := keys(entries[0]); got != "8 [namespace policy bucket service revision why foundAt configuration]" {
		t.Error(got)
	}
	if got := keys(entries[2]); got != "7 [namespace policy bucket service revision why error]" {
		t.Error(got)
	}
	if !strings.Contains(stdout.String(), "https://<&") || fmt.Sprint(entries[1]["configuration"]) != "map[CORSRules:[]]" {
		t.Errorf("%s", stdout)
	}

	cmd, stdout, _ = saying(t.Context())
	if err := historyJSON(cmd, nil); err != nil || stdout.String() != "[]\n" {
		t.Errorf("%v, %s", err, stdout)
	}
}

func TestPrintedRulesAreReadBackAndMoveNoCursor(t *testing.T) {
	of := cors.Configuration{Rules: []cors.Rule{{
		ID: "a\u009b31m\u007f <é> \\ \"", AllowedOrigins: []string{"https://a.example"}, AllowedMethods: []string{"GET"}, MaxAgeSeconds: new(int32(0)),
	}}}
	text, err := rulesText(of)
	if err != nil || text != strings.ReplaceAll(printable(strings.ReplaceAll(text, "\n", "\x00")), "\uFFFD", "\n") || !strings.HasSuffix(text, "}\n") {
		t.Errorf("%v, %q", err, text)
	}
	back, err := cors.ParseJSON([]byte(text))
	if err != nil || !equalBothWays(back, of) || back.Rules[0].ID != of.Rules[0].ID {
		t.Errorf("%v, %+v", err, back)
	}
	if _, err := rulesText(cors.Configuration{Rules: []cors.Rule{{ID: "\xff"}}}); err == nil {
		t.Error("no error")
	}
}

// servedKinds are those that a cluster of clusterWith knows, by the group and version.
var servedKinds = map[string][]metav1.APIResource{
	"apps/v1": {{Name: "controllerrevisions", Kind: "ControllerRevision", Namespaced: true}},
	"s3.bucketcors.dev/v1alpha1": {
		{Name: "bucketcorspolicies", Kind: "BucketCORSPolicy", Namespaced: true},
		{Name: "bucketproviders", Kind: "BucketProvider"},
	},
}

// clusterWith is an API server with these objects, of which those that have a
// namespace are in team-a.
func clusterWith(objects ...client.Object) http.HandlerFunc {
	answers := map[string]any{"/api": metav1.APIVersions{Versions: []string{"v1"}}}
	groups := metav1.APIGroupList{}
	for version, kinds := range servedKinds {
		group, short, _ := strings.Cut(version, "/")
		served := metav1.GroupVersionForDiscovery{GroupVersion: version, Version: short}
		groups.Groups = append(groups.Groups, metav1.APIGroup{Name: group, Versions: []metav1.GroupVersionForDiscovery{served}, PreferredVersion: served})
		answers["/apis/"+version] = metav1.APIResourceList{GroupVersion: version, APIResources: kinds}
		for _, kind := range kinds {
			items := []client.Object{}
			all := "/apis/" + version + "/" + kind.Name
			one := all
			if kind.Namespaced {
				one = "/apis/" + version + "/namespaces/team-a/" + kind.Name
			}
			for _, o := range objects {
				if strings.HasSuffix(fmt.Sprintf("%T", o), "."+kind.Kind) {
					o.GetObjectKind().SetGroupVersionKind(schema.FromAPIVersionAndKind(version, kind.Kind))
					items = append(items, o)
					answers[one+"/"+o.GetName()] = o
				}
			}
			list := map[string]any{"apiVersion": version, "kind": kind.Kind + "List", "items": items}
			answers[all], answers[one] = list, list
		}
	}
	answers["/apis"] = groups
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer, found := answers[r.URL.Path]
		if !found {
			w.WriteHeader(http.StatusNotFound)
			answer = json.RawMessage(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": "there is none"}`)
		}
		_ = json.NewEncoder(w).Encode(answer) // a client that is gone needs no answer
	}
}

func TestHistoryPicksWhatIsAskedFor(t *testing.T) {
	signAs(t, "key", "secret")
	named := func(name, policy, bucketName, moment string) *appsv1.ControllerRevision {
		r := savedObject(savedData)
		r.Name, r.OwnerReferences[0].Name = name, policy
		r.Annotations[v1alpha1.RevisionBucketAnnotation], r.Annotations[v1alpha1.RevisionTimeAnnotation] = bucketName, moment
		return r
	}
	hostile := named("q-3", "q", "web-b", "")
	hostile.Annotations[v1alpha1.RevisionReasonAnnotation] = "a\tb\nc\x1b"
	hostile.Labels = nil
	broken := named("q-4", "q", "web-d", "")
	broken.Data.Raw = []byte(`{}`)
	startAPIServer(t, clusterWith(named("p-1", "p", "web-b", "2026-11-22T07:00:00Z"), named("p-2", "p", "web-a", "2026-11-22T07:00:00Z"),
		named("q-1", "q", "web-b", "2026-11-22T08:00:00Z"), named("q-2", "q", "web-b", "2026-11-22T07:00:00Z"), hostile, broken))
	for arguments, want := range map[string]string{
		"":                     "p-2 q-1 p-1 q-2 q-3 q-4",
		"p":                    "p-2 p-1",
		"--bucket web-b":       "q-1 p-1 q-2 q-3",
		"-A --bucket web-a":    "p-2",
		"q --bucket web-b":     "q-1 q-2 q-3",
		"p --bucket web-c":     "",
		"--namespace team-a p": "p-2 p-1",
	} {
		status, stdout, stderr := runCommand(t, append([]string{"history"}, strings.Fields(arguments)...)...)
		var got []string
		for line := range strings.Lines(stdout) {
			if words := strings.Fields(line); words[0] != "BUCKET" && words[0] != "NAMESPACE" {
				got = append(got, words[len(words)-1])
			}
		}
		if status != exitOK || strings.Join(got, " ") != want || (stderr == "") != (want != "") {
			t.Errorf("%s: status %d, %q and not %q, %s", arguments, status, got, want, stderr)
		}
		status, stdout, stderr = runCommand(t, append([]string{"history", "-o", "json"}, strings.Fields(arguments)...)...)
		var entries []historyEntry
		if err := json.Unmarshal([]byte(stdout), &entries); err != nil || status != exitOK || stderr != "" || len(entries) != len(strings.Fields(want)) {
			t.Errorf("%s: %v, status %d, %s%s", arguments, err, status, stdout, stderr)
		}
	}
	for arguments, want := range map[string]string{
		"history --revision p-1 -n team-b":   "namespace team-b has no ControllerRevision \"p-1\": bucketcors history -n team-b lists",
		"history --revision q-3":             "ControllerRevision team-a/q-3 is not one of bucketcors",
		"history --revision q-4":             "ControllerRevision team-a/q-4 holds no CORS configuration",
		"restore q-4":                        "ControllerRevision team-a/q-4 holds no CORS configuration",
		"restore q-3":                        "ControllerRevision team-a/q-3 is not one of bucketcors",
		"history p --revision p-1":           "--revision is one alone",
		"history --revision p-1 --bucket b":  "--revision is one alone",
		"history --revision p-1 -o text":     "leave out --output",
		"history --revision p-1 -A":          "--all-namespaces tells of all policies",
		"history p -A":                       "--all-namespaces tells of all policies",
		"history -n team-a -A":               "--all-namespaces tells of all policies",
		"history p q":                        `history tells of one policy, or of all: leave out "q"`,
		"restore p-1 p-2":                    "name the one revision",
		"restore p-1 --operator-namespace x": "--operator-namespace is where the Secret of --provider-credentials is",
		"restore p-1 --endpoint http://x":    `unknown flag "--endpoint"`,
	} {
		status, stdout, stderr := runCommand(t, strings.Fields(arguments)...)
		if status != exitCouldNot || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, %s%s", arguments, status, stdout, stderr)
		}
	}
	status, stdout, _ := runCommand(t, "history", "--revision", "p-1")
	if saved, err := cors.ParseJSON([]byte(stdout)); status != exitOK || err != nil || len(saved.Rules) != 1 {
		t.Errorf("status %d, %v, %s", status, err, stdout)
	}
	const revisions = "p-2\tOriginal of web-a, 2026-11-22T07:00:00Z\nq-1\tOriginal of web-b, 2026-11-22T08:00:00Z\np-1\tOriginal of web-b, 2026-11-22T07:00:00Z\n" +
		"q-2\tOriginal of web-b, 2026-11-22T07:00:00Z\nq-3\ta\uFFFDb\uFFFDc\uFFFD of web-b, unknown\nq-4\tOriginal of web-d, unknown\n:4\n"
	for arguments, want := range map[string]string{
		"history --revision ": revisions,
		"restore ":            revisions,
		"restore p-1 ":        ":4\n",
		"history p ":          ":4\n",
		"history ":            ":4\n", // this cluster has no policies
	} {
		if _, stdout, _ := runCommand(t, append([]string{"__complete"}, strings.Split(arguments, " ")...)...); stdout != want {
			t.Errorf("%s: %q and not %q", arguments, stdout, want)
		}
	}

	// As people call it.
	var out, errs strings.Builder
	if status := runAs(t.Context(), plugin, []string{"restore", "p-9"}, strings.NewReader(""), &out, &errs); status != exitCouldNot ||
		!strings.Contains(errs.String(), "kubectl bucketcors history -n team-a lists those that there are") {
		t.Errorf("status %d, %s", status, errs.String())
	}
}
