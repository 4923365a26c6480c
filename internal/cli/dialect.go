// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// addDialect adds the flag --dialect, which says whose answers are wanted.
func addDialect(cmd *cobra.Command) *choice {
	var names []string
	for _, d := range cors.Dialects() {
		names = append(names, d.Name())
	}
	dialect := &choice{what: "dialect", value: cors.AWS.Name(), known: names}
	addChoice(cmd, dialect, names, "dialect", "", "the server that answers, where it is not S3 itself")
	return dialect
}

// dialectOf is the dialect that a choice stands for.
func dialectOf(c *choice) *cors.Dialect {
	if d, ok := cors.DialectByName(c.value); ok {
		return d
	}
	return cors.AWS
}
