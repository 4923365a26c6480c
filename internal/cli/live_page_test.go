// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/localenv/localenvtest"
)

const (
	pageUploads = `[{"ID": "uploads", "AllowedOrigins": ["https://app.example.com", "https://old.example.com"], "AllowedMethods": ["PUT", "GET"],
 "AllowedHeaders": ["Content-Type"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 600},
 {"ID": "legacy site", "AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]`
	pageMedia = `[{"ID": "legacy site", "AllowedOrigins": ["https://www.example.com"], "AllowedMethods": ["GET", "HEAD"], "MaxAgeSeconds": 0},
 {"AllowedOrigins": ["https://cms.example.com"], "AllowedMethods": ["PUT", "POST"], "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"]}]`
	pageLegacy = `[{"AllowedOrigins": ["https://www.example.com"], "AllowedMethods": ["GET"], "ExposeHeaders": ["*"]}]`
	// pageApplied is what a policy has put on a bucket, and pageOriginal what was there
	// before.
	pageApplied = `[{"ID": "uploads", "AllowedOrigins": ["https://app.example.com"], "AllowedMethods": ["GET", "PUT"],
 "AllowedHeaders": ["content-type"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 3000}]`
	pageOriginal = `[{"ID": "legacy site", "AllowedOrigins": ["https://www.example.com"], "AllowedMethods": ["GET", "HEAD"]},
 {"AllowedOrigins": ["https://cms.example.com"], "AllowedMethods": ["PUT"]}]`
	// pageConflict names a bucket that another policy of its file has.
	pageConflict = `{apiVersion: s3.bucketcors.dev/v1alpha1, kind: BucketCORSPolicy, metadata: {name: another, namespace: team-a},
  spec: {buckets: [{name: team-a-bare}], rules: [{allowedOrigins: ["*"], allowedMethods: [GET]}]}}
---
{apiVersion: s3.bucketcors.dev/v1alpha1, kind: BucketCORSPolicy, metadata: {name: web-uploads, namespace: team-a},
  spec: {buckets: [{name: team-a-bare}], rules: [{allowedOrigins: ["https://app.example.com"], allowedMethods: [GET]}]}}
`
)

// startLive starts an S3 server whose buckets have rules in the JSON of AWS, and has
// the environment sign for it.
func startLive(t *testing.T, rules map[string]string) *localenv.S3Server {
	t.Helper()
	server := localenvtest.StartS3(t)
	for name, configuration := range rules {
		if err := server.CreateBucket(name); err != nil {
			t.Fatal(err)
		}
		if configuration != "" {
			putRules(t, server, name, configuration)
		}
	}
	signAs(t, server.AccessKeyID, server.SecretAccessKey)
	return server
}

// signAs are the only AWS credentials that there are.
func signAs(t *testing.T, accessKeyID, secretAccessKey string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": accessKeyID, "AWS_SECRET_ACCESS_KEY": secretAccessKey, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_EC2_METADATA_DISABLED": "true",
		"KUBECONFIG": filepath.Join(t.TempDir(), "none"), "HOME": t.TempDir(), "KUBERNETES_SERVICE_HOST": "",
	} {
		t.Setenv(name, value)
	}
}

// TestEveryExampleOfTheLivePagesPrintsWhatItSays runs the sessions of the pages
// against a real server. With -update it writes the pages.
func TestEveryExampleOfTheLivePagesPrintsWhatItSays(t *testing.T) {
	server := startLive(t, map[string]string{
		"team-a-uploads": pageUploads, "team-a-media": pageMedia, "team-a-bare": "", "team-b-legacy": pageLegacy,
	})
	t.Run("diff.md", func(t *testing.T) { checkLivePage(t, server, "diff.md", 3) })
	t.Run("import.md", func(t *testing.T) { checkLivePage(t, server, "import.md", 3) })
}

// TestEveryExampleOfWhatWasSavedPrintsWhatItSays does so with the pages about what
// the operator saved. Its policy of team-a-uploads is suspended.
func TestEveryExampleOfWhatWasSavedPrintsWhatItSays(t *testing.T) {
	server := startLive(t, map[string]string{"team-a-uploads": pageApplied})
	provider := liveProvider(server.Endpoint)
	policy := namingPolicy(func(p *v1alpha1.BucketCORSPolicy) {
		p.Name, p.Spec.Buckets[0].Name, p.Spec.Suspend = "web-uploads", "team-a-uploads", true
	})
	saved := func(name, bucketName, why, moment, rules string) *appsv1.ControllerRevision {
		r := savedObject(`{"CORSRules": ` + rules + `}`)
		r.Name, r.OwnerReferences[0].UID = name, policy.UID
		r.OwnerReferences[0].Name = name[:strings.LastIndex(name, "-")]
		r.Annotations = map[string]string{
			v1alpha1.RevisionBucketAnnotation: bucketName, v1alpha1.RevisionServiceAnnotation: controllers.ServiceOf(provider),
			v1alpha1.RevisionReasonAnnotation: why, v1alpha1.RevisionTimeAnnotation: moment,
		}
		return r
	}
	startAPIServer(t, clusterWith(provider, &policy,
		saved("web-uploads-0fa943af6096085ae519", "team-a-uploads", v1alpha1.RevisionOriginal, "2026-11-22T13:51:43Z", pageOriginal),
		saved("web-uploads-93e320a3318ff82a9df1", "team-a-uploads", v1alpha1.RevisionForeignChange, "2026-11-22T13:52:06Z", pageLegacy),
		saved("media-81cfecfb87c7ea61011b", "team-a-media", v1alpha1.RevisionOriginal, "2026-11-22T07:14:41Z", pageMedia),
		saved("media-8032885ff98eda7cd646", "team-a-media", v1alpha1.RevisionForeignChange, "2026-11-22T07:14:52Z", pageLegacy),
	))
	for _, name := range []string{"history.md", "restore.md", "adopting.md"} {
		t.Run(name, func(t *testing.T) { checkLivePage(t, server, name, 1) })
	}
}

// onlyBucketcors are sessions that begin with this program, and take no other.
var onlyBucketcors = regexp.MustCompile("^```console\n\\$ bucketcors ")

// checkLivePage runs those sessions of a page against a server, of which there have
// to be some.
func checkLivePage(t *testing.T, server *localenv.S3Server, name string, least int) {
	t.Helper()
	toReal, toPage := strings.NewReplacer(pageServer, server.Endpoint), strings.NewReplacer(server.Endpoint, pageServer)
	path, err := filepath.Abs("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	if policy := yamlFence.FindSubmatch(page); len(policy) == 2 && strings.Contains(string(policy[1]), "kind: BucketCORSPolicy") {
		writeIn(t, directory, "policy.yaml", string(policy[1]))
	}
	writeIn(t, directory, "conflict.yaml", pageConflict)
	t.Chdir(directory)
	sessions := 0
	updated := consoleFence.ReplaceAllFunc(page, func(fence []byte) []byte {
		if !onlyBucketcors.Match(fence) {
			return fence
		}
		sessions++
		session := string(consoleFence.FindSubmatch(fence)[1])
		got, err := runSession(t, toReal.Replace(session))
		if err != nil {
			t.Errorf("%v in\n%s", err, session)
			return fence
		}
		got = toPage.Replace(got)
		if got != session && !*update {
			t.Errorf("the example is\n%s\nand should be\n%s", session, got)
		}
		return []byte("```console\n" + got + "```")
	})
	if sessions < least {
		t.Errorf("the page has %d examples", sessions)
	}
	if *update && !bytes.Equal(updated, page) {
		if err := os.WriteFile(path, updated, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func writeIn(t *testing.T, directory, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
