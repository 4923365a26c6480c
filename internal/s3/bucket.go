// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// Bucket is one bucket, reached with the client that was current when it was
// opened. It is safe for concurrent use.
//
// Its methods return errors of type *bucket.Error. One that was caused by the
// caller's context being cancelled matches context.Canceled.
type Bucket struct {
	client   *client
	location bucket.Location
	region   string
}

// GetCORS returns the CORS configuration of the bucket, the zero value when it
// has none.
//
// S3 answers 404 NoSuchCORSConfiguration then; other servers send a more
// general code, or 204, or a configuration without rules. What is none of these
// is an error and never "none": a web page, or an empty answer with status 200.
func (b *Bucket) GetCORS(ctx context.Context) (cors.Configuration, error) {
	var found cors.Configuration
	err := b.call(ctx, getCORS, func(ctx context.Context, seen *exchange) error {
		out, err := b.client.api.GetBucketCors(ctx, &awss3.GetBucketCorsInput{
			Bucket:              &b.location.Name,
			ExpectedBucketOwner: b.owner(),
		}, b.inRegion)
		switch {
		case err != nil && seen.answer != nil && seen.answer.absent(b.client.provider.Endpoint):
			return nil
		case err != nil:
			return err
		case seen.answer.status == http.StatusNoContent:
			return nil
		case seen.answer.root() != "CORSConfiguration":
			return errNotS3
		}
		found = decode(out.CORSRules)
		return nil
	})
	return found, err
}

// PutCORS replaces the CORS configuration of the bucket whole. One without
// rules is refused, because S3 has no such thing: see DeleteCORS.
func (b *Bucket) PutCORS(ctx context.Context, c cors.Configuration) error {
	if len(c.Rules) == 0 {
		return &bucket.Error{
			Reason:  bucket.RejectedByServer,
			Fate:    bucket.Invalid,
			Message: fmt.Sprintf("%s: a CORS configuration without rules cannot be stored, only deleted", b.describe(putCORS)),
		}
	}
	return b.call(ctx, putCORS, func(ctx context.Context, seen *exchange) error {
		md5 := b.client.provider.Checksum == bucket.ChecksumMD5 || b.client.md5.Load()
		err := b.put(ctx, seen, c, md5)
		if err == nil || md5 || b.client.provider.Checksum != bucket.ChecksumAuto ||
			seen.answer == nil || !seen.answer.refusesChecksum() {
			return err
		}
		if err := b.put(ctx, seen, c, true); err != nil {
			return err
		}
		b.client.md5.Store(true)
		return nil
	})
}

func (b *Bucket) put(ctx context.Context, seen *exchange, c cors.Configuration, md5 bool) error {
	options := []func(*awss3.Options){b.inRegion}
	if md5 {
		options = append(options, awss3.WithAPIOptions(onlyContentMD5))
	}
	_, err := b.client.api.PutBucketCors(ctx, &awss3.PutBucketCorsInput{
		Bucket:              &b.location.Name,
		CORSConfiguration:   encode(c),
		ExpectedBucketOwner: b.owner(),
	}, options...)
	if err == nil && seen.answer.html() {
		return errNotS3
	}
	return err
}

// DeleteCORS removes the CORS configuration of the bucket. That there was none
// is no error: S3 answers 204 either way, some servers 404.
func (b *Bucket) DeleteCORS(ctx context.Context) error {
	return b.call(ctx, deleteCORS, func(ctx context.Context, seen *exchange) error {
		_, err := b.client.api.DeleteBucketCors(ctx, &awss3.DeleteBucketCorsInput{
			Bucket:              &b.location.Name,
			ExpectedBucketOwner: b.owner(),
		}, b.inRegion)
		switch {
		case err != nil && seen.answer != nil && seen.answer.absent(b.client.provider.Endpoint):
			return nil
		case err == nil && seen.answer.html():
			return errNotS3
		}
		return err
	})
}

// errNotS3 is an answer with a status of success that no S3 service sends.
var errNotS3 = errors.New("not an answer of an S3 service")

// call bounds a call in time and translates its error.
func (b *Bucket) call(ctx context.Context, op operation, send func(context.Context, *exchange) error) error {
	ctx, cancel := context.WithTimeout(ctx, b.client.timeout)
	defer cancel()
	ctx, seen := withExchange(ctx)
	err := send(ctx, seen)
	if err != nil && seen.outdated() && b.client.credentials.renew(seen.signer) {
		seen.answer = nil
		err = send(ctx, seen)
	}
	if err == nil {
		return nil
	}
	f := b.client.failure(seen, err)
	f.operation, f.where, f.region, f.owner = op, b.describe(op), b.region, b.location.ExpectedOwner
	return classify(f)
}

// describe begins a message: what was tried, where.
func (b *Bucket) describe(op operation) string {
	at := "at " + clean(b.client.provider.Endpoint)
	if b.client.provider.Endpoint == "" {
		at = "in AWS region " + clean(b.region)
	}
	return fmt.Sprintf("%s CORS of bucket %q %s", op, b.location.Name, at)
}

// inRegion sends a call to the region of the bucket, which need not be the one
// that the client was built for.
func (b *Bucket) inRegion(o *awss3.Options) { o.Region = b.region }

func (b *Bucket) owner() *string {
	if b.location.ExpectedOwner == "" {
		return nil
	}
	return &b.location.ExpectedOwner
}

// onlyContentMD5 replaces the checksum of the SDK by a Content-MD5 header, for
// servers that know no other. The SDK has no setting for that: one that is
// named in the input is sent in addition to CRC32.
func onlyContentMD5(stack *middleware.Stack) error {
	if _, err := stack.Initialize.Remove("AWSChecksum:SetupInputContext"); err != nil {
		return err
	}
	if _, err := stack.Finalize.Remove("AWSChecksum:ComputeInputPayloadChecksum"); err != nil {
		return err
	}
	return smithyhttp.AddContentChecksumMiddleware(stack)
}
