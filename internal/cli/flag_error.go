// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// flagError says what to do about a command line that cannot be parsed.
func flagError(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	var problem string
	if shorthands := unknown.GetSpecifiedShortnames(); shorthands != "" {
		problem = unknownShorthand(cmd, unknown.GetSpecifiedName())
	} else {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, "--"+f.Name) })
		// Without the list of all, which is what --help is for.
		problem, _, _ = strings.Cut(cors.UnknownName("flag", "--"+unknown.GetSpecifiedName(), known), "; known are")
	}
	return fmt.Errorf("%s (%s --help lists all)", problem, cmd.CommandPath())
}

// unknownShorthand describes a flag of one letter, and suggests the flag that
// begins with it.
func unknownShorthand(cmd *cobra.Command, letter string) string {
	problem := fmt.Sprintf("unknown flag %q", "-"+letter)
	var meant []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, strings.ToLower(letter)) && f.Name != "help" {
			meant = append(meant, fmt.Sprintf("%q", "--"+f.Name))
		}
	})
	if len(meant) == 0 {
		return problem
	}
	return problem + "; did you mean " + enumerate(meant, "or") + "?"
}

// withoutBackticks takes the backticks out of the descriptions of flags, which
// mark the name of a value in the help, and which shells would show as they are.
func withoutBackticks(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	for _, c := range cmd.Commands() {
		withoutBackticks(c)
	}
}
