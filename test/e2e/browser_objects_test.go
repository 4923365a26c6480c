// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// seedContent is what is in the objects that are there before a browser comes.
const seedContent = "0123456789"

// objects are those in a bucket of a scene, reached without a browser.
type objects struct {
	*scene
	bucket string
	client *s3.Client
}

func newObjects(s *scene, suffix string) *objects {
	return &objects{scene: s, bucket: s.bucketName(suffix), client: s3.New(s3.Options{
		BaseEndpoint: &s.storage.Endpoint, Region: s.storage.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.storage.AccessKeyID, s.storage.SecretAccessKey, ""),
	})}
}

// seed makes an object.
func (o *objects) seed(key string) {
	o.Helper()
	_, err := o.client.PutObject(o.Context(), &s3.PutObjectInput{
		Bucket: &o.bucket, Key: &key, Body: strings.NewReader(seedContent),
		ContentType: new("text/plain"), ContentDisposition: new("inline"),
	})
	if err != nil {
		o.Fatal(err)
	}
}

// prepare is the key of an object for one use of the web app, in one phase of a
// test: browsers keep the answers to preflights by URL.
func (o *objects) prepare(when, origin string, u use) string {
	o.Helper()
	_, host, _ := strings.Cut(origin, "://")
	key := strings.ReplaceAll(when, " ", "-") + "/" + host + "/" + u.function
	if u.seeded {
		o.seed(key)
	}
	return key
}

// expect compares the content of an object, empty for one that is not there, and
// the team in its metadata.
func (o *objects) expect(key, content, team string) {
	o.Helper()
	object, err := o.client.GetObject(o.Context(), &s3.GetObjectInput{Bucket: &o.bucket, Key: &key})
	if _, absent := errors.AsType[*types.NoSuchKey](err); absent && content == "" {
		return
	}
	if err != nil {
		o.Errorf("object %s: %v", key, err)
		return
	}
	defer object.Body.Close()
	got, err := io.ReadAll(object.Body)
	switch {
	case err != nil:
		o.Errorf("object %s: %v", key, err)
	case content == "":
		o.Errorf("object %s is there: %.100q", key, got)
	case string(got) != content:
		o.Errorf("object %s has %d bytes %.100q, not %d bytes %.100q", key, len(got), got, len(content), content)
	case object.Metadata["team"] != team:
		o.Errorf("object %s has the metadata %v, not the team %q", key, object.Metadata, team)
	}
}
