// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Kubectl runs kubectl the way a user does.
type Kubectl struct {
	// Program is the path of kubectl, from Assets.
	Program string
	// Kubeconfig is the path of the file that says which cluster, and as whom.
	Kubeconfig string
}

// Run runs kubectl with the input on its standard input and returns what it printed on its standard output. The error holds
// what it printed on the other.
func (k Kubectl) Run(ctx context.Context, input string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, k.Program, arguments...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+k.Kubeconfig)
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(arguments, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
