// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bucketcors/bucketcors/internal/localenv"
)

// Who reads logs by machine reads the line that matters most, too.
func TestTheLastWordOfAnOperatorIsALineOfItsLog(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	taken, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	operator, err := localenv.StartOperator(t.Context(), localenv.OperatorOptions{
		Program: world.operatorProgram, Kubeconfig: world.operatorKubeconfig, StateDir: t.TempDir(),
		Arguments: []string{"--leader-elect", "--health-probe-bind-address=127.0.0.1:0", "--metrics-bind-address=" + taken.Addr().String()},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, soon, true, func(context.Context) (bool, error) {
		return strings.Contains(operator.Log(), `"msg":"bucketcors ends"`), nil
	})
	if stopped := operator.Stop(); err != nil || stopped == nil {
		t.Errorf("it says %q, and ends with %v", operator.Log(), stopped)
	}
	for line := range strings.Lines(operator.Log()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}
