// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const aCertificate = `|
    -----BEGIN CERTIFICATE-----
    MIIBdDCCARmgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDEwl0ZXN0LWNh
    -----END CERTIFICATE-----
`

// cases are values that people have, each with what has to be in the rendering,
// as kind/name and a piece of its YAML, or what must not be.
var cases = map[string]struct {
	values string
	has    []string // "Kind/name: text", text may be empty
	lacks  []string // "Kind/name"
}{
	"defaults": {
		has: []string{
			"Deployment/bucketcors-manager: image: ghcr.io/bucketcors/bucketcors:v0.1.0",
			"CustomResourceDefinition/bucketproviders.s3.bucketcors.dev: helm.sh/resource-policy: keep",
			"Job/bucketcors-uninstall: --timeout=4m",
		},
		lacks: []string{
			"PodDisruptionBudget/bucketcors-manager", "NetworkPolicy/bucketcors-manager", "ServiceMonitor/bucketcors",
			"ValidatingWebhookConfiguration/bucketcors", "BucketProvider/default", "Namespace/" + namespace,
		},
	},
	"IRSA": {
		values: `serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/bucketcors"}}`,
		has:    []string{"ServiceAccount/bucketcors-manager: eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/bucketcors"},
	},
	"labels of workload identity": {
		values: `{serviceAccount: {labels: {azure.workload.identity/use: "true"}}, podLabels: {azure.workload.identity/use: "true"}}`,
		has: []string{
			`ServiceAccount/bucketcors-manager: azure.workload.identity/use: "true"`,
			`Deployment/bucketcors-manager: azure.workload.identity/use: "true"`,
		},
	},
	"a ServiceAccount that is there": {
		values: "{serviceAccount: {create: false, name: mine}, webhook: {enabled: true}}",
		has: []string{
			"Deployment/bucketcors-manager: serviceAccountName: mine",
			"ClusterRoleBinding/bucketcors-manager: name: mine",
			"RoleBinding/bucketcors-manager: name: mine",
			"ClusterRoleBinding/bucketcors-metrics-auth: name: mine",
			"ClusterRoleBinding/bucketcors-webhook: name: mine",
			"ValidatingWebhookConfiguration/bucketcors: system:serviceaccount:bucketcors-system:mine",
		},
		lacks: []string{"ServiceAccount/bucketcors-manager", "ServiceAccount/mine"},
	},
	"three pods": {
		values: "replicaCount: 3",
		has: []string{
			"Deployment/bucketcors-manager: topologyKey: topology.kubernetes.io/zone",
			"Deployment/bucketcors-manager: --leader-elect",
			"PodDisruptionBudget/bucketcors-manager: maxUnavailable: 1",
		},
	},
	"three pods that spread another way, without a budget": {
		values: `
replicaCount: 3
podDisruptionBudget: {enabled: false}
topologySpreadConstraints:
- {maxSkew: 2, topologyKey: rack, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app.kubernetes.io/name: bucketcors}}}
`,
		has:   []string{"Deployment/bucketcors-manager: topologyKey: rack"},
		lacks: []string{"PodDisruptionBudget/bucketcors-manager"},
	},
	"three pods that do not spread": {values: "{replicaCount: 3, topologySpreadConstraints: []}"},
	"a budget in percent": {
		values: `{replicaCount: 4, podDisruptionBudget: {maxUnavailable: "50%"}}`,
		has:    []string{"PodDisruptionBudget/bucketcors-manager: maxUnavailable: 50%"},
	},
	"a mirror, a digest and a pull secret": {
		values: `
image:
  registry: mirror.example.com:5000/ghcr
  digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  pullPolicy: Always
  pullSecrets: [{name: mirror}]
`,
		has: []string{
			"Deployment/bucketcors-manager: image: mirror.example.com:5000/ghcr/bucketcors/bucketcors@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
			"Job/bucketcors-uninstall: image: mirror.example.com:5000/ghcr/bucketcors/bucketcors@sha256:0123456789abcdef",
			"Job/bucketcors-uninstall: - name: mirror",
		},
	},
	"an image without a registry, and a tag of its own": {
		values: `image: {registry: "", repository: localhost/bucketcors, tag: dev, pullPolicy: Never}`,
		has:    []string{"Deployment/bucketcors-manager: image: localhost/bucketcors:dev", "Job/bucketcors-uninstall: imagePullPolicy: Never"},
	},
	"flags of the operator": {
		values: `
concurrency: 16
driftCheckInterval: 1h30m
logging: {level: debug, format: console}
pprof: {enabled: true}
extraArgs: ["--zap-time-encoding=iso8601"]
`,
		has: []string{
			"Deployment/bucketcors-manager: --concurrency=16", "Deployment/bucketcors-manager: --drift-check-interval=1h30m",
			"Deployment/bucketcors-manager: --zap-log-level=debug", "Deployment/bucketcors-manager: --zap-encoder=console",
			"Deployment/bucketcors-manager: --pprof-bind-address=127.0.0.1:6060", "Deployment/bucketcors-manager: --zap-time-encoding=iso8601",
		},
	},
	"a log level that is a number": {
		values: "logging: {level: 5}",
		has:    []string{"Deployment/bucketcors-manager: --zap-log-level=5"},
	},
	"tracing": {
		values: `{tracing: {enabled: true, endpoint: "http://collector.observability:4317"}, extraEnv: [{name: OTEL_TRACES_SAMPLER, value: always_on}]}`,
		has: []string{
			"Deployment/bucketcors-manager: - --tracing",
			"Deployment/bucketcors-manager: value: http://collector.observability:4317",
			"Deployment/bucketcors-manager: name: OTEL_TRACES_SAMPLER",
		},
	},
	"a certificate authority, a proxy and keys from a Secret": {
		values: `
extraEnv: [{name: HTTPS_PROXY, value: "http://proxy.example.com:3128"}, {name: SSL_CERT_DIR, value: /etc/authorities}]
envFrom: [{secretRef: {name: keys}}]
extraVolumes: [{name: authorities, configMap: {name: authorities}}]
extraVolumeMounts: [{name: authorities, mountPath: /etc/authorities, readOnly: true}]
`,
		has: []string{
			"Deployment/bucketcors-manager: name: HTTPS_PROXY", "Deployment/bucketcors-manager: mountPath: /etc/authorities",
			"Deployment/bucketcors-manager: secretRef",
		},
	},
	"where pods run": {
		values: `
nodeSelector: {kubernetes.io/arch: arm64}
tolerations: [{key: dedicated, operator: Equal, value: platform, effect: NoSchedule}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/os, operator: In, values: [linux]}]}]}}}
priorityClassName: system-cluster-critical
terminationGracePeriodSeconds: 60
podAnnotations: {example.com/a: b}
podLabels: {example.com/c: d}
resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 512Mi}}
`,
		has: []string{
			"Deployment/bucketcors-manager: kubernetes.io/arch: arm64", "Job/bucketcors-uninstall: kubernetes.io/arch: arm64",
			"Job/bucketcors-uninstall: key: dedicated", "Deployment/bucketcors-manager: priorityClassName: system-cluster-critical",
			"Deployment/bucketcors-manager: memory: 512Mi",
		},
	},
	"labels for everything, which replace none of the chart's": {
		values: `commonLabels: {example.com/team: platform, app.kubernetes.io/name: other}`,
		has: []string{
			"Deployment/bucketcors-manager: example.com/team: platform", "Deployment/bucketcors-manager: app.kubernetes.io/name: bucketcors",
			"CustomResourceDefinition/bucketproviders.s3.bucketcors.dev: example.com/team: platform",
		},
	},
	"no metrics": {
		values: "metrics: {enabled: false, serviceMonitor: {enabled: true}}",
		has:    []string{"Deployment/bucketcors-manager: --metrics-bind-address=0"},
		lacks:  []string{"Service/bucketcors-metrics", "ClusterRole/bucketcors-metrics-auth", "ServiceMonitor/bucketcors"},
	},
	"metrics without TLS": {
		values: "metrics: {secure: false, serviceMonitor: {enabled: true}}",
		has:    []string{"Deployment/bucketcors-manager: --metrics-secure=false", "ServiceMonitor/bucketcors: port: metrics"},
		lacks:  []string{"ClusterRole/bucketcors-metrics-auth", "ClusterRole/bucketcors-metrics-reader"},
	},
	"metrics with a certificate, a ServiceMonitor that checks it": {
		values: `
metrics:
  certificateSecret: metrics-tls
  serviceMonitor:
    enabled: true
    interval: 30s
    labels: {release: prometheus}
    tlsConfig: {insecureSkipVerify: false, serverName: bucketcors-metrics.bucketcors-system.svc, ca: {secret: {name: metrics-tls, key: ca.crt}}}
`,
		has: []string{
			"Deployment/bucketcors-manager: --metrics-cert-dir=/etc/bucketcors/metrics", "Deployment/bucketcors-manager: secretName: metrics-tls",
			"ServiceMonitor/bucketcors: scheme: https", "ServiceMonitor/bucketcors: interval: 30s", "ServiceMonitor/bucketcors: key: ca.crt",
			"ServiceMonitor/bucketcors: release: prometheus",
		},
	},
	"a NetworkPolicy": {
		values: "{networkPolicy: {enabled: true}, webhook: {enabled: true}}",
		has:    []string{"NetworkPolicy/bucketcors-manager: port: 6443", "NetworkPolicy/bucketcors-manager: port: webhook", "NetworkPolicy/bucketcors-manager: namespaceSelector: {}"},
	},
	"a NetworkPolicy for a server of one's own": {
		values: `
networkPolicy:
  enabled: true
  metrics: {from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]}
  egress: {ports: [6443], extra: [{to: [{ipBlock: {cidr: 10.1.0.0/16}}], ports: [{port: 9000, protocol: TCP}]}]}
metrics: {enabled: false}
`,
		has: []string{"NetworkPolicy/bucketcors-manager: cidr: 10.1.0.0/16"},
	},
	"the webhook": {
		values: "webhook: {enabled: true}",
		has: []string{
			"Deployment/bucketcors-manager: - --webhook\n", "Deployment/bucketcors-manager: containerPort: 9443",
			"ValidatingWebhookConfiguration/bucketcors: failurePolicy: Ignore", "Secret/bucketcors-webhook-cert: type: Opaque",
			"ClusterRole/bucketcors-webhook: bucketcors", "Role/bucketcors-webhook: bucketcors-webhook-cert",
		},
		lacks: []string{"Certificate/bucketcors-webhook"},
	},
	"the webhook with cert-manager": {
		values: "webhook: {enabled: true, certificates: CertManager, failurePolicy: Fail, timeoutSeconds: 3}",
		has: []string{
			"ValidatingWebhookConfiguration/bucketcors: cert-manager.io/inject-ca-from: bucketcors-system/bucketcors-webhook",
			"ValidatingWebhookConfiguration/bucketcors: failurePolicy: Fail", "Certificate/bucketcors-webhook: rotationPolicy: Always",
			"Issuer/bucketcors-webhook: selfSigned", "Deployment/bucketcors-manager: --webhook-cert-dir=/etc/bucketcors/webhook",
		},
		lacks: []string{"Secret/bucketcors-webhook-cert", "Role/bucketcors-webhook", "ClusterRole/bucketcors-webhook"},
	},
	"the webhook with an issuer of the cluster, and a certificate for the metrics": {
		values: "{webhook: {enabled: true, certificates: CertManager, issuerRef: {kind: ClusterIssuer, name: internal}}, metrics: {certificateSecret: metrics-tls}}",
		has:    []string{"Certificate/bucketcors-webhook: name: internal", "Deployment/bucketcors-manager: secretName: metrics-tls", "Deployment/bucketcors-manager: secretName: bucketcors-webhook-tls"},
		lacks:  []string{"Issuer/bucketcors-webhook"},
	},
	"the webhook with a Secret": {
		values: "webhook:\n  enabled: true\n  certificates: Secret\n  secret: webhook-tls\n  caBundle: " + aCertificate,
		has: []string{
			"ValidatingWebhookConfiguration/bucketcors: caBundle: LS0tLS1CRUdJTi", "Deployment/bucketcors-manager: secretName: webhook-tls",
		},
		lacks: []string{"Secret/bucketcors-webhook-cert", "Issuer/bucketcors-webhook"},
	},
	"a provider": {
		values: `provider: {enabled: true, name: platform, spec: {region: eu-west-1, access: [{namespaces: ["team-*"], buckets: ["team-*"]}]}}`,
		has:    []string{"BucketProvider/platform: region: eu-west-1", "BucketProvider/platform: team-*"},
	},
	"policies that stay when the chart goes": {
		values: "uninstall: {policies: Keep}",
		lacks:  []string{"Job/bucketcors-uninstall", "ServiceAccount/bucketcors-uninstall", "ClusterRole/bucketcors-uninstall"},
	},
	"for somebody who may not write roles and CRDs": {
		values: "{rbac: {create: false}, crds: {install: false}, serviceAccount: {create: false, name: bucketcors-manager}}",
		lacks: []string{
			"ClusterRole/bucketcors-manager", "Role/bucketcors-manager", "ClusterRoleBinding/bucketcors-manager", "RoleBinding/bucketcors-manager",
			"ClusterRole/bucketcors-uninstall", "Job/bucketcors-uninstall", "CustomResourceDefinition/bucketproviders.s3.bucketcors.dev",
		},
	},
	"CRDs that go with the chart": {values: "crds: {keep: false}"},
	"other names": {
		values: "{nameOverride: cors, fullnameOverride: storage-cors, webhook: {enabled: true}}",
		has: []string{
			"Deployment/storage-cors-manager: app.kubernetes.io/name: cors",
			"Deployment/storage-cors-manager: --webhook-configuration=storage-cors", "Deployment/storage-cors-manager: --webhook-secret=storage-cors-webhook-cert",
			"ValidatingWebhookConfiguration/storage-cors: name: storage-cors-webhook",
		},
	},
	"no leader election": {values: "leaderElection: {enabled: false}"},
	"no pods":            {values: "replicaCount: 0"},
	"as a subchart":      {values: "global: {imageRegistry: example.com}"},
	"a PrometheusRule": {
		values: "metrics: {prometheusRule: {enabled: true, labels: {release: prometheus}}}",
		has:    []string{"PrometheusRule/bucketcors: groups:"},
	},
	"a dashboard": {
		values: "metrics: {dashboards: {enabled: true, annotations: {grafana_folder: Storage}}}",
		has:    []string{`ConfigMap/bucketcors-dashboard: grafana_dashboard: "1"`},
	},
}

func TestValuesDoWhatTheySay(t *testing.T) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			objects := mustRender(t, c.values, aCluster).all()
			for _, wanted := range c.has {
				id, text, _ := strings.Cut(wanted, ": ")
				kind, name, _ := strings.Cut(id, "/")
				object := find(objects, kind, name)
				if object == nil {
					t.Errorf("there is no %s", id)
				} else if got := toYAML(t, object); !strings.Contains(got, text) {
					t.Errorf("%s has no %q:\n%s", id, text, got)
				}
			}
			for _, id := range c.lacks {
				kind, name, _ := strings.Cut(id, "/")
				if find(objects, kind, name) != nil {
					t.Errorf("there is a %s", id)
				}
			}
		})
	}
}

// "helm template" prints hooks like everything else. Applied with kubectl, the
// Job would delete all policies, and the annotation would do nothing.
func TestWhatIsPrintedForKubectlDeletesNoPolicy(t *testing.T) {
	r := mustRender(t, cases["a provider"].values, nil)
	if len(r.hooks) > 0 {
		t.Errorf("without a cluster there are hooks: %v", r.hooks)
	}
	if find(r.objects, "BucketProvider", "platform") == nil {
		t.Error("without a cluster there is no provider")
	}
}

func TestTheProviderIsAHookOnlyWhileItsKindIsUnknown(t *testing.T) {
	values := cases["a provider"].values
	unknown := mustRender(t, values, aCluster)
	hook := find(unknown.hooks, "BucketProvider", "platform")
	if hook == nil || find(unknown.objects, "BucketProvider", "platform") != nil {
		t.Fatalf("where the kind is unknown, the provider is no hook: %v", unknown)
	}
	if got := hook.GetAnnotations()["meta.helm.sh/release-name"]; got != "bucketcors" {
		t.Errorf("the next upgrade would not take it: release-name is %q", got)
	}
	known := mustRender(t, values, withTheKinds)
	provider := find(known.objects, "BucketProvider", "platform")
	if provider == nil || find(known.hooks, "BucketProvider", "platform") != nil {
		t.Fatalf("where the kind is known, the provider is a hook: %v", known)
	}
	if got := provider.GetAnnotations(); len(got) != 1 || got["helm.sh/resource-policy"] != "keep" {
		t.Errorf("the provider has the annotations %v, beside those that Helm writes itself; want it kept", got)
	}
}

// Two releases, or one with a long name, collide nowhere.
func TestNamesFollowTheRelease(t *testing.T) {
	values := `{replicaCount: 2, webhook: {enabled: true}, networkPolicy: {enabled: true}, crds: {install: false}, metrics: {serviceMonitor: {enabled: true}}}`
	long := strings.Repeat("a", 53)
	var seen []string
	for _, name := range []string{"bucketcors", "other", long} {
		r, err := renderAs(t, name, values, aCluster)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range r.all() {
			id := object.GetKind() + "/" + object.GetName()
			if slices.Contains(seen, id) {
				t.Errorf("two releases have a %s", id)
			}
			seen = append(seen, id)
			if len(object.GetName()) > 63 {
				t.Errorf("the name of %s is longer than a label can be", id)
			}
		}
	}
}

func TestTheNotesSayWhatAnUninstallationTakesAway(t *testing.T) {
	for values, says := range map[string]string{
		"":                                    "The CRDs stay",
		"crds: {keep: false}":                 "deletes the CRDs",
		"crds: {install: false, keep: false}": "The CRDs stay",
		"uninstall: {policies: Keep}":         "leaves every BucketCORSPolicy",
		"fullnameOverride: storage-cors":      "kubectl -n " + namespace + " logs -f job/storage-cors-uninstall\n",
	} {
		if notes := mustRender(t, values, aCluster).notes; !strings.Contains(notes, says) {
			t.Errorf("with %q, the notes do not say %q:\n%s", values, says, notes)
		}
	}
}

// What kubectl get --show-labels and operators of clusters go by.
func TestEveryObjectSaysWhatItBelongsTo(t *testing.T) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, object := range mustRender(t, c.values, aCluster).all() {
				labels := object.GetLabels()
				for label, want := range map[string]string{"app.kubernetes.io/instance": "bucketcors", "app.kubernetes.io/managed-by": "Helm"} {
					if labels[label] != want {
						t.Errorf("%s/%s: the label %s is %q, want %q", object.GetKind(), object.GetName(), label, labels[label], want)
					}
				}
				if isNamespaced(object) && object.GetNamespace() != namespace {
					t.Errorf("%s/%s is in the namespace %q", object.GetKind(), object.GetName(), object.GetNamespace())
				}
			}
		})
	}
}

func isNamespaced(object *unstructured.Unstructured) bool {
	switch object.GetKind() {
	case "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "ValidatingWebhookConfiguration", "BucketProvider", "Namespace":
		return false
	default:
		return true
	}
}
