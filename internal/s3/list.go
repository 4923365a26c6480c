// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

// bucketsAPage is how many buckets are asked for at a time: with a number, S3 also
// tells the region of each. Their names alone fit the longest answer that is read.
//
// See https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html.
const bucketsAPage = 1000

// maxPages is more than any account has. A server whose tokens go round in a circle
// would be asked for ever.
const maxPages = 1000

// ListBuckets returns all buckets of the provider's credentials, each with its
// region where the server tells it, in the order of the server. The error is a
// *bucket.Error, as that of the methods of Bucket.
func (c *Clients) ListBuckets(ctx context.Context, p bucket.Provider) ([]bucket.Location, error) {
	client, err := c.client(p)
	if err != nil {
		return nil, err
	}
	if p.Region == "" && p.Endpoint == "" {
		return nil, noRegion(p.Name)
	}
	var found []bucket.Location
	var token string
	for range maxPages {
		page, err := client.listBuckets(ctx, token)
		if err != nil {
			return nil, err
		}
		for _, b := range page.Buckets {
			found = append(found, bucket.Location{Name: aws.ToString(b.Name), Region: aws.ToString(b.BucketRegion)})
		}
		next := aws.ToString(page.ContinuationToken)
		if next == "" || next == token || len(page.Buckets) == 0 {
			return found, nil
		}
		token = next
	}
	return nil, &bucket.Error{Reason: bucket.ServerError, Fate: bucket.Refused, Message: client.listing() +
		": the answer has no end: the server's continuation tokens go round in a circle; name the buckets instead"}
}

// listing is what is done, and where.
func (c *client) listing() string {
	if c.provider.Endpoint == "" {
		return "list the buckets in AWS"
	}
	return "list the buckets at " + clean(c.provider.Endpoint)
}

// listBuckets returns one page; the first one without a token.
func (c *client) listBuckets(ctx context.Context, token string) (*awss3.ListBucketsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	ctx, seen := withExchange(ctx)
	input := &awss3.ListBucketsInput{MaxBuckets: aws.Int32(bucketsAPage)}
	if token != "" {
		input.ContinuationToken = &token
	}
	region := cmp.Or(c.provider.Region, defaultSigningRegion)
	out, err := c.api.ListBuckets(ctx, input, func(o *awss3.Options) { o.Region = region })
	if err == nil && seen.answer.root() != "ListAllMyBucketsResult" {
		err = errNotS3
	}
	if err == nil {
		return out, nil
	}
	f := c.failure(seen, err)
	f.operation, f.region, f.where = listBuckets, region, c.listing()
	return nil, classify(f)
}
