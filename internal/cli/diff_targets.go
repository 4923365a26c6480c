// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

// diffPlan is what is to be compared, and what decides beside it.
type diffPlan struct {
	targets []diffTarget
	among   controllers.Neighbours
	notes   []string
	// unreadable are why files could not be read, or policies in them are refused.
	unreadable []error
}

// givenPolicy is a policy to compare. The file is nil for one of the cluster.
type givenPolicy struct {
	*v1alpha1.BucketCORSPolicy
	file     *document.File
	document *document.Document
}

// plan finds out what the flags mean.
func (o *diffOptions) plan(cmd *cobra.Command) (*diffPlan, error) {
	plan := &diffPlan{}
	given, err := o.read(cmd, plan)
	if err != nil {
		return nil, err
	}
	if o.live.named(cmd) {
		in, err := o.live.service()
		if err != nil {
			return nil, err
		}
		return plan, o.planAlone(cmd, plan, given, in)
	}
	c, err := o.live.cluster.connect()
	if errors.Is(err, errNoCluster) && len(given) > 0 {
		return nil, fmt.Errorf("%w, or say where the buckets are with --region, such as --region eu-west-1, or with --endpoint, if it is not AWS", err)
	}
	if err != nil {
		return nil, err
	}
	return plan, o.planInCluster(cmd, plan, given, c)
}

// read reads the policies in the files, and leaves in the plan what could not be
// read. There is nothing to compare without any, unless no file is named.
func (o *diffOptions) read(cmd *cobra.Command, plan *diffPlan) ([]givenPolicy, error) {
	var given []givenPolicy
	for _, source := range expandSources(o.files, o.recursive) {
		if err := cmd.Context().Err(); err != nil {
			return nil, err
		}
		found, err := readPolicies(cmd, source)
		if err != nil {
			plan.unreadable = append(plan.unreadable, err)
		}
		given = append(given, found...)
	}
	if len(given) == 0 && len(o.files) > 0 {
		if len(plan.unreadable) == 0 {
			hint := "; -R also reads what is in directories below"
			if o.recursive {
				hint = ""
			}
			plan.unreadable = append(plan.unreadable, fmt.Errorf("no policies in %s%s", enumerate(o.files, "or"), hint))
		}
		return nil, errors.Join(plan.unreadable...)
	}
	return given, nil
}

// readPolicies reads those of a file that the API server would accept. The error is
// about the others.
func readPolicies(cmd *cobra.Command, source source) (given []givenPolicy, err error) {
	if source.problem != nil {
		return nil, aboutFile(source.name(), source.problem)
	}
	name, data, err := readBytes(cmd, source.path)
	if err != nil {
		return nil, aboutFile(source.name(), err)
	}
	if source.found && !mentionsCORS(data) {
		return nil, nil
	}
	file, err := document.Read(name, data)
	if err != nil {
		if source.found && hasNoRules(err) {
			return nil, nil
		}
		return nil, placed(name, err)
	}
	problems := file.Problems()
	var errs []error
	for _, d := range file.Documents {
		switch {
		case d.Policy == nil && source.found:
		case d.Policy == nil:
			errs = append(errs, &fileError{file: name, problem: fmt.Sprintf("diff compares policies, and this is %s: make it one with %s convert -f %s --to policy",
				d.Format, cmd.Root().DisplayName(), source.path)})
		case len(problems[d]) > 0:
			errs = append(errs, newRefusedPolicy(cmd, file, d, problems[d]))
		default:
			given = append(given, givenPolicy{d.Policy, file, d})
		}
	}
	return given, errors.Join(errs...)
}

// planAlone plans without a cluster: the policies are all that there are, and all
// their buckets are on one service.
func (o *diffOptions) planAlone(cmd *cobra.Command, plan *diffPlan, given []givenPolicy, in service) error {
	namespace := cmp.Or(*o.live.cluster.config.Namespace, metav1.NamespaceDefault)
	var names []string
	for _, g := range given {
		if name := controllers.ProviderName(g.BucketCORSPolicy); !slices.Contains(names, name) {
			names = append(names, name)
			plan.among.Providers = append(plan.among.Providers, &v1alpha1.BucketProvider{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec: v1alpha1.BucketProviderSpec{
					Region: v1alpha1.Region(in.Region), Endpoint: in.Endpoint, Dialect: v1alpha1.Dialect(in.dialect.Name()),
					Access: []v1alpha1.AccessGrant{{Namespaces: []v1alpha1.NamespacePattern{"*"}, Buckets: []v1alpha1.BucketPattern{"*"}}},
				},
			})
		}
	}
	if len(names) > 1 {
		plan.notes = append(plan.notes, fmt.Sprintf("the policies name the BucketProviders %s, and all are compared with %s", enumerate(names, "and"), in.title()))
	}
	if slices.ContainsFunc(given, func(g givenPolicy) bool { return g.Spec.Sharing == v1alpha1.SharingShared }) {
		plan.notes = append(plan.notes, "without a cluster, the rules of a Shared policy are put together with those of the files alone")
	}
	err := o.addTargets(cmd, plan, given, namespace, func(string) (service, error) { return in, nil })
	for i := range plan.targets {
		plan.targets[i].alone = true
	}
	return err
}

// planInCluster plans with the policies and providers of a cluster.
func (o *diffOptions) planInCluster(cmd *cobra.Command, plan *diffPlan, given []givenPolicy, c *cluster) error {
	ctx := cmd.Context()
	if len(o.files) == 0 {
		namespace := c.namespace
		if o.allNamespaces {
			namespace = ""
		}
		policies, err := c.policies(ctx, namespace)
		if err != nil {
			return err
		}
		if len(policies) == 0 {
			plan.notes = append(plan.notes, noPolicies(c, namespace))
		}
		for i := range policies {
			given = append(given, givenPolicy{BucketCORSPolicy: &policies[i]})
		}
	}
	var err error
	if plan.among.Providers, err = c.providers(ctx); err != nil {
		return err
	}
	var namespaces []string
	for _, g := range given {
		namespaces = append(namespaces, cmp.Or(g.Namespace, c.namespace))
	}
	others, note, err := c.policiesSeen(ctx, namespaces...)
	if err != nil {
		return err
	}
	if note != "" {
		plan.notes = append(plan.notes, note)
	}
	for i := range others {
		plan.among.Policies = append(plan.among.Policies, &others[i])
	}
	services := map[string]service{}
	failures := map[string]error{}
	err = o.addTargets(cmd, plan, given, c.namespace, func(name string) (service, error) {
		if _, known := services[name]; known || failures[name] != nil {
			return services[name], failures[name]
		}
		i := slices.IndexFunc(plan.among.Providers, func(p *v1alpha1.BucketProvider) bool { return p.Name == name })
		if i < 0 {
			return service{provider: name, dialect: cors.AWS}, nil // told by the preview
		}
		services[name], failures[name] = o.live.serviceOf(ctx, c, plan.among.Providers[i])
		return services[name], failures[name]
	})
	if err != nil {
		return err
	}
	plan.among.Labels, note, err = c.labelsOf(ctx, plan)
	if note != "" {
		plan.notes = append(plan.notes, note)
	}
	return err
}

func noPolicies(c *cluster, namespace string) string {
	if namespace == "" {
		return fmt.Sprintf("the cluster %s has no BucketCORSPolicies", c.host)
	}
	return fmt.Sprintf("namespace %s of the cluster %s has no BucketCORSPolicies: -n names another, and -A means all", namespace, c.host)
}

// addTargets puts the given policies among all that there are, and their buckets
// among the targets.
func (o *diffOptions) addTargets(cmd *cobra.Command, plan *diffPlan, given []givenPolicy, namespace string, in func(provider string) (service, error)) error {
	seen := map[string]string{}
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	bucketKnown := o.bucket == ""
	for _, g := range given {
		policy := g.BucketCORSPolicy
		at, failure := in(controllers.ProviderName(policy))
		if g.file != nil {
			if policy.Namespace == "" {
				policy.Namespace = namespace
			}
			name := policy.Namespace + "/" + policy.Name
			if before, twice := seen[name]; twice {
				plan.unreadable = append(plan.unreadable, &fileError{file: g.file.Name, problem: fmt.Sprintf("policy %s is in %s, too: which of them is meant?", name, before)})
				continue
			}
			seen[name] = g.file.Name
			// Whose mistakes these are, the file says best.
			if failure == nil {
				if _, err := compileDocument(cmd, g.file, g.document, at.dialect); err != nil {
					plan.unreadable = append(plan.unreadable, err)
					continue
				}
			}
			plan.among.Policies = replacing(plan.among.Policies, policy, now)
		}
		for _, b := range policy.Spec.Buckets {
			if o.bucket != "" && o.bucket != b.Name {
				continue
			}
			bucketKnown = true
			plan.targets = append(plan.targets, diffTarget{
				policy: policy, in: at, failure: failure,
				location: bucket.Location{Name: b.Name, Region: string(b.Region), ExpectedOwner: b.ExpectedBucketOwner},
			})
		}
	}
	if !bucketKnown && len(plan.unreadable) == 0 {
		return fmt.Errorf("none of %s has the bucket %s", count(len(given), "policy"), cors.Quote(o.bucket))
	}
	return nil
}

// replacing are policies with one that is about to be applied: in place of the one
// of the same name, whose age and status it gets, or as the youngest.
func replacing(policies []*v1alpha1.BucketCORSPolicy, policy *v1alpha1.BucketCORSPolicy, now metav1.Time) []*v1alpha1.BucketCORSPolicy {
	for i, before := range policies {
		if before.Namespace == policy.Namespace && before.Name == policy.Name {
			policy.UID, policy.CreationTimestamp, policy.Status = before.UID, before.CreationTimestamp, before.Status
			policies[i] = policy
			return policies
		}
	}
	policy.UID, policy.CreationTimestamp = types.UID("new "+policy.Namespace+"/"+policy.Name), now
	return append(policies, policy)
}

// labelsOf are the labels of the namespaces whose policies name a bucket of the
// plan, where a grant selects namespaces by them, and what there is to say where
// they cannot be read.
func (c *cluster) labelsOf(ctx context.Context, plan *diffPlan) (labels map[string]map[string]string, note string, err error) {
	labels = map[string]map[string]string{}
	selects := slices.ContainsFunc(plan.among.Providers, func(p *v1alpha1.BucketProvider) bool {
		return slices.ContainsFunc(p.Spec.Access, func(a v1alpha1.AccessGrant) bool { return a.NamespaceSelector != nil })
	})
	buckets := map[string]bool{}
	for _, t := range plan.targets {
		buckets[t.location.Name] = true
	}
	var unknown []string
	for _, p := range plan.among.Policies {
		if _, known := labels[p.Namespace]; known || slices.Contains(unknown, p.Namespace) ||
			!slices.ContainsFunc(p.Spec.Buckets, func(b v1alpha1.BucketReference) bool { return buckets[b.Name] }) {
			continue
		}
		if !selects {
			labels[p.Namespace] = map[string]string{}
			continue
		}
		found, err := c.labels(ctx, p.Namespace)
		switch {
		case apierrors.IsForbidden(err):
			unknown = append(unknown, p.Namespace)
		case err != nil:
			return nil, "", err
		default:
			labels[p.Namespace] = found
		}
	}
	if len(unknown) > 0 {
		note = fmt.Sprintf("you may not get Namespace %s: grants that select namespaces by labels count as none for it", strings.Join(unknown, ", "))
	}
	return labels, note, nil
}
