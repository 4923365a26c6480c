// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// restoreOptions are the flags of the verb restore.
type restoreOptions struct {
	live liveFlags
	yes  bool
}

func newRestoreCommand() *cobra.Command {
	var options restoreOptions
	cmd := &cobra.Command{
		Use:   "restore REVISION",
		Short: "Put back what was on a bucket before",
		Long: `Put a saved configuration back on its bucket, past the operator. history lists
what was saved. Without --yes it shows what would change, and changes nothing.

A policy that enforces the bucket would undo it at its next look, so that this is
refused: suspend the policy first, or put the saved rules into it.

Your own AWS credentials sign the requests, which need s3:GetBucketCORS and
s3:PutBucketCORS. What is replaced is printed, so that it can be put back, too.

Exit status: 0 the bucket has it, 1 it would be changed, 2 could not.`,
		Example: `  bucketcors restore web-uploads-81cfecfb87c7ea61011b -n team-a
  bucketcors restore web-uploads-81cfecfb87c7ea61011b -n team-a --yes`,
		Args: func(cmd *cobra.Command, words []string) error {
			if len(words) != 1 {
				return fmt.Errorf("name the one revision to put back, as %s history lists them", cmd.Root().DisplayName())
			}
			return nil
		},
		RunE: interruptible(func(cmd *cobra.Command, words []string) error { return options.run(cmd, words[0]) }),
	}
	options.live.cluster.addTo(cmd)
	options.live.addSigningTo(cmd)
	cmd.ValidArgsFunction = firstArgument(options.live.cluster.completeRevisions)
	cmd.Flags().BoolVar(&options.yes, "yes", false, "change the bucket, and do not only show what would change")
	return cmd
}

func (o *restoreOptions) run(cmd *cobra.Command, name string) error {
	ctx := cmd.Context()
	c, err := o.live.cluster.connect()
	if err != nil {
		return err
	}
	saved, err := c.saved(ctx, c.namespace, name)
	if err != nil {
		return err
	}
	in, location, err := o.place(ctx, c, saved)
	if err != nil {
		return err
	}
	clients := newLiveClients()
	opened, err := openLive(ctx, clients, in, location)
	if err != nil {
		return err
	}
	live, err := opened.GetCORS(ctx)
	if err != nil {
		return liveFailure(in, err)
	}
	if sameConfiguration(live, saved.configuration) {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "bucket %s has it: nothing to do\n", printable(saved.bucket))
		return err
	}
	if err := o.show(cmd, saved, live); err != nil {
		return err
	}
	if !o.yes {
		note(cmd, "nothing was changed: --yes puts it back")
		return errNo
	}
	// After the difference is shown, because it is worth knowing all the same.
	if err := c.mayWrite(ctx, cmd, saved); err != nil {
		return err
	}
	if err := o.keep(cmd, live); err != nil {
		return err
	}
	if len(saved.configuration.Rules) == 0 {
		err = opened.DeleteCORS(ctx)
	} else {
		err = opened.PutCORS(ctx, saved.configuration)
	}
	if err != nil {
		return liveFailure(in, err)
	}
	return o.confirm(ctx, cmd, opened, in, saved)
}

// sameConfiguration reports whether a bucket has a configuration, whichever of both
// an ID is missing in.
func sameConfiguration(live, saved cors.Configuration) bool { return cors.Equal(saved, live) }

// reader is a bucket that can be read.
type reader interface {
	GetCORS(ctx context.Context) (cors.Configuration, error)
}

// confirm reads back what was written.
func (o *restoreOptions) confirm(ctx context.Context, cmd *cobra.Command, from reader, in service, saved savedRevision) error {
	got, err := from.GetCORS(ctx)
	if err != nil {
		return fmt.Errorf("it was written, but whether the bucket has it is not known: %w", liveFailure(in, err))
	}
	if !sameConfiguration(got, saved.configuration) {
		note(cmd, "it was written, and the bucket does not show it yet, which can take a minute on S3: run it again without --yes")
		return nil
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "bucket %s has again what it had at %s\n", printable(saved.bucket), saved.time())
	return err
}

// show prints what would change.
func (o *restoreOptions) show(cmd *cobra.Command, saved savedRevision, live cors.Configuration) error {
	var b bytes.Buffer
	w := cmd.OutOrStdout()
	text := &diffText{w: &b, style: styleOf(w)}
	fmt.Fprintf(&b, "%s (%s of %s, saved by policy %s/%s)\n",
		text.style.head(printable(saved.bucket)), printable(saved.why), saved.time(), printable(saved.namespace), printable(saved.policy))
	text.writeChanges(&b, compared{
		live: live, preview: controllers.Preview{Desired: saved.configuration}, changes: undoing(cors.Diff(saved.configuration, live)),
	})
	_, err := w.Write(b.Bytes())
	return err
}

// keep prints what is about to be replaced, in the form that the aws command reads.
func (o *restoreOptions) keep(cmd *cobra.Command, live cors.Configuration) error {
	text, err := cors.FormatJSON(live)
	if err != nil {
		return fmt.Errorf("what the bucket has cannot be written down, so that it is left as it is: %w", err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "what it had until now:\n%s\n", strings.TrimSpace(string(text)))
	return err
}

// place is the bucket of a saved configuration, by the provider of its policy.
func (o *restoreOptions) place(ctx context.Context, c *cluster, saved savedRevision) (service, bucket.Location, error) {
	location := bucket.Location{Name: saved.bucket}
	var policy v1alpha1.BucketCORSPolicy
	err := c.Get(ctx, types.NamespacedName{Namespace: saved.namespace, Name: saved.policy}, &policy)
	switch {
	case apierrors.IsNotFound(err):
		return service{}, location, fmt.Errorf("policy %s/%s is gone, which said where bucket %q is: %s",
			saved.namespace, saved.policy, saved.bucket, byHand(saved))
	case err != nil:
		return service{}, location, c.failure(fmt.Sprintf("get BucketCORSPolicy %s in namespace %s", saved.policy, saved.namespace), err)
	}
	for _, reference := range policy.Spec.Buckets {
		if reference.Name == saved.bucket {
			location.Region, location.ExpectedOwner = string(reference.Region), reference.ExpectedBucketOwner
		}
	}
	provider, err := c.provider(ctx, controllers.ProviderName(&policy))
	if err != nil {
		return service{}, location, err
	}
	if reached := controllers.ServiceOf(provider); reached != saved.service {
		return service{}, location, fmt.Errorf("bucket %q was on %s when it was saved, and BucketProvider %q reaches %s now: %s",
			saved.bucket, cors.Quote(saved.service), provider.Name, cors.Quote(reached), byHand(saved))
	}
	in, err := o.live.serviceOf(ctx, c, provider)
	return in, location, err
}

// byHand is how to put back what this verb cannot.
func byHand(saved savedRevision) string {
	return fmt.Sprintf("print it with bucketcors history -n %s --revision %s, and put it back with aws s3api put-bucket-cors", saved.namespace, saved.name)
}

// mayWrite refuses to write what a policy would undo.
func (c *cluster) mayWrite(ctx context.Context, cmd *cobra.Command, saved savedRevision) error {
	policies, err := c.policies(ctx, "")
	if apierrors.IsForbidden(err) {
		note(cmd, "you may not list the policies of other namespaces: one of them may have this bucket, too, and would undo this")
		policies, err = c.policies(ctx, saved.namespace)
	}
	if err != nil {
		return err
	}
	if by := enforcedBy(policies, saved.bucket, saved.service); by != nil {
		return fmt.Errorf("policy %[1]s/%[2]s enforces its rules on bucket %[3]q and would undo this at its next look, so that nothing was changed; "+
			"suspend it first: kubectl patch bcp/%[2]s -n %[1]s --type merge -p '{\"spec\":{\"suspend\":true}}'; "+
			"or put the saved rules into it, which bucketcors history -n %[4]s --revision %[5]s prints",
			by.Namespace, by.Name, saved.bucket, saved.namespace, saved.name)
	}
	return nil
}

// enforcedBy is a policy that puts its rules on a bucket of a service whenever it
// has others; nil when there is none.
func enforcedBy(policies []v1alpha1.BucketCORSPolicy, bucketName, service string) *v1alpha1.BucketCORSPolicy {
	for i := range policies {
		p := &policies[i]
		if p.Spec.Suspend || p.Spec.Mode == v1alpha1.PolicyModeObserve || !p.DeletionTimestamp.IsZero() || !names(p, bucketName) {
			continue
		}
		for _, b := range p.Status.Buckets {
			// One that was not looked at yet is about to be.
			elsewhere := b.Service != "" && b.Service != service
			notHis := b.State == v1alpha1.BucketConflicted || b.State == v1alpha1.BucketDenied
			if b.Name == bucketName && (elsewhere || notHis) {
				p = nil
				break
			}
		}
		if p != nil {
			return p
		}
	}
	return nil
}

func names(policy *v1alpha1.BucketCORSPolicy, bucketName string) bool {
	for _, reference := range policy.Spec.Buckets {
		if reference.Name == bucketName {
			return true
		}
	}
	return false
}
