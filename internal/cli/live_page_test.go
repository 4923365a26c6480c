// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	toReal, toPage := strings.NewReplacer(pageServer, server.Endpoint), strings.NewReplacer(server.Endpoint, pageServer)
	for _, name := range []string{"diff.md", "import.md"} {
		path, err := filepath.Abs("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			if policy := yamlFence.FindSubmatch(page); strings.Contains(string(policy[1]), "kind: BucketCORSPolicy") {
				writeIn(t, directory, "policy.yaml", string(policy[1]))
			}
			writeIn(t, directory, "conflict.yaml", pageConflict)
			t.Chdir(directory)
			sessions := 0
			updated := consoleFence.ReplaceAllFunc(page, func(fence []byte) []byte {
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
			if sessions < 3 {
				t.Errorf("the page has %d examples", sessions)
			}
			if *update && !bytes.Equal(updated, page) {
				if err := os.WriteFile(path, updated, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func writeIn(t *testing.T, directory, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
