// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

func TestAnOperatorWithoutRightsSaysSoAndStopsWhenTold(t *testing.T) {
	t.Parallel()
	if _, err := world.kubectl.Run(t.Context(), "", "create", "serviceaccount", "no-rights", "-n", "default"); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := world.plane.ServiceAccountKubeconfig(t.Context(), "default", "no-rights")
	if err != nil {
		t.Fatal(err)
	}
	operator, err := localenv.StartOperator(t.Context(), localenv.OperatorOptions{
		Program: world.operatorProgram, Kubeconfig: kubeconfig, StateDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	said := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, soon, true, func(context.Context) (bool, error) {
		return strings.Contains(operator.Log(), `cannot list resource \"bucketcorspolicies\"`), nil
	})
	told := time.Now()
	if err := errors.Join(said, operator.Stop()); err != nil {
		t.Error(err)
	}
	if took := time.Since(told); took > 20*time.Second {
		t.Errorf("it took %s to stop", took)
	}
}
