// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// historyOptions are the flags of the verb history.
type historyOptions struct {
	cluster       clusterFlags
	allNamespaces bool
	bucket        string
	revision      string
	output        *choice
}

func newHistoryCommand() *cobra.Command {
	var options historyOptions
	cmd := &cobra.Command{
		Use:   "history [POLICY]",
		Short: "Show what was on buckets before",
		Long: `List the configurations that the operator saved before it wrote to a bucket: the
original, and what somebody else had put there. With --revision, print one as the
JSON of the aws command, which the other verbs read. Nothing is changed; restore
puts one back.

It asks the cluster alone, for ControllerRevisions in the namespaces of the
policies, which everybody may read who may view the namespace.

Exit status: 0 fine, also with nothing saved, 2 could not.`,
		Example: `  bucketcors history web-uploads -n team-a
  bucketcors history --bucket team-a-uploads -A
  bucketcors history -n team-a --revision web-uploads-0fa943af6096085ae519`,
		Args: func(_ *cobra.Command, words []string) error {
			if len(words) > 1 {
				return fmt.Errorf("history tells of one policy, or of all: leave out %s", cors.Quote(words[1]))
			}
			return nil
		},
		RunE: interruptible(func(cmd *cobra.Command, words []string) error {
			return options.run(cmd, strings.Join(words, ""))
		}),
	}
	options.cluster.addTo(cmd)
	cmd.ValidArgsFunction = firstArgument(options.cluster.completePolicies)
	cmd.Flags().BoolVarP(&options.allNamespaces, "all-namespaces", "A", false, "what policies of all namespaces saved")
	addSingle(cmd, &options.bucket, "bucket", "", "the `NAME` of the only bucket to tell of (default: all)", "run it for one bucket after the other")
	addSingle(cmd, &options.revision, "revision", "", "the `NAME` of the one to print", "run it for one after the other")
	complete(cmd, "bucket", options.cluster.completeBuckets)
	complete(cmd, "revision", options.cluster.completeRevisions)
	options.output = addOutput(cmd, "text", "json")
	return cmd
}

// firstArgument completes the first argument of a verb, and none after it.
func firstArgument(words cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, before []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(before) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words(cmd, before, word)
	}
}

// check refuses flags that make no sense together.
func (o *historyOptions) check(cmd *cobra.Command, policy string) error {
	switch {
	case o.allNamespaces && (policy != "" || o.revision != "" || cmd.Flags().Changed("namespace")):
		return errors.New("--all-namespaces tells of all policies: leave it out, and name the namespace with -n")
	case o.revision != "" && (policy != "" || o.bucket != ""):
		return errors.New("--revision is one alone: leave out the policy and --bucket, or --revision to list all of theirs")
	case o.revision != "" && cmd.Flags().Changed("output"):
		return errors.New("--revision prints the JSON of the aws command: leave out --output")
	}
	return nil
}

func (o *historyOptions) run(cmd *cobra.Command, policy string) error {
	if err := o.check(cmd, policy); err != nil {
		return err
	}
	c, err := o.cluster.connect()
	if err != nil {
		return err
	}
	if o.revision != "" {
		saved, err := c.saved(cmd.Context(), cmd.Root().DisplayName(), c.namespace, o.revision)
		if err != nil {
			return err
		}
		text, err := rulesText(saved.configuration)
		if err != nil {
			return fmt.Errorf("ControllerRevision %s: %w", o.revision, err)
		}
		_, err = fmt.Fprint(cmd.OutOrStdout(), text)
		return err
	}
	namespace := c.namespace
	if o.allNamespaces {
		namespace = ""
	}
	all, err := c.allSaved(cmd.Context(), namespace)
	if err != nil {
		return err
	}
	var wanted []savedRevision
	for _, s := range all {
		if (policy == "" || s.policy == policy) && (o.bucket == "" || s.bucket == o.bucket) {
			wanted = append(wanted, s)
		}
	}
	if o.output.value == "json" {
		return historyJSON(cmd, wanted)
	}
	return o.text(cmd, wanted, policy, namespace)
}

// text prints a table for people.
func (o *historyOptions) text(cmd *cobra.Command, all []savedRevision, policy, namespace string) error {
	if len(all) == 0 {
		o.explainNothing(cmd, policy, namespace)
		return nil
	}
	header := []string{"BUCKET", "SAVED", "WHY", "RULES", "POLICY", "REVISION"}
	if namespace == "" {
		header = append([]string{"NAMESPACE"}, header...)
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, strings.Join(header, "\t"))
	for _, s := range all {
		row := []string{s.bucket, s.time(), s.why, s.rules(), s.policy, s.name}
		if namespace == "" {
			row = append([]string{s.namespace}, row...)
		}
		for i := range row {
			row[i] = printable(row[i])
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

// explainNothing says why there is nothing to list.
func (o *historyOptions) explainNothing(cmd *cobra.Command, policy, namespace string) {
	var what []string
	if policy != "" {
		what = append(what, "by policy "+policy)
	}
	if o.bucket != "" {
		what = append(what, "of bucket "+o.bucket)
	}
	if namespace != "" {
		what = append(what, "in namespace "+namespace)
	}
	note(cmd, "%s", printable(strings.Join(append([]string{"nothing is saved"}, what...), " ")+
		": the operator saves what is on a bucket before it first writes to it, and a policy takes what it saved along when it is deleted"))
}

// rules says how many there are.
func (s savedRevision) rules() string {
	if s.broken != nil {
		return "unreadable"
	}
	return strconv.Itoa(len(s.configuration.Rules))
}

// time is when the configuration was on the bucket.
func (s savedRevision) time() string {
	if s.foundAt.IsZero() {
		return "unknown"
	}
	return s.foundAt.UTC().Format(time.RFC3339)
}

// historyEntry is a saved configuration for programs. Its fields are stable; there
// may be more of them one day.
type historyEntry struct {
	Namespace     string          `json:"namespace"`
	Policy        string          `json:"policy"`
	Bucket        string          `json:"bucket"`
	Service       string          `json:"service"`
	Revision      string          `json:"revision"`
	Why           string          `json:"why"`
	FoundAt       string          `json:"foundAt,omitempty"`
	Configuration json.RawMessage `json:"configuration,omitempty"`
	Error         string          `json:"error,omitempty"`
}

func historyJSON(cmd *cobra.Command, all []savedRevision) error {
	entries := make([]historyEntry, 0, len(all))
	for _, s := range all {
		entry := historyEntry{
			Namespace: s.namespace, Policy: s.policy, Bucket: s.bucket, Service: s.service, Revision: s.name, Why: s.why,
		}
		if !s.foundAt.IsZero() {
			entry.FoundAt = s.time()
		}
		text, err := cors.FormatJSON(s.configuration)
		switch {
		case s.broken != nil:
			entry.Error = s.broken.Error()
		case err != nil:
			entry.Error = err.Error()
		default:
			entry.Configuration = text
		}
		entries = append(entries, entry)
	}
	encoder := json.NewEncoder(cmd.OutOrStdout())
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(entries)
}

// rulesText is a configuration in the JSON of the aws command, with a line feed at
// the end, and without the control characters that JSON lets pass and a terminal
// would obey.
func rulesText(c cors.Configuration) (string, error) {
	text, err := cors.FormatJSON(c)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, r := range string(text) {
		if r >= 0x7f && r < 0xa0 {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String(), nil
}
