// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// diffOptions are the flags of the verb diff.
type diffOptions struct {
	files         []string
	recursive     bool
	allNamespaces bool
	bucket        string
	live          liveFlags
	output        *choice
}

func newDiffCommand() *cobra.Command {
	var options diffOptions
	cmd := &cobra.Command{
		Use:   "diff -f POLICY...",
		Short: "Show what policies would change on live buckets",
		Long: `Compare the rules that buckets would have with those that they have, and show what
applying the policies would change: + comes, - goes. Nothing is changed.

The BucketProvider of a policy says where its buckets are, and the policies of the
cluster what others have there; --endpoint or --region take the place of a cluster.
Without -f, the policies of the namespace are compared, or of all with -A. Your own
AWS credentials sign the requests, which need s3:GetBucketCORS.

Exit status: 0 no differences, 1 differences, or rules that would not be applied,
2 a bucket could not be compared, or a file could not be read.`,
		Example: `  bucketcors diff -f policy.yaml
  bucketcors diff -f policies -R --region eu-west-1
  bucketcors diff -f policy.yaml --endpoint https://s3.internal.example:9000 -o json
  bucketcors diff -A`,
		ValidArgsFunction: cobra.FixedCompletions(manifestExtensions, cobra.ShellCompDirectiveFilterFileExt),
		RunE: interruptible(func(cmd *cobra.Command, more []string) error {
			if len(options.files) == 0 && len(more) > 0 {
				return onlyFlags(cmd, more)
			}
			// A shell makes several words of -f *.yaml.
			options.files = append(options.files, more...)
			return options.run(cmd)
		}),
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&options.files, "file", "f", nil,
		"a `FILE` or directory with policies; - for standard input; may be repeated (default: the policies of the cluster)")
	complete(cmd, "file", cobra.FixedCompletions(manifestExtensions, cobra.ShellCompDirectiveFilterFileExt))
	flags.BoolVarP(&options.recursive, "recursive", "R", false, "read directories with all that is below them")
	flags.BoolVarP(&options.allNamespaces, "all-namespaces", "A", false, "without -f: the policies of all namespaces")
	addSingle(cmd, &options.bucket, "bucket", "", "the `NAME` of the only bucket to compare (default: all of the policies)",
		"run it for one bucket after the other")
	options.live.addTo(cmd)
	complete(cmd, "bucket", options.live.cluster.completeBuckets)
	options.output = addOutput(cmd, "text", "json")
	return cmd
}

// manifestExtensions are those of files that can have policies in them.
var manifestExtensions = []string{"yaml", "yml", "json"}

// check refuses flags that make no sense together.
func (o *diffOptions) check(cmd *cobra.Command) error {
	switch named := o.live.named(cmd); {
	case len(o.files) == 0 && named:
		return fmt.Errorf("--endpoint and --region say where the buckets are, and not which policies are meant: name a file with -f, as in: %s", firstLine(cmd.Example))
	case len(o.files) > 0 && o.allNamespaces:
		return errors.New("--all-namespaces is for the policies of the cluster: leave out it or -f")
	case o.recursive && len(o.files) == 0:
		return errors.New("--recursive is about the directories of -f: name one, or leave out --recursive")
	case o.allNamespaces && cmd.Flags().Changed("namespace"):
		return errors.New("--namespace is one and --all-namespaces are all: leave out one of them")
	}
	return o.live.check(cmd)
}

func (o *diffOptions) run(cmd *cobra.Command) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	plan, err := o.plan(cmd)
	if err != nil {
		return err
	}
	for _, n := range plan.notes {
		note(cmd, "%s", printable(n))
	}
	clients := newLiveClients()
	printer := o.printer(cmd)
	shown := newProgress(cmd, "compare buckets", len(plan.targets))
	defer shown.end()
	var all []compared
	err = inOrder(cmd.Context(), plan.targets,
		func(ctx context.Context, t diffTarget) compared { return t.compare(ctx, clients, plan.among) },
		func(_ diffTarget, c compared) error {
			shown.one()
			if c.repeats(all) {
				return nil
			}
			all = append(all, c)
			shown.aside()
			return printer.bucket(c)
		})
	if err != nil {
		return err
	}
	shown.end()
	// That there is no difference is no answer where nothing could be read.
	if len(all) > 0 || len(plan.unreadable) == 0 {
		if err := printer.end(all); err != nil {
			return err
		}
	}
	return diffVerdict(all, plan.unreadable)
}

// diffVerdict is how the verb ends after these comparisons, and with files that
// could not be read.
func diffVerdict(all []compared, unreadable []error) error {
	unknown, same := 0, true
	for _, c := range all {
		if c.state == diffUnknown {
			unknown++
		}
		same = same && c.state == diffEqual
	}
	errs := unreadable
	if unknown > 0 {
		errs = append(errs, fmt.Errorf("%d of %s could not be compared", unknown, count(len(all), "bucket")))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if !same {
		return errNo
	}
	return nil
}

// diffState is what came of a comparison. The set is closed.
type diffState string

const (
	diffEqual     diffState = "Equal"
	diffDifferent diffState = "Different"
	// diffNotApplied are rules that the operator would not put on the bucket.
	diffNotApplied diffState = "NotApplied"
	// diffUnknown is a bucket that could not be compared.
	diffUnknown diffState = "Unknown"
)

// diffTarget is one bucket of one policy.
type diffTarget struct {
	policy   *v1alpha1.BucketCORSPolicy
	location bucket.Location
	in       service
	// failure is why the bucket cannot be asked; nil when it can.
	failure error
	// alone is whether no cluster knows which policies are older than others.
	alone bool
}

// compared is what a comparison told.
type compared struct {
	*diffTarget
	state diffState
	// reason and message say why, unless the bucket could be compared.
	reason, message string
	preview         controllers.Preview
	live            cors.Configuration
	changes         []cors.Change // from live to what would be there
}

// compare reads the bucket, unless its policy could have nothing there anyway.
func (t *diffTarget) compare(ctx context.Context, clients *s3.Clients, among controllers.Neighbours) compared {
	c := compared{diffTarget: t}
	blocked := func(p controllers.Preview) compared {
		c.state, c.reason, c.message, c.preview = diffNotApplied, p.Reason, p.Message, p
		if t.alone && p.Owner != "" {
			c.message = fmt.Sprintf("policy %s names this bucket, too: the older one of the two has it, unless both are Shared", p.Owner)
		}
		return c
	}
	unread := controllers.PreviewBucket(t.policy, t.location.Name, cors.Configuration{}, among)
	if unread.Reason != "" && !unread.DependsOnLive {
		return blocked(unread)
	}
	err := t.failure
	if err == nil {
		c.live, err = getLive(ctx, clients, t.in, t.location)
	}
	if err != nil {
		c.state, c.reason, c.message = diffUnknown, string(bucket.ServerError), printable(err.Error())
		if about, ok := errors.AsType[*bucket.Error](err); ok {
			c.reason = string(about.Reason)
		}
		return c
	}
	c.preview = controllers.PreviewBucket(t.policy, t.location.Name, c.live, among)
	if c.preview.Reason != "" {
		return blocked(c.preview)
	}
	// The other way round, an ID that the server made up would be a difference.
	c.changes = undoing(cors.Diff(c.preview.Desired, c.live))
	c.state = diffEqual
	if len(c.changes) > 0 {
		c.state = diffDifferent
	}
	return c
}

// name is that of the policy, as namespace/name.
func (t *diffTarget) name() string {
	if t.policy.Namespace == "" {
		return t.policy.Name
	}
	return t.policy.Namespace + "/" + t.policy.Name
}

// repeats reports whether one of the comparisons before is the same: of a bucket
// that policies share, each tells all. What has another region or other rules may be
// another bucket of that name: in another partition of AWS, or of another tenant.
func (c compared) repeats(before []compared) bool {
	for _, b := range before {
		if b.location.Name == c.location.Name && b.in.Endpoint == c.in.Endpoint && b.in.Region == c.in.Region && b.reason == "" && c.reason == "" &&
			b.name() != c.name() && equalBothWays(b.preview.Desired, c.preview.Desired) && equalBothWays(b.live, c.live) {
			return true
		}
	}
	return false
}

// equalBothWays reports whether two configurations are the same, IDs that are missing
// in one of them included.
func equalBothWays(a, b cors.Configuration) bool { return cors.Equal(a, b) && cors.Equal(b, a) }

// undoing are the changes that lead back to where others began.
func undoing(changes []cors.Change) []cors.Change {
	back := make([]cors.Change, len(changes))
	for i, c := range changes {
		c.From, c.To = c.To, c.From
		c.Added, c.Removed = c.Removed, c.Added
		c.Old, c.New = c.New, c.Old
		switch c.Kind {
		case cors.RuleAdded:
			c.Kind = cors.RuleRemoved
		case cors.RuleRemoved:
			c.Kind = cors.RuleAdded
		case cors.RuleMoved, cors.FieldChanged:
		}
		back[i] = c
	}
	return back
}
