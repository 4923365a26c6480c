// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// clusterFlags are those of kubectl that say which cluster, and as whom.
type clusterFlags struct {
	config *genericclioptions.ConfigFlags
}

// clusterFlagUsages are the words of this program for the flags of kubectl.
var clusterFlagUsages = map[string]string{
	"kubeconfig":      "the kubeconfig `FILE` (default: KUBECONFIG, or ~/.kube/config)",
	"context":         "the context of the kubeconfig (default: the current one)",
	"namespace":       "the namespace (default: that of the context)",
	"as":              "the user to act as in the cluster",
	"as-group":        "a group to act as in the cluster; may be repeated",
	"request-timeout": "how long to wait for one answer of the cluster, such as 10s; 0 for as long as it takes",
}

func (f *clusterFlags) addTo(cmd *cobra.Command) {
	f.config = &genericclioptions.ConfigFlags{
		KubeConfig: new(""), Context: new(""), Namespace: new(""),
		Impersonate: new(""), ImpersonateGroup: &[]string{}, Timeout: new("0"),
	}
	f.config.AddFlags(cmd.Flags())
	for name, usage := range clusterFlagUsages {
		cmd.Flags().Lookup(name).Usage = usage
	}
	complete(cmd, "context", f.completeContexts)
	complete(cmd, "namespace", f.completeNamespaces)
	for _, name := range []string{"as", "as-group", "request-timeout"} {
		complete(cmd, name, cobra.NoFileCompletions)
	}
}

// cluster is a cluster that can be asked.
type cluster struct {
	client.Client
	// host is its URL, for messages.
	host string
	// namespace is the one of the flags, or of the context.
	namespace string
}

// errNoCluster is that nothing says which cluster is meant.
var errNoCluster = errors.New("there is no kubeconfig: set --kubeconfig or KUBECONFIG")

// connect is the cluster that the flags name. Nothing is sent yet. The error is
// errNoCluster where there is none.
func (f *clusterFlags) connect() (*cluster, error) {
	loader := f.config.ToRawKubeConfigLoader()
	raw, err := loader.RawConfig()
	inPod := os.Getenv("KUBERNETES_SERVICE_HOST") != ""
	if err == nil && len(raw.Clusters) == 0 && len(raw.Contexts) == 0 && !inPod {
		return nil, errNoCluster // where kubectl would ask localhost:8080
	}
	var config *rest.Config
	if err == nil {
		config, err = f.config.ToRESTConfig()
	}
	if clientcmd.IsEmptyConfig(err) {
		return nil, errNoCluster
	}
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("find the namespace: %w", err)
	}
	// As kubectl: a person waits, and asks for no more than a screenful.
	config.QPS, config.Burst = 50, 300
	config.UserAgent = program + "/" + buildVersion()
	config.WarningHandler = rest.NoWarnings{}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("register the API types: %w", err)
	}
	asked, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	return &cluster{Client: asked, host: config.Host, namespace: namespace}, nil
}

// failure is why the cluster did not give what was asked for, in words that say
// what to do. wanted is what that was, with a verb: "list BucketCORSPolicies".
func (c *cluster) failure(wanted string, err error) error {
	discovery := func() bool {
		_, failed := errors.AsType[*apiutil.ErrResourceDiscoveryFailed](err)
		return failed
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case meta.IsNoMatchError(err), discovery() && strings.Contains(err.Error(), "not find the requested resource"):
		return fmt.Errorf("the cluster %s does not know the kinds of bucketcors: install its CRDs, or name another cluster with --context", c.host)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not %s in the cluster %s: %w", wanted, c.host, err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the cluster %s does not know you: log in, or name another context with --context: %w", c.host, err)
	default:
		return fmt.Errorf("%s of the cluster %s: %w", wanted, c.host, err)
	}
}

// policies are those of a namespace, or of all where it is empty, by namespace and
// name.
func (c *cluster) policies(ctx context.Context, namespace string) ([]v1alpha1.BucketCORSPolicy, error) {
	var list v1alpha1.BucketCORSPolicyList
	wanted := "list BucketCORSPolicies in all namespaces"
	if namespace != "" {
		wanted = fmt.Sprintf("list BucketCORSPolicies in namespace %s", namespace)
	}
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, c.failure(wanted, err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.BucketCORSPolicy) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return list.Items, nil
}

// policiesSeen are those of all namespaces or, where these may not be listed, of the
// named ones, and what there is to say of that.
func (c *cluster) policiesSeen(ctx context.Context, namespaces ...string) (seen []v1alpha1.BucketCORSPolicy, note string, err error) {
	seen, err = c.policies(ctx, "")
	if !apierrors.IsForbidden(err) {
		return seen, "", err
	}
	slices.Sort(namespaces)
	for _, namespace := range slices.Compact(namespaces) {
		more, err := c.policies(ctx, namespace)
		if err != nil && !apierrors.IsForbidden(err) {
			return nil, "", err
		}
		seen = append(seen, more...)
	}
	return seen, "you may not list the policies of all namespaces: what others have on the same buckets is not known here", nil
}

// providers are all of the cluster.
func (c *cluster) providers(ctx context.Context) ([]*v1alpha1.BucketProvider, error) {
	var list v1alpha1.BucketProviderList
	err := c.List(ctx, &list)
	if apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("%w; have the ClusterRole bucketcors-provider-viewer, or say where the buckets are with --endpoint or --region",
			c.failure("list BucketProviders", err))
	}
	if err != nil {
		return nil, c.failure("list BucketProviders", err)
	}
	var found []*v1alpha1.BucketProvider
	for i := range list.Items {
		found = append(found, &list.Items[i])
	}
	return found, nil
}

// services are those of all BucketProviders by name; nil where they may not be
// listed.
func (c *cluster) services(ctx context.Context) (map[string]string, error) {
	providers, err := c.providers(ctx)
	switch {
	case apierrors.IsForbidden(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	services := make(map[string]string, len(providers))
	for _, p := range providers {
		services[p.Name] = controllers.ServiceOf(p)
	}
	return services, nil
}

// provider is a BucketProvider by its name. The error matches apierrors.IsForbidden
// where it may not be read.
func (c *cluster) provider(ctx context.Context, name string) (*v1alpha1.BucketProvider, error) {
	var found v1alpha1.BucketProvider
	err := c.Get(ctx, types.NamespacedName{Name: name}, &found)
	switch {
	case apierrors.IsNotFound(err) && !meta.IsNoMatchError(err):
		return nil, &noProviderError{name: name, host: c.host}
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("%w; have the ClusterRole bucketcors-provider-viewer", c.failure("get BucketProvider "+name, err))
	case err != nil:
		return nil, c.failure("get BucketProvider "+name, err)
	}
	return &found, nil
}

// noProviderError is a BucketProvider that does not exist.
type noProviderError struct{ name, host string }

func (e *noProviderError) Error() string {
	return fmt.Sprintf("the cluster %s has no BucketProvider %q", e.host, e.name)
}

// labels are those of a namespace, never nil.
func (c *cluster) labels(ctx context.Context, namespace string) (map[string]string, error) {
	var found metav1.PartialObjectMetadata
	found.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	switch err := c.Get(ctx, types.NamespacedName{Name: namespace}, &found); {
	case apierrors.IsNotFound(err):
		return map[string]string{}, nil
	case err != nil:
		return nil, c.failure("get Namespace "+namespace, err)
	}
	if found.Labels == nil {
		return map[string]string{}, nil
	}
	return found.Labels, nil
}

// serviceOf is the S3 service of a BucketProvider. Requests to it are signed with
// the AWS credentials of who calls or, with --provider-credentials, as the operator
// signs them.
func (f *liveFlags) serviceOf(ctx context.Context, c *cluster, provider *v1alpha1.BucketProvider) (service, error) {
	s := service{provider: provider.Name, dialect: cors.AWS}
	if d, known := cors.DialectByName(string(provider.Spec.Dialect)); known {
		s.dialect = d
	}
	if !f.providerCredentials {
		s.Provider = controllers.Connection(provider)
		s.AssumeRole = nil // of the operator's credentials
		return s, nil
	}
	if provider.Spec.Credentials == nil {
		return s, noSecret("BucketProvider %q has no Secret: the operator signs with credentials of its own, which nobody else has; leave out --provider-credentials",
			provider.Name)
	}
	namespace := cmp.Or(f.operatorNamespace, defaultOperatorNamespace)
	connected, err := controllers.Connect(ctx, c.Client, namespace, provider)
	if apierrors.IsForbidden(err) {
		return s, noSecret("you may not get Secret %s in namespace %s of the cluster %s: leave out --provider-credentials, and your own AWS credentials sign",
			provider.Spec.Credentials.SecretRef.Name, namespace, c.host)
	}
	if err != nil {
		return s, fmt.Errorf("--provider-credentials: %w", err)
	}
	s.Provider = connected
	return s, nil
}

// noSecret is why the requests to a service cannot be signed.
func noSecret(format string, arguments ...any) error {
	return &bucket.Error{Reason: v1alpha1.ReasonSecretNotFound, Fate: bucket.Refused, Message: fmt.Sprintf(format, arguments...)}
}

// completionTime bounds what shells wait for.
const completionTime = 3 * time.Second

// completeFrom completes a word with what a cluster says, quickly or not at all.
func (f *clusterFlags) completeFrom(cmd *cobra.Command, words func(context.Context, *cluster) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	c, err := f.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found, err := words(ctx, c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

func (f *clusterFlags) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	raw, err := f.config.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for name := range raw.Contexts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (f *clusterFlags) completeNamespaces(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return f.completeFrom(cmd, func(ctx context.Context, c *cluster) ([]string, error) {
		return c.namesOf(ctx, "", corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	})
}

func (f *clusterFlags) completeProviders(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return f.completeFrom(cmd, func(ctx context.Context, c *cluster) ([]string, error) {
		return c.namesOf(ctx, "", v1alpha1.SchemeGroupVersion.WithKind("BucketProviderList"))
	})
}

// completePolicies completes the names of the policies of the namespace.
func (f *clusterFlags) completePolicies(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return f.completeFrom(cmd, func(ctx context.Context, c *cluster) ([]string, error) {
		return c.namesOf(ctx, c.namespace, v1alpha1.SchemeGroupVersion.WithKind("BucketCORSPolicyList"))
	})
}

// completeBuckets completes the names of buckets that policies of the namespace
// have.
func (f *clusterFlags) completeBuckets(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return f.completeFrom(cmd, func(ctx context.Context, c *cluster) ([]string, error) {
		policies, err := c.policies(ctx, c.namespace)
		var names []string
		for _, p := range policies {
			for _, b := range p.Spec.Buckets {
				names = append(names, b.Name)
			}
		}
		slices.Sort(names)
		return slices.Compact(names), err
	})
}

// namesOf are the names of all objects of a kind in a namespace, or of those that
// are in none.
func (c *cluster) namesOf(ctx context.Context, namespace string, kind schema.GroupVersionKind) ([]string, error) {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(kind)
	err := c.List(ctx, &list, client.InNamespace(namespace))
	var names []string
	for _, item := range list.Items {
		names = append(names, item.Name)
	}
	return names, err
}
