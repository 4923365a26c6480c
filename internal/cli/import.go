// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// importOptions are the flags of the verb import.
type importOptions struct {
	buckets   []string
	all       bool
	fromFile  string
	provider  string
	mode      choice
	directory string
	force     bool
	live      liveFlags
}

func newImportCommand() *cobra.Command {
	var options importOptions
	cmd := &cobra.Command{
		Use:   "import --bucket BUCKET...",
		Short: "Write the rules of live buckets as policies",
		Long: `Read the CORS rules of live buckets, and write each as a BucketCORSPolicy that has
exactly these rules: to standard output or, with --output-dir, to one file a bucket
beside a kustomization.yaml. To apply them writes nothing to the buckets. Nothing is
changed on a bucket, or in a cluster.

The BucketProvider named by --provider says where the buckets are; --endpoint or
--region take the place of a cluster. Your own AWS credentials sign the requests,
which need s3:GetBucketCORS and, to find buckets, s3:ListAllMyBuckets.

Exit status: 0 done, 1 a bucket has rules that no policy can have, or none has any,
2 a bucket could not be read, or a file not written.`,
		Example: `  bucketcors import --bucket team-a-uploads --region eu-west-1
  bucketcors import --bucket team-a-uploads --endpoint https://s3.internal.example:9000 -n team-a
  bucketcors import --bucket 'team-a-*' -n team-a --output-dir policies
  bucketcors import --all --mode Enforce --output-dir policies`,
		Args:              onlyImportFlags,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              interruptible(func(cmd *cobra.Command, _ []string) error { return options.run(cmd) }),
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&options.buckets, "bucket", nil, "the `NAME` of a bucket, or a pattern with * for the buckets that there are; may be repeated")
	flags.BoolVar(&options.all, "all", false, "all buckets that your credentials list")
	addSingle(cmd, &options.fromFile, "from-file", "", "a `FILE` with the names of buckets, such as aws s3 ls prints; - for standard input",
		"put the names into one file")
	addSingle(cmd, &options.provider, "provider", "", "the `NAME` of the BucketProvider of the policies (default: "+v1alpha1.DefaultProviderName+")",
		"run it for one provider after the other")
	options.mode = choice{what: "mode", value: string(v1alpha1.PolicyModeObserve), known: []string{string(v1alpha1.PolicyModeObserve), string(v1alpha1.PolicyModeEnforce)}}
	addChoice(cmd, &options.mode, options.mode.known, "mode", "", "the mode of the policies")
	addSingle(cmd, &options.directory, "output-dir", "", "the `DIRECTORY` to write files to (default: one stream to standard output)", "files go to one directory")
	flags.BoolVar(&options.force, "force", false, "with --output-dir: overwrite files that are there")
	options.live.addTo(cmd)
	flags.Lookup("namespace").Usage = "the namespace of the policies (default: none is written, so that kubectl apply -n chooses it)"
	complete(cmd, "bucket", cobra.NoFileCompletions)
	complete(cmd, "provider", options.live.cluster.completeProviders)
	complete(cmd, "output-dir", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	})
	return cmd
}

// onlyImportFlags refuses words after the verb, which are mostly buckets.
func onlyImportFlags(cmd *cobra.Command, words []string) error {
	if len(words) > 0 {
		return fmt.Errorf("unexpected %q: name buckets with --bucket, as in: %s --bucket %s", words[0], cmd.CommandPath(), words[0])
	}
	return nil
}

// check refuses flags that make no sense together.
func (o *importOptions) check(cmd *cobra.Command) error {
	switch {
	case !o.all && len(o.buckets) == 0 && o.fromFile == "":
		return fmt.Errorf("which buckets? Name them with --bucket or --from-file, or take --all, as in: %s", firstLine(cmd.Example))
	case o.all && (len(o.buckets) > 0 || o.fromFile != ""):
		return errors.New("--all is all buckets: leave out it, or --bucket and --from-file")
	case o.force && o.directory == "":
		return errors.New("--force is about the files of --output-dir: add it, or leave out --force")
	}
	if o.provider != "" && !providerName.MatchString(o.provider) {
		return fmt.Errorf("--provider %s cannot be the name of a BucketProvider, which has small letters, digits, hyphens and dots", cors.Quote(o.provider))
	}
	if namespace := *o.live.cluster.config.Namespace; namespace != "" && len(validation.IsDNS1123Label(namespace)) > 0 {
		return fmt.Errorf("--namespace %s cannot be the name of a namespace, which has up to 63 small letters, digits and hyphens between them", cors.Quote(namespace))
	}
	return o.live.check(cmd)
}

func (o *importOptions) run(cmd *cobra.Command) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	names, err := o.names(cmd)
	if err != nil {
		return err
	}
	in, c, err := o.service(cmd)
	if err != nil {
		return err
	}
	clients := newLiveClients()
	found, err := findBuckets(cmd.Context(), clients, in, names)
	if err != nil {
		return err
	}
	report := &importReport{}
	var has managed
	if c != nil {
		var unseen string
		if has, unseen, err = c.managed(cmd.Context(), in, *o.live.cluster.config.Namespace); err != nil {
			return err
		}
		if unseen != "" {
			report.notes = append(report.notes, unseen)
		}
		found = report.leaveOut(has, found)
	}
	o.plan(found, in, has)
	if err := o.checkDirectory(found); err != nil {
		return err
	}
	shown := newProgress(cmd, "read buckets", len(found))
	defer shown.end()
	err = inOrder(cmd.Context(), found,
		func(ctx context.Context, b *importedBucket) error { return o.read(ctx, clients, in, b) },
		func(b *importedBucket, err error) error {
			shown.one()
			report.add(b, err)
			return nil
		})
	if err != nil {
		return err
	}
	shown.end()
	if err := o.write(cmd, report.written); err != nil {
		return err
	}
	return report.end(cmd)
}

// service is where the buckets are, and the cluster that says so, if one does.
func (o *importOptions) service(cmd *cobra.Command) (service, *cluster, error) {
	if o.live.named(cmd) {
		in, err := o.live.service()
		return in, nil, err
	}
	c, err := o.live.cluster.connect()
	if errors.Is(err, errNoCluster) {
		return service{}, nil, fmt.Errorf("%w, or say where the buckets are with --region, such as --region eu-west-1, or with --endpoint, if it is not AWS", err)
	}
	if err != nil {
		return service{}, nil, err
	}
	name := cmp.Or(o.provider, v1alpha1.DefaultProviderName)
	provider, err := c.provider(cmd.Context(), name)
	if _, missing := errors.AsType[*noProviderError](err); missing {
		return service{}, nil, fmt.Errorf("%w: name another with --provider, or say where the buckets are with --region or --endpoint", err)
	}
	if apierrors.IsForbidden(err) {
		return service{}, nil, fmt.Errorf("%w, or say where the buckets are with --endpoint or --region", err)
	}
	if err != nil {
		return service{}, nil, err
	}
	in, err := o.live.serviceOf(cmd.Context(), c, provider)
	return in, c, err
}

// importedBucket is a bucket whose rules are to be written.
type importedBucket struct {
	bucket.Location
	// listed is whether it was found and not named.
	listed bool
	// name is that of its policy, and region what the policy says of its region.
	name, region string
	// manifest is its policy; nil where it has none.
	manifest []byte
}

// file is the name of the file of its policy.
func (b *importedBucket) file() string { return b.name + ".yaml" }

// findBuckets are the buckets that are named and those that match a pattern, each
// once, sorted.
func findBuckets(ctx context.Context, clients *s3.Clients, in service, names []string) ([]*importedBucket, error) {
	found := map[string]*importedBucket{}
	var patterns []string
	for _, name := range names {
		if strings.Contains(name, "*") {
			patterns = append(patterns, name)
		} else {
			found[name] = &importedBucket{Location: bucket.Location{Name: name}}
		}
	}
	if len(patterns) > 0 {
		listed, err := clients.ListBuckets(ctx, in.Provider)
		if err != nil {
			return nil, liveFailure(in, err)
		}
		for _, pattern := range patterns {
			matches := false
			for _, l := range listed {
				if !matchesPattern(pattern, l.Name) {
					continue
				}
				matches = true
				if found[l.Name] == nil {
					found[l.Name] = &importedBucket{Location: l, listed: true}
				}
			}
			if !matches {
				return nil, fmt.Errorf("none of the %s at %s that your credentials list matches %s", count(len(listed), "bucket"), in.title(), cors.Quote(pattern))
			}
		}
	}
	var all []*importedBucket
	for _, b := range found {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b *importedBucket) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// matchesPattern reports whether a name is one of a pattern, in which * stands for
// any characters.
func matchesPattern(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return false
	}
	rest := name[len(first) : len(name)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return true
}

// plan gives each bucket the name of its policy, no two the same and none of a policy
// that it would take away from other buckets, and what its policy has to say of its
// region.
func (o *importOptions) plan(found []*importedBucket, in service, has managed) {
	taken := map[string]bool{"kustomization": true}
	free := func(b *importedBucket) bool {
		of, exists := has.names[b.name]
		return !taken[b.name] && (!exists || of == b.Name)
	}
	for _, b := range found {
		b.name = document.PolicyName(b.Name)
		for n := 2; !free(b); n++ {
			b.name = fmt.Sprintf("%s-%d", document.PolicyName(b.Name), n)
		}
		taken[b.name] = true
		if in.Endpoint != "" {
			b.Region = "" // it has one
		}
		// A provider that is not known may have another.
		if b.region = b.Region; in.provider == "" && in.Endpoint == "" {
			b.region = cmp.Or(b.Region, in.Region)
		} else if b.Region == in.Region {
			b.region = ""
		}
	}
}

// read reads the rules of a bucket, and makes its policy of them. The bucket has
// none where it has no rules. The error is a *cannotBePolicyError where it has
// rules that no policy can have.
func (o *importOptions) read(ctx context.Context, clients *s3.Clients, in service, b *importedBucket) error {
	live, err := getLive(ctx, clients, in, b.Location)
	if err != nil {
		return inAnotherRegion(err, in)
	}
	if len(live.Rules) == 0 {
		return nil
	}
	metadata := document.Metadata{
		Name: b.name, Namespace: *o.live.cluster.config.Namespace, Bucket: b.Name, Region: b.region, Provider: o.provider,
	}
	if o.mode.value != string(v1alpha1.PolicyModeEnforce) {
		metadata.Mode = o.mode.value
	}
	b.manifest, err = policyOf(live, in.dialect, metadata)
	return err
}

// setRegion is what package s3 advises about a bucket of another region.
const setRegion = "set the region of the bucket to"

// inAnotherRegion is a failure with advice for somebody who has no policy yet that
// could name the region of the bucket.
func inAnotherRegion(err error, in service) error {
	about, ok := errors.AsType[*bucket.Error](err)
	if !ok || in.provider != "" && in.Endpoint != "" {
		return err
	}
	told := *about
	told.Message = strings.Replace(about.Message, setRegion, "import it with --region", 1)
	return &told
}

// cannotBePolicyError is why the rules of a bucket cannot be those of a policy.
type cannotBePolicyError struct{ why string }

func (e *cannotBePolicyError) Error() string { return e.why }

// policyOf is a policy with exactly these rules, which the API server and the
// operator accept.
func policyOf(live cors.Configuration, dialect *cors.Dialect, m document.Metadata) ([]byte, error) {
	manifest, _, err := document.Write(live, document.Policy, m)
	if err != nil {
		return nil, &cannotBePolicyError{err.Error()}
	}
	file, err := document.Read(m.Bucket, manifest)
	if err != nil {
		return nil, &cannotBePolicyError{err.Error()}
	}
	for _, problems := range file.Problems() {
		for _, p := range problems {
			return nil, &cannotBePolicyError{p.Path + ": " + p.Text}
		}
	}
	if _, err := dialect.Compile(file.Documents[0].Configuration); err != nil {
		for mistake := range cors.Mistakes(err) {
			problem, _ := mistake.Explain()
			return nil, &cannotBePolicyError{mistake.Path() + ": " + problem}
		}
		return nil, &cannotBePolicyError{err.Error()}
	}
	return manifest, nil
}
