// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// liveFlags are those of the verbs that look at live buckets. They say where the
// buckets are in one of two ways: by the BucketProvider of a cluster, or by
// themselves.
type liveFlags struct {
	cluster clusterFlags
	place   probePlace
	dialect *choice
	// providerCredentials has the Secret of a provider sign the requests, which is
	// in the namespace of the operator, and not who calls.
	providerCredentials bool
	operatorNamespace   string
}

const defaultOperatorNamespace = "bucketcors-system"

func (f *liveFlags) addTo(cmd *cobra.Command) {
	f.cluster.addTo(cmd)
	flags := cmd.Flags()
	flags.Var(&f.place.endpoint, "endpoint", "the `URL` of the S3 service, in place of a cluster's BucketProvider")
	addSingle(cmd, &f.place.region, "region", "", "the `REGION` of the S3 service, in place of a cluster's BucketProvider; alone: of AWS",
		"buckets name their own in the policy")
	f.place.addressing = choice{what: "addressing", known: []string{"path", "virtual-hosted"}}
	addChoice(cmd, &f.place.addressing, f.place.addressing.known, "addressing", "",
		"where the name of a bucket stands in its URL, with --endpoint or --region (default: virtual-hosted on AWS, path elsewhere)")
	f.dialect = addDialect(cmd)
	f.addSigningTo(cmd)
	complete(cmd, "endpoint", cobra.NoFileCompletions)
	complete(cmd, "region", cobra.NoFileCompletions)
}

// addSigningTo adds the flags that say whose credentials sign, to a verb that has
// those of the cluster.
func (f *liveFlags) addSigningTo(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.providerCredentials, "provider-credentials", false,
		"sign with the Secret of the BucketProvider, which takes the right to get it, and not with your own AWS credentials")
	addSingle(cmd, &f.operatorNamespace, "operator-namespace", "",
		"the `NAMESPACE` of the operator, where the Secrets of BucketProviders are (default: "+defaultOperatorNamespace+")", "the operator has one")
	complete(cmd, "operator-namespace", f.cluster.completeNamespaces)
}

// check refuses flags that say where the buckets are twice.
func (f *liveFlags) check(cmd *cobra.Command) error {
	if err := f.place.check(cmd); err != nil {
		return err
	}
	if err := f.checkSigning(cmd); err != nil {
		return err
	}
	if !f.named(cmd) {
		for _, name := range []string{"addressing", "dialect"} {
			if cmd.Flags().Changed(name) {
				return fmt.Errorf("--%s goes with --endpoint or --region: a BucketProvider has its own", name)
			}
		}
		return nil
	}
	for _, name := range []string{"kubeconfig", "context", "as", "as-group", "request-timeout", "provider-credentials", "operator-namespace"} {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s is about a cluster, and --endpoint and --region take its place: leave out one of them", name)
		}
	}
	return nil
}

// checkSigning refuses a namespace of Secrets that nobody reads.
func (f *liveFlags) checkSigning(cmd *cobra.Command) error {
	if cmd.Flags().Changed("operator-namespace") && !f.providerCredentials && !f.named(cmd) {
		return errors.New("--operator-namespace is where the Secret of --provider-credentials is: add that, or leave out both")
	}
	return nil
}

// named reports whether the flags name the S3 service, so that no cluster is asked.
func (f *liveFlags) named(cmd *cobra.Command) bool {
	return cmd.Flags().Changed("endpoint") || cmd.Flags().Changed("region")
}

// service is an S3 service, and how its server evaluates rules.
type service struct {
	bucket.Provider
	dialect *cors.Dialect
	// provider is the name of the BucketProvider; empty where flags describe the
	// service.
	provider string
}

// title names the service for people.
func (s service) title() string {
	if s.Endpoint == "" {
		return "AWS"
	}
	return s.Endpoint
}

// service is the S3 service that --endpoint and --region describe.
func (f *liveFlags) service() (service, error) {
	provider, err := f.place.service()
	return service{Provider: provider, dialect: dialectOf(f.dialect)}, err
}

// newLiveClients are S3 clients that say which program asks.
func newLiveClients() *s3.Clients { return s3.New(s3.Options{Version: buildVersion()}) }

// openLive opens a bucket of a service.
func openLive(ctx context.Context, clients *s3.Clients, in service, l bucket.Location) (*s3.Bucket, error) {
	opened, err := clients.Open(ctx, in.Provider, l)
	return opened, liveFailure(in, err)
}

// getLive reads the CORS configuration of a bucket; one without rules when there
// is none.
func getLive(ctx context.Context, clients *s3.Clients, in service, l bucket.Location) (cors.Configuration, error) {
	opened, err := openLive(ctx, clients, in, l)
	if err != nil {
		return cors.Configuration{}, err
	}
	found, err := opened.GetCORS(ctx)
	return found, liveFailure(in, err)
}

// yourCredentials says to a person what package s3 says about the operator. Each
// pair is a phrase of that package and one in its place.
var yourCredentials = []string{
	"check the operator's own credentials, or give the provider some",
	"check your AWS credentials, or sign with those of the provider (--provider-credentials)",
	"the operator has no credentials of its own: give its ServiceAccount a role (IRSA, Pod Identity), or the provider a Secret",
	"you have no AWS credentials here: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in as with aws sso login",
	"the service that gives the operator its credentials", "the service that gives you AWS credentials",
	"the operator is refused its own credentials", "you are refused AWS credentials",
	": check its role", ": check your profile, or log in again",
	"no credentials for the operator", "no AWS credentials",
	"the operator's own credentials cannot be loaded", "your AWS credentials cannot be loaded",
	"check the credential_process of its profile", "check the credential_process of your profile",
	"check the role of its ServiceAccount (IRSA, Pod Identity) and the AWS_ variables of its pod",
	"check the AWS_ variables and your profile, or log in again",
	"in the operator's environment", "in your environment",
	"set the clock of the operator's node or of the server", "set the clock of this machine or of the server",
}

// yourFlags says what there is to do where no BucketProvider describes the service.
var yourFlags = []string{
	"put the authority's certificate into caBundle of the provider", "name a file with the authority's certificate in AWS_CA_BUNDLE",
	", or sign with those of the provider (--provider-credentials)", "",
	"region is empty, and without an endpoint it chooses the AWS host", "the region is not known: name it with --region",
}

// liveFailure is a failure of package s3 in words for the person who calls, whose
// credentials they are unless the service has some.
func liveFailure(in service, err error) error {
	about, ok := errors.AsType[*bucket.Error](err)
	if !ok {
		return err
	}
	message := about.Message
	if in.Credentials == nil {
		message = strings.NewReplacer(yourCredentials...).Replace(message)
	}
	if in.provider == "" {
		message = strings.TrimPrefix(message, fmt.Sprintf("provider %q: ", in.Name))
		message = strings.NewReplacer(yourFlags...).Replace(message)
	}
	told := *about
	told.Message = printable(cmp.Or(message, "no answer"))
	return &told
}
