// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
)

func TestHelmLintFindsNothing(t *testing.T) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			lint := action.NewLint()
			lint.Strict, lint.Namespace = true, namespace
			result := lint.Run([]string{chartDir}, parseValues(t, c.values))
			for _, err := range result.Errors {
				t.Error(err)
			}
		})
	}
}

func TestValuesThatCannotWorkAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ values, says string }{
		"a name that is not known":                    {"replicas: 2", "additional properties 'replicas' not allowed"},
		"a name that is not known, further down":      {"metrics: {serviceMonitor: {enable: true}}", "at '/metrics/serviceMonitor': additional properties 'enable' not allowed"},
		"a name of the image that is not known":       {"image: {name: x}", "at '/image': additional properties 'name' not allowed"},
		"resources of another shape":                  {"resources: {cpu: 1}", "at '/resources': additional properties 'cpu' not allowed"},
		"a boolean that is a string":                  {`webhook: {enabled: "yes"}`, "at '/webhook/enabled': got string, want boolean"},
		"a negative number of pods":                   {"replicaCount: -1", "at '/replicaCount': minimum"},
		"no policies at a time":                       {"concurrency: 0", "at '/concurrency': minimum"},
		"an interval without a unit":                  {`driftCheckInterval: "5"`, "at '/driftCheckInterval'"},
		"a pull policy that there is not":             {"image: {pullPolicy: Sometimes}", "at '/image/pullPolicy': value must be one of 'IfNotPresent', 'Always', 'Never'"},
		"a digest that is cut off":                    {"image: {digest: 'sha256:0123'}", "at '/image/digest'"},
		"a tag in the repository":                     {"image: {repository: 'bucketcors/bucketcors:v1'}", "at '/image/repository'"},
		"a pull secret without the word name":         {"image: {pullSecrets: [registry]}", "at '/image/pullSecrets/0': got string, want object"},
		"a log level that there is not":               {"logging: {level: loud}", "at '/logging/level'"},
		"a format of logs that there is not":          {"logging: {format: xml}", "at '/logging/format'"},
		"an argument without dashes":                  {"extraArgs: [concurrency=3]", "at '/extraArgs/0'"},
		"environment variables as a map":              {"extraEnv: {A: b}", "at '/extraEnv': got object, want array"},
		"an annotation that is a number":              {"podAnnotations: {a: 1}", "at '/podAnnotations/a': got number, want string"},
		"a certificate from nowhere":                  {"webhook: {certificates: Vault}", "at '/webhook/certificates': value must be one of"},
		"a webhook that takes a minute":               {"webhook: {timeoutSeconds: 60}", "at '/webhook/timeoutSeconds': maximum"},
		"an authority that is not PEM":                {"webhook: {caBundle: LS0t}", "at '/webhook/caBundle'"},
		"a port that is none":                         {"networkPolicy: {egress: {ports: [70000]}}", "at '/networkPolicy/egress/ports/0': maximum"},
		"a budget that lets no pod go":                {"podDisruptionBudget: {maxUnavailable: 0}", "at '/podDisruptionBudget/maxUnavailable'"},
		"a name of a provider in capitals":            {"provider: {name: Default}", "at '/provider/name'"},
		"a fate of policies that there is not":        {"uninstall: {policies: Orphan}", "at '/uninstall/policies': value must be one of 'Delete', 'Keep'"},
		"a provider without a spec":                   {"provider: {enabled: true}", "provider.spec: say which service"},
		"two pods without leader election":            {"{replicaCount: 2, leaderElection: {enabled: false}}", "replicaCount: more than one pod needs leaderElection.enabled=true"},
		"a ServiceAccount of somebody, without name":  {"serviceAccount: {create: false}", "serviceAccount.name: with serviceAccount.create=false, name"},
		"a certificate in a Secret that has no name":  {"webhook: {enabled: true, certificates: Secret}", "webhook.secret: with webhook.certificates=Secret, name the Secret"},
		"CRDs that go, and policies that stay":        {"{crds: {keep: false}, uninstall: {policies: Keep}}", "crds.keep: false needs uninstall.policies=Delete"},
		"CRDs that go, and nobody to delete policies": {"{crds: {keep: false}, rbac: {create: false}}", "crds.keep: false needs uninstall.policies=Delete"},
		"a certificate in a Secret, and no authority": {"webhook: {enabled: true, certificates: Secret, secret: x}", "webhook.caBundle: with webhook.certificates=Secret"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := render(t, c.values, nil)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error with %q", err, c.says)
			}
		})
	}
}
