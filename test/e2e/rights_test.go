// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/localenv"
)

func TestAnOperatorWithoutRightsSaysSoAndStopsWhenTold(t *testing.T) {
	t.Parallel()
	if _, err := world.kubectl.Run(t.Context(), "", "create", "serviceaccount", "no-rights", "-n", "default"); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := world.plane.ServiceAccountKubeconfig(t.Context(), "default", "no-rights")
	if err != nil {
		t.Fatal(err)
	}
	operator, err := localenv.StartOperator(t.Context(), localenv.OperatorOptions{
		Program: world.operatorProgram, Kubeconfig: kubeconfig, StateDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	said := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, soon, true, func(context.Context) (bool, error) {
		return strings.Contains(operator.Log(), `cannot list resource \"bucketcorspolicies\"`), nil
	})
	told := time.Now()
	if err := errors.Join(said, operator.Stop()); err != nil {
		t.Error(err)
	}
	// An operator with work in progress has 30s.
	if took := time.Since(told); took >= 30*time.Second {
		t.Errorf("it took %s to stop", took)
	}
}

// The ClusterRoles that people get.
const (
	policyViewer   = "bucketcors-policy-viewer"
	policyEditor   = "bucketcors-policy-editor"
	providerViewer = "bucketcors-provider-viewer"
	providerAdmin  = "bucketcors-provider-admin"
)

var (
	readVerbs = []string{"get", "list", "watch"}
	allVerbs  = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
)

// rightsOf are what a user may do to what the operator has to do with, each as
// "verb resource".
func rightsOf(ctx context.Context, user, namespace string) ([]string, error) {
	var rights []string
	for _, r := range []struct{ group, resource string }{
		{s3v1alpha1.SchemeGroupVersion.Group, "bucketcorspolicies"},
		{s3v1alpha1.SchemeGroupVersion.Group, "bucketcorspolicies/status"},
		{s3v1alpha1.SchemeGroupVersion.Group, "bucketcorspolicies/finalizers"},
		{s3v1alpha1.SchemeGroupVersion.Group, "bucketproviders"},
		{s3v1alpha1.SchemeGroupVersion.Group, "bucketproviders/status"},
		{"apps", "controllerrevisions"},
		{"", "secrets"},
		{"", "namespaces"},
		{rbacv1.GroupName, "clusterroles"},
		{rbacv1.GroupName, "rolebindings"},
	} {
		resource, subresource, _ := strings.Cut(r.resource, "/")
		for _, verb := range allVerbs {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: user,
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: namespace, Verb: verb, Group: r.group, Version: "*", Resource: resource, Subresource: subresource,
				},
			}}
			if err := world.client.Create(ctx, review); err != nil {
				return nil, err
			}
			if review.Status.Allowed {
				rights = append(rights, verb+" "+r.resource)
			}
		}
	}
	return rights, nil
}

func each(verbs []string, resource string) []string {
	var rights []string
	for _, verb := range verbs {
		rights = append(rights, verb+" "+resource)
	}
	return rights
}

func TestPeopleHaveTheRightsOfTheirRolesAndNoOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		role string
		want []string
		// everywhere: bound for the whole cluster, as what has no namespace needs it.
		everywhere bool
	}{
		{policyViewer, slices.Concat(each(readVerbs, "bucketcorspolicies"), each([]string{"get"}, "bucketcorspolicies/status")), false},
		{policyEditor, each(allVerbs, "bucketcorspolicies"), false},
		{providerViewer, slices.Concat(each(readVerbs, "bucketproviders"), each([]string{"get"}, "bucketproviders/status")), true},
		{providerAdmin, slices.Concat(each(allVerbs, "bucketproviders"), each([]string{"get"}, "bucketproviders/status")), true},
	} {
		t.Run(c.role, func(t *testing.T) {
			t.Parallel()
			const namespace, elsewhere = "default", "kube-system"
			user := "user-of-" + c.role
			reference := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: c.role}
			subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}
			var binding client.Object = &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: user, Namespace: namespace}, RoleRef: reference, Subjects: subjects}
			if c.everywhere {
				binding = &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: user}, RoleRef: reference, Subjects: subjects}
			}
			if err := world.client.Create(t.Context(), binding); err != nil {
				t.Fatal(err)
			}

			// The API server learns of a binding some time after it has stored it, and all
			// these questions take a while beside the other tests.
			var rights []string
			err := wait.PollUntilContextTimeout(t.Context(), time.Second, 4*soon, true, func(ctx context.Context) (_ bool, err error) {
				rights, err = rightsOf(ctx, user, namespace)
				return slices.Equal(rights, c.want), err
			})
			if err != nil {
				t.Errorf("the rights, error %v (- is expected, + is found):\n%s", err, diff.Diff(c.want, rights))
			}
			abroad, err := rightsOf(t.Context(), user, elsewhere)
			if err != nil || len(abroad) > 0 && !c.everywhere {
				t.Errorf("rights in another namespace, error %v: %q", err, abroad)
			}
		})
	}
}

// aggregated are the names of all ClusterRoles whose rules a role has, and these
// rules: what the controller manager, which the local cluster lacks, makes of
// labels.
func aggregated(all []rbacv1.ClusterRole, role string) ([]string, []rbacv1.PolicyRule, error) {
	var rules []rbacv1.PolicyRule
	reached := []string{role}
	for i := 0; i < len(reached); i++ {
		at := slices.IndexFunc(all, func(r rbacv1.ClusterRole) bool { return r.Name == reached[i] })
		if at < 0 {
			return nil, nil, fmt.Errorf("there is no ClusterRole %s", reached[i])
		}
		rules = append(rules, all[at].Rules...)
		if all[at].AggregationRule == nil {
			continue
		}
		for _, s := range all[at].AggregationRule.ClusterRoleSelectors {
			selector, err := metav1.LabelSelectorAsSelector(&s)
			if err != nil {
				return nil, nil, err
			}
			for _, other := range all {
				if selector.Matches(labels.Set(other.Labels)) && !slices.Contains(reached, other.Name) {
					reached = append(reached, other.Name)
				}
			}
		}
	}
	return reached, rules, nil
}

func TestTheRightsOfPeopleArePartOfTheRolesOfKubernetes(t *testing.T) {
	t.Parallel()
	var all rbacv1.ClusterRoleList
	if err := world.client.List(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	ours := []string{policyViewer, policyEditor, providerViewer, providerAdmin}
	for _, name := range ours {
		if !slices.ContainsFunc(all.Items, func(r rbacv1.ClusterRole) bool { return r.Name == name }) {
			t.Errorf("there is no ClusterRole %s", name)
		}
	}
	for role, want := range map[string]struct {
		roles []string
		// revisions are the verbs for what policies save.
		revisions []string
	}{
		"view":  {[]string{policyViewer}, readVerbs},
		"edit":  {[]string{policyViewer, policyEditor}, readVerbs},
		"admin": {[]string{policyViewer, policyEditor}, readVerbs},
	} {
		reached, rules, err := aggregated(all.Items, role)
		if err != nil {
			t.Error(err)
			continue
		}
		got := slices.DeleteFunc(slices.Clone(ours), func(name string) bool { return !slices.Contains(reached, name) })
		if !slices.Equal(got, want.roles) {
			t.Errorf("%s has the rights of %q, want %q", role, got, want.roles)
		}
		verbs := slices.DeleteFunc(slices.Clone(allVerbs), func(verb string) bool {
			return !slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool {
				return slices.Contains(rule.APIGroups, "apps") && slices.Contains(rule.Resources, "controllerrevisions") && slices.Contains(rule.Verbs, verb)
			})
		})
		if !slices.Equal(verbs, want.revisions) {
			t.Errorf("%s may %q saved configurations, want %q", role, verbs, want.revisions)
		}
	}
}
