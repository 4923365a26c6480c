// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// providerName is what the name of a BucketProvider looks like.
var providerName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// names are the buckets that the flags name, and the patterns; "*" for all.
func (o *importOptions) names(cmd *cobra.Command) ([]string, error) {
	if o.all {
		return []string{"*"}, nil
	}
	names := slices.Clone(o.buckets)
	if o.fromFile != "" {
		file, data, err := readBytes(cmd, o.fromFile)
		if err != nil {
			return nil, err
		}
		number := 0
		for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
			number++
			line, _, _ = strings.Cut(line, "#")
			words := strings.Fields(line)
			if len(words) == 3 && listedDate.MatchString(words[0]) {
				words = words[2:]
			}
			for _, name := range words {
				if err := checkImportName(name); err != nil {
					return nil, &fileError{file: file, line: number, column: 1, problem: err.Error()}
				}
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			return nil, &fileError{file: file, problem: "there are no names of buckets in it"}
		}
	}
	for _, name := range o.buckets {
		if err := checkImportName(name); err != nil {
			return nil, fmt.Errorf("--bucket: %w", err)
		}
	}
	return names, nil
}

// listedDate begins a line of aws s3 ls, which has a time and a name after it.
var listedDate = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)

// importName is what a bucket of a policy can be called, with "*" for patterns.
var importName = regexp.MustCompile(`^[A-Za-z0-9._*-]{1,255}$`)

func checkImportName(name string) error {
	switch bare := strings.TrimPrefix(name, "s3://"); {
	case importName.MatchString(name):
		return nil
	case bare != name && importName.MatchString(strings.TrimSuffix(bare, "/")):
		return fmt.Errorf("%s is the URL of a bucket: its name is %s", cors.Quote(name), strings.TrimSuffix(bare, "/"))
	default:
		return fmt.Errorf("%s is not the name of a bucket, nor a pattern of names: those have letters, digits, dots, hyphens and underscores, and patterns *", cors.Quote(name))
	}
}

// managed is what policies have already, as far as who calls may see them.
type managed struct {
	// buckets of the service are in policies, such as team-a/media.
	buckets map[string]string
	// names are those that policies have where the new ones go. Of each it knows the
	// one bucket of the service that the policy has, and nothing where it has others.
	names map[string]string
}

// managed is what the policies of a cluster have on a service, and what there is to
// say where not all can be seen. Empty, the namespace of new policies is any.
func (c *cluster) managed(ctx context.Context, in service, namespace string) (has managed, note string, err error) {
	policies, note, err := c.policiesSeen(ctx, c.namespace)
	if err != nil {
		return managed{}, "", err
	}
	services, err := c.services(ctx)
	if err != nil {
		return managed{}, "", err
	}
	has = managed{buckets: map[string]string{}, names: map[string]string{}}
	for i := range policies {
		p := &policies[i]
		provider := controllers.ProviderName(p)
		here := provider == in.provider || services != nil && services[provider] == services[in.provider]
		if namespace == "" || namespace == p.Namespace {
			only := ""
			if here && len(p.Spec.Buckets) == 1 {
				only = p.Spec.Buckets[0].Name
			}
			if before, twice := has.names[p.Name]; twice && before != only {
				only = ""
			}
			has.names[p.Name] = only
		}
		for _, b := range p.Spec.Buckets {
			if here && has.buckets[b.Name] == "" {
				has.buckets[b.Name] = p.Namespace + "/" + p.Name
			}
		}
	}
	return has, note, nil
}

// leaveOut leaves out the buckets that were found and are in a policy already, and
// notes those that were named.
func (r *importReport) leaveOut(has managed, found []*importedBucket) []*importedBucket {
	return slices.DeleteFunc(found, func(b *importedBucket) bool {
		policy := has.buckets[b.Name]
		switch {
		case policy == "":
			return false
		case b.listed:
			r.managed = append(r.managed, fmt.Sprintf("%s (%s)", b.Name, policy))
			return true
		default:
			r.notes = append(r.notes, fmt.Sprintf("bucket %s is in policy %s already: a second one would wait for that one to go (%s)", b.Name, policy, v1alpha1.ReasonConflicted))
			return false
		}
	})
}

// importReport is what came of an import.
type importReport struct {
	written []*importedBucket
	// bare have no rules, and managed are in a policy already.
	bare, managed []string
	notes         []string
	// refused have rules that no policy can have, and failed could not be read.
	refused, failed []string
}

func (r *importReport) add(b *importedBucket, err error) {
	_, refused := errors.AsType[*cannotBePolicyError](err)
	switch {
	case refused:
		r.refused = append(r.refused, fmt.Sprintf("bucket %s is left out, because no policy can have its rules: %s", b.Name, err))
	case err != nil:
		r.failed = append(r.failed, err.Error())
	case b.manifest == nil:
		r.bare = append(r.bare, b.Name)
	default:
		r.written = append(r.written, b)
	}
}

// end says what is not written, and how the verb ends.
func (r *importReport) end(cmd *cobra.Command) error {
	for _, n := range r.notes {
		note(cmd, "%s", printable(n))
	}
	if n := len(r.managed); n > 0 {
		note(cmd, "left out %s that policies have already: %s", count(n, "bucket"), printable(few(r.managed)))
	}
	if n := len(r.bare); n > 0 {
		note(cmd, "left out %s without CORS rules: %s", count(n, "bucket"), printable(few(r.bare)))
	}
	for _, line := range r.refused {
		note(cmd, "%s", printable(line))
	}
	switch {
	case len(r.failed) > 0:
		return r.unread()
	case len(r.refused) > 0, len(r.written) == 0:
		return errNo
	}
	return nil
}

// unread names the buckets that could not be read, each on a line.
func (r *importReport) unread() error {
	const most = 10
	var b strings.Builder
	fmt.Fprintf(&b, "%s could not be read:", count(len(r.failed), "bucket"))
	for i, line := range r.failed {
		if i == most {
			fmt.Fprintf(&b, "\n  and %d more", len(r.failed)-most)
			break
		}
		b.WriteString("\n  " + printable(line))
	}
	return errors.New(b.String())
}

// few are the first of some names, and how many more there are.
func few(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return enumerate(names, "and")
}
