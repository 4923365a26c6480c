// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is stamped by the linker; empty in a plain go build.
var version string

// buildVersion is the version of this binary: stamped, else what go install or
// a checkout recorded, else "dev".
func buildVersion() string {
	recorded := ""
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		recorded = info.Main.Version
	}
	return cmp.Or(version, recorded, "dev")
}

func newVersionCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			platform := runtime.GOOS + "/" + runtime.GOARCH
			switch output {
			case "text":
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "bucketcors %s (%s, %s)\n", buildVersion(), runtime.Version(), platform)
				return err
			case "json":
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{
					"version": buildVersion(), "goVersion": runtime.Version(), "platform": platform,
				})
			default:
				return fmt.Errorf("unknown output %q: use text or json", output)
			}
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}
