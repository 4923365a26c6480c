// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// savedRevision is a configuration of a bucket that the operator saved, as a
// ControllerRevision.
type savedRevision struct {
	namespace, name string
	// policy is the name of the policy that it belongs to, and policyUID tells that
	// from others that had the name; empty when it belongs to none.
	policy          string
	policyUID       types.UID
	bucket, service string
	// why is one of the reasons of revisions, such as Original.
	why string
	// foundAt is when it was on the bucket; the zero time when that is not known.
	foundAt       time.Time
	configuration cors.Configuration
	// broken is why the configuration cannot be read; nil when it can.
	broken error
}

// policyKind is the kind of the owners of what was saved.
const policyKind = "BucketCORSPolicy"

// readSaved reads a ControllerRevision that has the label of ours.
func readSaved(revision *appsv1.ControllerRevision) savedRevision {
	s := savedRevision{
		namespace: revision.Namespace, name: revision.Name,
		bucket:  revision.Annotations[v1alpha1.RevisionBucketAnnotation],
		service: revision.Annotations[v1alpha1.RevisionServiceAnnotation],
		why:     revision.Annotations[v1alpha1.RevisionReasonAnnotation],
	}
	if owner := metav1.GetControllerOfNoCopy(revision); owner != nil && owner.Kind == policyKind &&
		strings.HasPrefix(owner.APIVersion, v1alpha1.SchemeGroupVersion.Group+"/") {
		s.policy, s.policyUID = owner.Name, owner.UID
	}
	s.foundAt, _ = time.Parse(time.RFC3339, revision.Annotations[v1alpha1.RevisionTimeAnnotation])
	s.configuration, s.broken = cors.ParseJSON(revision.Data.Raw)
	return s
}

// allSaved is everything that was saved in a namespace, or in all where it is
// empty: by bucket, the latest first.
func (c *cluster) allSaved(ctx context.Context, namespace string) ([]savedRevision, error) {
	var list appsv1.ControllerRevisionList
	wanted := "list ControllerRevisions in all namespaces"
	if namespace != "" {
		wanted = "list ControllerRevisions in namespace " + namespace
	}
	if err := c.List(ctx, &list, client.InNamespace(namespace), client.HasLabels{v1alpha1.RevisionBucketLabel}); err != nil {
		return nil, c.failure(wanted, err)
	}
	all := make([]savedRevision, 0, len(list.Items))
	for i := range list.Items {
		all = append(all, readSaved(&list.Items[i]))
	}
	slices.SortStableFunc(all, func(a, b savedRevision) int {
		return cmp.Or(strings.Compare(a.namespace, b.namespace), strings.Compare(a.bucket, b.bucket), strings.Compare(a.service, b.service),
			b.foundAt.Compare(a.foundAt), strings.Compare(a.name, b.name))
	})
	return all, nil
}

// saved is one that was saved, which can be read. called is how people call this
// program.
func (c *cluster) saved(ctx context.Context, called, namespace, name string) (savedRevision, error) {
	var revision appsv1.ControllerRevision
	err := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &revision)
	switch {
	case apierrors.IsNotFound(err):
		return savedRevision{}, fmt.Errorf("namespace %s has no ControllerRevision %q: %s history -n %[1]s lists those that there are; -n names another namespace",
			namespace, name, called)
	case err != nil:
		return savedRevision{}, c.failure(fmt.Sprintf("get ControllerRevision %s in namespace %s", name, namespace), err)
	}
	if _, ours := revision.Labels[v1alpha1.RevisionBucketLabel]; !ours {
		return savedRevision{}, fmt.Errorf("ControllerRevision %s/%s is not one of bucketcors: it has no label %s", namespace, name, v1alpha1.RevisionBucketLabel)
	}
	s := readSaved(&revision)
	if s.broken != nil {
		return savedRevision{}, fmt.Errorf("ControllerRevision %s/%s holds no CORS configuration: %w", namespace, name, s.broken)
	}
	return s, nil
}

// completeRevisions completes the names of what was saved in the namespace.
func (f *clusterFlags) completeRevisions(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return f.completeFrom(cmd, func(ctx context.Context, c *cluster) ([]string, error) {
		all, err := c.allSaved(ctx, c.namespace)
		var words []string
		for _, s := range all {
			words = append(words, s.name+"\t"+printable(fmt.Sprintf("%s of %s, %s", s.why, s.bucket, s.time())))
		}
		return words, err
	})
}
