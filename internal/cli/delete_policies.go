// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

const (
	// deletionPoll is the time between two looks at what is left.
	deletionPoll = time.Second
	// quietPolls is how often it is looked before what keeps a policy is told.
	quietPolls = 15
	// policyPage is how many policies are asked for at a time: each has up to 100
	// rules and 500 buckets.
	policyPage = 200
	// maxStuckShown is how many policies are told of one by one, and how many
	// buckets of each.
	maxStuckShown = 20
)

// newDeletePoliciesCommand is what the Helm chart runs before it takes the
// operator away.
func newDeletePoliciesCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "delete-policies",
		Short: "Delete all policies, and wait until the operator has dealt with their buckets",
		Long: `Delete every BucketCORSPolicy of the cluster, and wait until the operator,
which has to run, has done to each bucket what the deletionPolicy says. Helm runs
this before it uninstalls the chart.

Exit status: 0 when there are none any more, 1 when some are still there after
--timeout, with why; 2 when it could not do its work.`,
		Args: cobra.NoArgs,
		RunE: interruptible(func(cmd *cobra.Command, _ []string) error {
			if timeout <= 0 {
				return fmt.Errorf("--timeout is %s: it has to be more than 0", timeout)
			}
			asked, err := policyClient()
			if err != nil {
				return err
			}
			ticks := time.NewTicker(deletionPoll)
			defer ticks.Stop()
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			deletion := policyDeletion{client: asked, out: cmd.OutOrStdout(), poll: ticks.C}
			left, err := deletion.run(ctx)
			if len(left) > 0 && cmd.Context().Err() == nil {
				deletion.explain(left, timeout)
				return errNo
			}
			return err
		}),
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Minute, "how long to wait until all of them are gone")
	addKubeconfigFlag(cmd.Flags())
	return cmd
}

// addKubeconfigFlag adds --kubeconfig, as "bucketcors controller" has it.
func addKubeconfigFlag(flags *pflag.FlagSet) {
	inherited := flag.NewFlagSet("", flag.ContinueOnError)
	config.RegisterFlags(inherited)
	flags.AddGoFlagSet(inherited)
}

// policyClient talks to the cluster of the pod or the kubeconfig, without a cache.
func policyClient() (client.Client, error) {
	restConfig, err := ctrl.GetConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, errors.New("find the cluster: this is no pod, and there is no kubeconfig: set --kubeconfig or KUBECONFIG")
	}
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	// The API server says when it is too much: a client that held back a request until
	// the deadline is over would have no answer to tell of.
	restConfig.QPS = -1
	scheme := runtime.NewScheme()
	if err := s3v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register the API types: %w", err)
	}
	asked, err := client.New(restConfig, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	return asked, nil
}

// policyDeletion deletes all policies and watches them go.
type policyDeletion struct {
	client client.Client
	out    io.Writer
	poll   <-chan time.Time

	said string
}

// run deletes policies until there are none or the context is done, and returns
// those that it saw last. Policies that somebody creates meanwhile are deleted
// too. What passes by itself, such as an API server that restarts, is told and
// tried again; the error is what cannot pass.
func (d *policyDeletion) run(ctx context.Context) (left []s3v1alpha1.BucketCORSPolicy, err error) {
	for polls := 0; ; polls++ {
		policies, err := d.pass(ctx)
		if len(policies) > 0 {
			left = policies
		}
		switch {
		case err == nil && len(policies) == 0:
			d.say("there are no policies")
			return nil, nil
		case err == nil && polls >= quietPolls:
			d.say("waiting for %s; %s/%s: %s", count(len(left), "policy"), left[0].Namespace, left[0].Name, whatKeeps(&left[0])[0])
		case err == nil:
			d.say("waiting for %s", count(len(left), "policy"))
		case ctx.Err() != nil:
			// The last answer is what is known.
		case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
			return nil, err
		default:
			d.say("trying again: %v", err)
		}
		select {
		case <-ctx.Done():
			if left == nil {
				err = cmp.Or(err, ctx.Err())
			}
			return left, err
		case <-d.poll:
		}
	}
}

// pass deletes what is there and not going away yet, and returns all that is there.
func (d *policyDeletion) pass(ctx context.Context) ([]s3v1alpha1.BucketCORSPolicy, error) {
	policies, err := d.list(ctx)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i := range policies {
		policy := &policies[i]
		if !policy.DeletionTimestamp.IsZero() {
			continue
		}
		// Of this one, not of another that took its name meanwhile.
		err := d.client.Delete(ctx, policy, client.Preconditions{UID: &policy.UID})
		if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
			errs = append(errs, fmt.Errorf("delete the policy %s/%s: %w", policy.Namespace, policy.Name, err))
		}
	}
	return policies, errors.Join(errs...)
}

func (d *policyDeletion) list(ctx context.Context) ([]s3v1alpha1.BucketCORSPolicy, error) {
	var all []s3v1alpha1.BucketCORSPolicy
	var page s3v1alpha1.BucketCORSPolicyList
	for {
		err := d.client.List(ctx, &page, client.Limit(policyPage), client.Continue(page.Continue))
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			return nil, nil // without the CRD there are none
		}
		if err != nil {
			return nil, fmt.Errorf("list the policies: %w", err)
		}
		all = append(all, page.Items...)
		if page.Continue == "" {
			return all, nil
		}
		page.Items = nil
	}
}

// say prints a line, unless it is the same as the one before.
func (d *policyDeletion) say(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); line != d.said {
		d.said = line
		fmt.Fprintln(d.out, line)
	}
}

// explain prints what keeps each policy, and what to do.
func (d *policyDeletion) explain(left []s3v1alpha1.BucketCORSPolicy, timeout time.Duration) {
	fmt.Fprintf(d.out, "after %s, %s still there:\n", timeout, are(len(left)))
	for _, policy := range left[:min(len(left), maxStuckShown)] {
		fmt.Fprintf(d.out, "\n%s/%s\n", policy.Namespace, policy.Name)
		for _, line := range whatKeeps(&policy) {
			fmt.Fprintf(d.out, "  %s\n", line)
		}
	}
	if more := len(left) - maxStuckShown; more > 0 {
		fmt.Fprintf(d.out, "\nand %d more\n", more)
	}
	fmt.Fprint(d.out, `
Mend what is said above and try again, or leave the buckets of a policy as they are:

  kubectl patch bcp/NAME -n NAMESPACE --type merge -p '{"spec":{"deletionPolicy":"Retain"}}'
`)
}

// whatKeeps says why a policy is still there, from its status.
func whatKeeps(policy *s3v1alpha1.BucketCORSPolicy) []string {
	if policy.DeletionTimestamp.IsZero() {
		return []string{"it was not deleted, or created again: does something such as Argo CD or Flux apply it?"}
	}
	ready := meta.FindStatusCondition(policy.Status.Conditions, s3v1alpha1.ConditionReady)
	if ours := slices.Contains(policy.Finalizers, s3v1alpha1.FinalizerName); !ours {
		return []string{fmt.Sprintf("the operator is done with it; these finalizers are of others: %s", strings.Join(policy.Finalizers, ", "))}
	}
	if ready == nil || ready.ObservedGeneration < policy.Generation {
		return []string{"the operator has not dealt with it since it was deleted: does it run, and what does its log say?"}
	}
	lines := []string{fmt.Sprintf("%s: %s", ready.Reason, ready.Message)}
	for _, b := range policy.Status.Buckets {
		if len(lines) > maxStuckShown {
			return append(lines, fmt.Sprintf("and more of %s", count(len(policy.Status.Buckets), "bucket")))
		}
		if b.State != s3v1alpha1.BucketSynced && !strings.Contains(ready.Message, b.Message) {
			lines = append(lines, fmt.Sprintf("bucket %q: %s: %s", b.Name, b.Reason, b.Message))
		}
	}
	return lines
}

func are(n int) string {
	if n == 1 {
		return count(n, "policy") + " is"
	}
	return count(n, "policy") + " are"
}
