// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

func TestTheDefaultInstallationIsComplete(t *testing.T) {
	t.Parallel()
	if _, err := world.kubectl.Run(t.Context(), "", "apply", "--dry-run=server", "-k", "../../config/default"); err != nil {
		t.Error(err)
	}
}

func TestThePodOfTheDeploymentMeetsTheRestrictedPodSecurityStandard(t *testing.T) {
	t.Parallel()
	rendered, err := world.kubectl.Run(t.Context(), "", "kustomize", "../../config/manager")
	if err != nil {
		t.Fatal(err)
	}
	var deployment appsv1.Deployment
	for document := range strings.SplitSeq(rendered, "\n---\n") {
		if strings.Contains(document, "kind: Deployment") {
			if err := yaml.UnmarshalStrict([]byte(document), &deployment); err != nil {
				t.Fatal(err)
			}
		}
	}
	if deployment.Spec.Template.Spec.ServiceAccountName != localenv.OperatorServiceAccount {
		t.Fatalf("the pod runs as %q", deployment.Spec.Template.Spec.ServiceAccountName)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "restricted-", Namespace: localenv.OperatorNamespace},
		Spec:       deployment.Spec.Template.Spec,
	}
	if err := world.client.Create(t.Context(), pod.DeepCopy(), client.DryRunAll); err != nil {
		t.Error(err)
	}
	// The namespace does enforce the standard.
	pod.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = new(true)
	if err := world.client.Create(t.Context(), pod, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "restricted") {
		t.Errorf("a pod that breaks the standard was not refused for that: %v", err)
	}
}
