// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// single is the value of a flag that is given once: of several, all but the last
// would be ignored without a word.
type single struct {
	value  *string
	given  bool
	remedy string // what to do instead of giving it again
}

func (s *single) String() string { return *s.value }
func (s *single) Type() string   { return "string" }

func (s *single) Set(word string) error {
	if s.given {
		return fmt.Errorf("%q was given before, and it can be given once: %s", *s.value, s.remedy)
	}
	*s.value, s.given = word, true
	return nil
}

// addSingle adds a flag that is given once. The remedy is what to do instead of
// giving it again.
func addSingle(cmd *cobra.Command, value *string, name, shorthand, usage, remedy string) {
	cmd.Flags().VarP(&single{value: value, remedy: remedy}, name, shorthand, usage)
}
