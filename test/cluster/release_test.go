// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/action"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/yaml"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

const (
	chartDir    = "../../charts/bucketcors"
	namespace   = localenv.OperatorNamespace
	releaseName = "bucketcors"
	// helmTimeout is what people give with --timeout, or less.
	helmTimeout = 3 * time.Minute
)

// helm is an action of Helm on the cluster, as the program of that name does it.
func helm(t *testing.T) *action.Configuration {
	t.Helper()
	flags := genericclioptions.NewConfigFlags(false)
	flags.KubeConfig, flags.Namespace = &world.Kubeconfig, new(namespace)
	configuration := action.NewConfiguration()
	if err := configuration.Init(flags, namespace, ""); err != nil {
		t.Fatal(err)
	}
	return configuration
}

// chartOf is the chart as it is in a release of this version.
func chartOf(t *testing.T, version string) *chart.Chart {
	t.Helper()
	loaded, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Metadata.Version, loaded.Metadata.AppVersion = version[1:], version
	return loaded
}

func parseValues(t *testing.T, text string) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return values
}

// install is helm install --wait.
func install(t *testing.T, version, values string) {
	t.Helper()
	install := action.NewInstall(helm(t))
	install.ReleaseName, install.Namespace = releaseName, namespace
	install.WaitStrategy, install.Timeout = kube.StatusWatcherStrategy, helmTimeout
	if _, err := install.RunWithContext(t.Context(), chartOf(t, version), parseValues(t, values)); err != nil {
		t.Fatalf("helm install: %v", err)
	}
}

// upgrade is helm upgrade --wait --reset-values.
func upgrade(t *testing.T, version, values string) {
	t.Helper()
	upgrade := action.NewUpgrade(helm(t))
	upgrade.Namespace, upgrade.ResetValues = namespace, true
	upgrade.WaitStrategy, upgrade.Timeout = kube.StatusWatcherStrategy, helmTimeout
	if _, err := upgrade.RunWithContext(t.Context(), releaseName, chartOf(t, version), parseValues(t, values)); err != nil {
		t.Fatalf("helm upgrade: %v", err)
	}
}

// rollback is helm rollback --wait, to the revision before.
func rollback(t *testing.T) {
	t.Helper()
	rollback := action.NewRollback(helm(t))
	rollback.WaitStrategy, rollback.Timeout = kube.StatusWatcherStrategy, helmTimeout
	if err := rollback.Run(releaseName); err != nil {
		t.Fatalf("helm rollback: %v", err)
	}
}

// uninstall is helm uninstall --wait.
func uninstall(t *testing.T) {
	t.Helper()
	uninstall := action.NewUninstall(helm(t))
	uninstall.WaitStrategy, uninstall.Timeout = kube.StatusWatcherStrategy, helmTimeout
	uninstall.DeletionPropagation = "background"
	if _, err := uninstall.Run(releaseName); err != nil {
		t.Fatalf("helm uninstall: %v", err)
	}
}
