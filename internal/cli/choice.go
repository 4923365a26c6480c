// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// choice is the value of a flag that takes one of a few words, in any case.
type choice struct {
	what  string // the words are: "dialect"
	value string
	known []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return "string" }

func (c *choice) Set(word string) (err error) {
	c.value, err = oneOf(c.what, word, c.known)
	return err
}

// choices is the value of a flag that takes any of a few words, several at once
// separated by commas.
type choices struct {
	what   string
	values []string
	known  []string
}

func (c *choices) String() string { return strings.Join(c.values, ",") }
func (c *choices) Type() string   { return "strings" }

func (c *choices) Set(words string) error {
	for word := range strings.SplitSeq(words, ",") {
		value, err := oneOf(c.what, strings.TrimSpace(word), c.known)
		if err != nil {
			return err
		}
		c.values = append(c.values, value)
	}
	return nil
}

// oneOf finds a word among the known ones, without regard to case. The error
// names the nearest, and all of them if they are few.
func oneOf(what, word string, known []string) (string, error) {
	for _, k := range known {
		if strings.EqualFold(k, word) {
			return k, nil
		}
	}
	const few = 8
	problem := cors.UnknownName(what, word, known)
	if list := "known are " + strings.Join(known, ", "); len(known) <= few && !strings.HasSuffix(problem, list) {
		problem += " (" + list + ")"
	}
	return "", errors.New(problem)
}

// enumerate writes a list as a sentence does: "a, b and c".
func enumerate(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	end := len(words) - 1
	return strings.Join(words[:end], ", ") + " " + last + " " + words[end]
}

// addChoice adds a flag whose words shells can complete.
func addChoice(cmd *cobra.Command, value pflag.Value, known []string, name, shorthand, usage string) {
	cmd.Flags().VarP(value, name, shorthand, usage+": "+enumerate(known, "or"))
	complete(cmd, name, cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp))
}

// addOutput adds the flag -o, whose first word is the default.
func addOutput(cmd *cobra.Command, known ...string) *choice {
	output := &choice{what: "output", value: known[0], known: known}
	addChoice(cmd, output, known, "output", "o", "what to print")
	return output
}

// complete tells shells how to complete the words of a flag.
func complete(cmd *cobra.Command, name string, function cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(name, function); err != nil {
		panic(err) // there is no such flag
	}
}
