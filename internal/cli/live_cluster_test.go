// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/bucket"
)

// startAPIServer starts an API server without any kinds, and has the kubeconfig of
// the environment name it.
func startAPIServer(t *testing.T, answer http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	t.Setenv("KUBECONFIG", write(t, "kubeconfig", fmt.Sprintf(`
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me, namespace: team-a}}, {name: there, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: %q}}]
users: [{name: me, user: {token: not-shown-to-anybody}}]
`, server.URL)))
}

func TestAClusterThatDoesNotAnswerAsItShouldIsNamed(t *testing.T) {
	signAs(t, "key", "secret")
	policy := write(t, "policy.yaml", probedPolicy)
	for want, answer := range map[string]http.HandlerFunc{
		"does not know the kinds of bucketcors: install its CRDs": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			switch r.URL.Path {
			case "/api":
				fmt.Fprint(w, `{"kind": "APIVersions", "versions": ["v1"]}`)
			case "/apis":
				fmt.Fprint(w, `{"kind": "APIGroupList", "apiVersion": "v1", "groups": []}`)
			default:
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": "the server could not find the requested resource"}`)
			}
		},
		"does not know you: log in": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Unauthorized", "code": 401, "message": "Unauthorized"}`)
		},
		"of the cluster http://127.0.0.1": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
	} {
		startAPIServer(t, answer)
		for _, arguments := range []string{"diff", "diff -A", "diff -f " + policy, "import --bucket web-a", "import --all"} {
			status, stdout, stderr := runCommand(t, strings.Fields(arguments)...)
			if status != exitCouldNot || stdout != "" || !strings.Contains(stderr, want) || strings.Contains(stderr, "not-shown") {
				t.Errorf("%s: status %d, %q is missing in %s%s", arguments, status, want, stdout, stderr)
			}
		}
	}
}

func TestASecretThatCannotSignIsNoErrorOfTheServer(t *testing.T) {
	signing := liveProvider("https://s3.example")
	signing.Spec.Credentials = &v1alpha1.ProviderCredentials{SecretRef: &v1alpha1.SecretReference{Name: "s3-keys"}}
	c := fakeCluster(t, []string{"*v1.Secret"})
	for want, provider := range map[string]*v1alpha1.BucketProvider{
		"you may not get Secret s3-keys in namespace bucketcors-system": signing,
		`BucketProvider "default" has no Secret`:                        liveProvider("https://s3.example"),
	} {
		in, err := (&liveFlags{providerCredentials: true}).serviceOf(t.Context(), c, provider)
		policy := namingPolicy(func(p *v1alpha1.BucketCORSPolicy) {
			p.Spec.Rules = []v1alpha1.CORSRule{{AllowedOrigins: []v1alpha1.CORSOrigin{"*"}, AllowedMethods: []v1alpha1.CORSMethod{"GET"}}}
		})
		target := diffTarget{policy: &policy, in: in, failure: err, location: bucket.Location{Name: "web-a"}}
		among := controllers.Neighbours{Policies: []*v1alpha1.BucketCORSPolicy{&policy}, Providers: []*v1alpha1.BucketProvider{provider}, Labels: map[string]map[string]string{"team-a": {}}}
		provider.Spec.Access = []v1alpha1.AccessGrant{{Namespaces: []v1alpha1.NamespacePattern{"*"}, Buckets: []v1alpha1.BucketPattern{"*"}}}
		got := target.compare(t.Context(), newLiveClients(), among)
		if got.state != diffUnknown || got.reason != v1alpha1.ReasonSecretNotFound || !strings.HasPrefix(got.message, want) {
			t.Errorf("%s: %s, %s", got.state, got.reason, got.message)
		}
	}
}

func TestContextsOfTheKubeconfigComplete(t *testing.T) {
	startAPIServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	for arguments, want := range map[string]string{
		"diff --context ":    "here\nthere\n:4\n",
		"diff --namespace ":  ":4\n", // quickly, where the cluster does not answer
		"import --provider ": ":4\n",
		"import --mode ":     "Observe\nEnforce\n:4\n",
		"diff -o ":           "text\njson\n:4\n",
		"diff -f ":           "yaml\nyml\njson\n:8\n",
	} {
		_, stdout, _ := runCommand(t, append([]string{"__complete"}, strings.Split(arguments, " ")...)...)
		if stdout != want {
			t.Errorf("%s: %q and not %q", arguments, stdout, want)
		}
	}
}
