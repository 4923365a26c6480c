// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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

Exit status: 0 the bucket has it, 1 it has something else (without --yes, or still),
2 could not.`,
		Example: `  bucketcors restore web-uploads-0fa943af6096085ae519 -n team-a
  bucketcors restore web-uploads-0fa943af6096085ae519 -n team-a --yes`,
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
	if err := o.live.checkSigning(cmd); err != nil {
		return err
	}
	ctx := cmd.Context()
	c, err := o.live.cluster.connect()
	if err != nil {
		return err
	}
	saved, err := c.saved(ctx, cmd.Root().DisplayName(), c.namespace, name)
	if err != nil {
		return err
	}
	in, location, err := o.place(cmd, c, saved)
	if err != nil {
		return err
	}
	opened, err := openLive(ctx, newLiveClients(), in, location)
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
	// After the difference is shown, because it is worth knowing all the same.
	patience := time.Duration(0)
	if o.yes {
		patience = noticeTime
	}
	obstacle, err := c.obstacle(cmd, saved, patience)
	switch {
	case err != nil:
		return err
	case obstacle != "" && o.yes:
		return fmt.Errorf("nothing was changed: %s", obstacle)
	case obstacle != "":
		note(cmd, "nothing was changed, and with --yes nothing would be: %s", obstacle)
		return errNo
	case !o.yes:
		note(cmd, "nothing was changed: --yes puts it back")
		return errNo
	}
	return o.replace(cmd, opened, in, saved, live)
}

// sameConfiguration reports whether a bucket has a saved configuration, with IDs that
// its server has made up where that has none.
func sameConfiguration(live, saved cors.Configuration) bool { return cors.Equal(saved, live) }

// restoredBucket is a bucket that something is put back on.
type restoredBucket interface {
	GetCORS(ctx context.Context) (cors.Configuration, error)
	PutCORS(ctx context.Context, c cors.Configuration) error
	DeleteCORS(ctx context.Context) error
}

// replace writes, unless the bucket has something else by now than was shown.
func (o *restoreOptions) replace(cmd *cobra.Command, at restoredBucket, in service, saved savedRevision, shown cors.Configuration) error {
	ctx := cmd.Context()
	live, err := at.GetCORS(ctx)
	if err != nil {
		return liveFailure(in, err)
	}
	if !equalBothWays(live, shown) {
		return fmt.Errorf("somebody has changed bucket %q meanwhile, so that nothing was changed here: run it again, and see what it has now", saved.bucket)
	}
	if err := o.keep(cmd, live); err != nil {
		return err
	}
	if len(saved.configuration.Rules) == 0 {
		err = at.DeleteCORS(ctx)
	} else {
		err = at.PutCORS(ctx, saved.configuration)
	}
	if err != nil {
		return notWritten(cmd, liveFailure(in, err))
	}
	return o.confirm(cmd, at, in, saved)
}

// notWritten is why a write failed, and whether it can have been done all the same.
func notWritten(cmd *cobra.Command, err error) error {
	const unknown = "whether the bucket was changed is not known: run it again without --yes"
	if cmd.Context().Err() != nil {
		note(cmd, "interrupted: %s", unknown) // of the error itself nothing is printed
		return err
	}
	if about, ok := errors.AsType[*bucket.Error](err); ok && about.Fate != bucket.Transient {
		return err
	}
	return fmt.Errorf("%w; %s", err, unknown)
}

// confirm reads back what was written.
func (o *restoreOptions) confirm(cmd *cobra.Command, from restoredBucket, in service, saved savedRevision) error {
	got, err := from.GetCORS(cmd.Context())
	switch {
	case err != nil && cmd.Context().Err() != nil:
		note(cmd, "interrupted after it was written") // of the error itself nothing is printed
		return err
	case err != nil:
		return fmt.Errorf("it was written, but whether the bucket has it is not known: %w", liveFailure(in, err))
	case !sameConfiguration(got, saved.configuration):
		note(cmd, "it was written, and the bucket has something else: S3 can take a minute to show it, or somebody has written since; run it again without --yes")
		return errNo
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "bucket %s has again what it had at %s\n", printable(saved.bucket), printable(saved.time()))
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
	text, err := rulesText(live)
	if err != nil {
		return fmt.Errorf("what the bucket has cannot be written down, so that it is left as it is: %w", err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "what it had until now:\n%s", text)
	return err
}

// place is the bucket of a saved configuration, by the provider of its policy.
func (o *restoreOptions) place(cmd *cobra.Command, c *cluster, saved savedRevision) (service, bucket.Location, error) {
	ctx, called := cmd.Context(), cmd.Root().DisplayName()
	location := bucket.Location{Name: saved.bucket}
	if saved.policy == "" || saved.bucket == "" || saved.service == "" {
		return service{}, location, fmt.Errorf("ControllerRevision %s/%s does not say which policy saved it, or of which bucket: %s",
			saved.namespace, saved.name, byHand(called, saved))
	}
	var policy v1alpha1.BucketCORSPolicy
	err := c.Get(ctx, types.NamespacedName{Namespace: saved.namespace, Name: saved.policy}, &policy)
	switch {
	case apierrors.IsNotFound(err):
		return service{}, location, fmt.Errorf("policy %s/%s is gone, which said where bucket %q is: %s",
			saved.namespace, saved.policy, saved.bucket, byHand(called, saved))
	case err != nil:
		return service{}, location, c.failure(fmt.Sprintf("get BucketCORSPolicy %s in namespace %s", saved.policy, saved.namespace), err)
	case policy.UID != saved.policyUID:
		return service{}, location, fmt.Errorf("another policy %s/%s saved it, which is gone, and said where bucket %q is: %s",
			saved.namespace, saved.policy, saved.bucket, byHand(called, saved))
	}
	location, known := locate(&policy, saved)
	if !known {
		note(cmd, "policy %s/%s does not name bucket %s any more: neither its region nor its owner is known", saved.namespace, saved.policy, printable(saved.bucket))
	}
	provider, err := c.provider(ctx, controllers.ProviderName(&policy))
	if _, missing := errors.AsType[*noProviderError](err); missing {
		return service{}, location, fmt.Errorf("%w, which says where bucket %q is: %s", err, saved.bucket, byHand(called, saved))
	}
	if err != nil {
		return service{}, location, err
	}
	if reached := controllers.ServiceOf(provider); reached != saved.service {
		return service{}, location, fmt.Errorf("bucket %q was on %s when it was saved, and BucketProvider %q reaches %s now: %s",
			saved.bucket, cors.Quote(saved.service), provider.Name, cors.Quote(reached), byHand(called, saved))
	}
	in, err := o.live.serviceOf(ctx, c, provider)
	return in, location, err
}

// locate is the bucket of a saved configuration as its policy names it, or has named
// it and still has something of it. It is not known where the policy does neither.
func locate(policy *v1alpha1.BucketCORSPolicy, saved savedRevision) (location bucket.Location, known bool) {
	location = bucket.Location{Name: saved.bucket}
	for _, b := range policy.Spec.Buckets {
		if b.Name == saved.bucket {
			location.Region, location.ExpectedOwner = string(b.Region), b.ExpectedBucketOwner
			return location, true
		}
	}
	for _, b := range policy.Status.Buckets {
		if b.Name == saved.bucket && b.Service == saved.service {
			location.Region, location.ExpectedOwner = string(b.Region), b.ExpectedBucketOwner
			return location, true
		}
	}
	return location, false
}

// byHand is how to put back what this verb cannot.
func byHand(called string, saved savedRevision) string {
	if saved.broken == nil && len(saved.configuration.Rules) == 0 {
		return "there was nothing on it, which aws s3api delete-bucket-cors puts back"
	}
	return fmt.Sprintf("print it with %s history -n %s --revision %s, and put it back with aws s3api put-bucket-cors", called, saved.namespace, saved.name)
}

// noticeTime is how long the operator has to see that a policy was suspended, which
// people do just before. It may be down.
const noticeTime = 5 * time.Second

// obstacle is why a saved configuration would be undone if it was put back, and what
// to do; empty for nothing that is known. It waits with patience for the operator to
// see the latest change of the policies.
func (c *cluster) obstacle(cmd *cobra.Command, saved savedRevision, patience time.Duration) (string, error) {
	ctx := cmd.Context()
	namespace := ""
	policies, err := c.policies(ctx, namespace)
	if apierrors.IsForbidden(err) {
		note(cmd, "you may not list the policies of other namespaces: one of them may have this bucket, too, and would undo this")
		namespace = saved.namespace
		policies, err = c.policies(ctx, namespace)
	}
	if err != nil {
		return "", err
	}
	services, err := c.services(ctx)
	if err != nil {
		return "", err
	}
	by, unnoticed := enforcedBy(policies, services, saved.bucket, saved.service)
	for start := time.Now(); len(by) == 0 && len(unnoticed) > 0 && time.Since(start) < patience; {
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
		if policies, err = c.policies(ctx, namespace); err != nil {
			return "", err
		}
		by, unnoticed = enforcedBy(policies, services, saved.bucket, saved.service)
	}
	if len(by) > 0 {
		return undoneBy(cmd.Root().DisplayName(), by, saved), nil
	}
	for _, p := range unnoticed {
		note(cmd, "the operator has not looked at policy %s/%s since that changed last, and may undo this once more", p.Namespace, p.Name)
	}
	return "", nil
}

// undoneBy says which policies would undo this, and what to do.
func undoneBy(called string, by []*v1alpha1.BucketCORSPolicy, saved savedRevision) string {
	var policies, commands []string
	for _, p := range by {
		policies = append(policies, p.Namespace+"/"+p.Name)
		commands = append(commands, fmt.Sprintf(`kubectl patch bcp/%s -n %s --type merge -p '{"spec":{"suspend":true}}'`, p.Name, p.Namespace))
	}
	who, it := "policy "+policies[0]+" enforces its rules", "it"
	if len(by) > 1 {
		who, it = "policies "+few(policies)+" enforce their rules", "them"
	}
	const most = 10 // as of the names
	if more := len(commands) - most; more > 0 {
		commands = append(commands[:most], fmt.Sprintf("and %d more", more))
	}
	said := fmt.Sprintf("%s on bucket %q and would undo this at the next look; suspend %s first: %s", who, saved.bucket, it, strings.Join(commands, "; "))
	if len(saved.configuration.Rules) == 0 {
		return said
	}
	return fmt.Sprintf("%s; or put the saved rules into %s, which %s history -n %s --revision %s prints", said, it, called, saved.namespace, saved.name)
}

// enforcedBy are the policies that put their rules on a bucket of a service whenever
// it has others, and those that may not any more, which the operator has not seen yet. services are those of the providers by name; nil where they
// are not known.
//
// In doubt a policy is one of them.
func enforcedBy(policies []v1alpha1.BucketCORSPolicy, services map[string]string, bucketName, service string) (by, unnoticed []*v1alpha1.BucketCORSPolicy) {
	for i := range policies {
		p := &policies[i]
		// One that goes away leaves alone what is not its own.
		if !p.DeletionTimestamp.IsZero() || !names(p, bucketName) {
			continue
		}
		reached, exists := services[controllers.ProviderName(p)]
		seen := p.Status.ObservedGeneration == p.Generation
		if services != nil && (!exists || reached != service) {
			continue
		}
		if services == nil && seen && onlyElsewhere(p, bucketName, service) {
			continue
		}
		switch {
		case !p.Spec.Suspend && p.Spec.Mode != v1alpha1.PolicyModeObserve:
			if !seen || !isKeptOut(p, bucketName, service) {
				by = append(by, p)
			}
		case !seen:
			unnoticed = append(unnoticed, p)
		}
	}
	return by, unnoticed
}

// onlyElsewhere reports whether the status of a policy knows a bucket, and not on
// this service.
func onlyElsewhere(policy *v1alpha1.BucketCORSPolicy, bucketName, service string) bool {
	elsewhere := false
	for _, b := range policy.Status.Buckets {
		if b.Name == bucketName && !b.Leaving {
			if b.Service == "" || b.Service == service {
				return false
			}
			elsewhere = true
		}
	}
	return elsewhere
}

// isKeptOut reports whether a policy writes nothing to a bucket because another has
// it or it is not granted. Rules that only find no room, or an operator that S3 refuses,
// may write as soon as something else is there.
func isKeptOut(policy *v1alpha1.BucketCORSPolicy, bucketName, service string) bool {
	for _, b := range policy.Status.Buckets {
		if b.Name == bucketName && b.Service == service && !b.Leaving {
			return b.Reason == v1alpha1.ReasonConflicted || b.Reason == v1alpha1.ReasonNotPermitted
		}
	}
	return false
}

func names(policy *v1alpha1.BucketCORSPolicy, bucketName string) bool {
	return slices.ContainsFunc(policy.Spec.Buckets, func(b v1alpha1.BucketReference) bool { return b.Name == bucketName })
}
