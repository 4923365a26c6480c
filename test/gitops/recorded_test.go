// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/localenv"
	"github.com/bucketcors/bucketcors/internal/s3"
)

var getOptions = metav1.GetOptions{}

// uploads is the rules of a policy, unless its state has others.
const uploads = `[{id: uploads, allowedOrigins: ["https://app.example.com"], allowedMethods: [GET, PUT], allowedHeaders: [content-type], maxAgeSeconds: 3000}]`

// TestEveryStateIsRecorded brings about every state with the real operator, and
// compares the objects with the test data.
func TestEveryStateIsRecorded(t *testing.T) {
	c := newCluster(t)
	lost := c.startStorage()
	odd := httptest.NewServer(http.HandlerFunc(oddServer))
	defer odd.Close()
	r := recorder{
		cluster: c,
		addresses: map[string]string{
			"s3": strings.TrimPrefix(c.storage.Endpoint, "http://"), "lost": strings.TrimPrefix(lost.Endpoint, "http://"),
			"odd": strings.TrimPrefix(odd.URL, "http://"),
		},
	}
	r.prepare(lost)
	for _, s := range states {
		if s.phase == before {
			r.record(s, c.get(s.resource(), s.namespace(), r.objectName(s)))
		}
	}

	c.startOperator()
	for _, s := range states {
		if s.phase == working {
			r.record(s, c.awaitReady(s.resource(), s.namespace(), r.objectName(s), s.ready))
		} else if s.phase != before && s.phase != second {
			c.awaitReady(s.resource(), s.namespace(), r.objectName(s), "True/Ready")
		}
	}
	// It is younger than the others.
	for _, s := range states {
		if s.phase == second {
			c.apply(r.manifest(s.kind, r.objectName(s), s.namespace(), s.spec))
			r.record(s, c.awaitReady(s.resource(), s.namespace(), r.objectName(s), s.ready))
		}
	}

	if err := lost.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if s.phase == deleted {
			if _, err := c.kubectl.Run(t.Context(), "", "delete", "--wait=false", "-n", s.namespace(), "bcp/"+r.objectName(s)); err != nil {
				t.Fatal(err)
			}
		}
		if s.phase == deserted || s.phase == deleted {
			r.record(s, c.awaitReady(s.resource(), s.namespace(), r.objectName(s), s.ready))
		}
	}

	c.stopOperator()
	for _, s := range states {
		if s.phase == outdated {
			patch := `{"spec": {"deletionPolicy": "Delete"}}`
			if s.kind == "BucketProvider" {
				patch = `{"spec": {"requestsPerSecond": 20}}`
			}
			if _, err := c.kubectl.Run(t.Context(), "", "patch", strings.ToLower(s.kind), r.objectName(s), "-n", "team-a", "--type=merge", "-p", patch); err != nil {
				t.Fatal(err)
			}
			r.record(s, c.get(s.resource(), s.namespace(), r.objectName(s)))
		}
	}
}

// recorder brings about states and compares them with the test data.
type recorder struct {
	*cluster
	// addresses are those of servers, by what they are called in states.
	addresses map[string]string
}

// prepare makes the buckets of states, and applies their objects with all that these
// refer to.
func (r recorder) prepare(lost *localenv.S3Server) {
	r.Helper()
	r.apply("{apiVersion: v1, kind: Namespace, metadata: {name: team-a}}")
	r.applyKeys("s3-keys", r.storage.AccessKeyID, r.storage.SecretAccessKey)
	r.applyKeys("lost", lost.AccessKeyID, lost.SecretAccessKey)
	r.applyKeys("stranger", "AKIASTRANGER", "somethingelse")
	r.applyKeys("guest", "guest", "guestsecret")
	if err := r.storage.CreateUser(r.Context(), "guest", "guestsecret", localenv.RoleUser); err != nil {
		r.Fatal(err)
	}
	var manifests []string
	for name, spec := range map[string]string{
		"default":     "",
		"lost":        "endpoint: 'http://{lost}', credentials: {secretRef: {name: lost}}",
		"guest":       "credentials: {secretRef: {name: guest}}",
		"stranger":    "credentials: {secretRef: {name: stranger}}",
		"unreachable": "endpoint: 'http://127.0.0.1:1'",
		"odd":         "endpoint: 'http://{odd}'",
	} {
		manifests = append(manifests, r.manifest("BucketProvider", name, "", spec))
	}
	r.createBuckets(r.storage, "team-a-plain")
	for _, s := range states {
		name := r.objectName(s)
		switch {
		case s.kind == "BucketProvider", s.bare:
		case s.phase == deserted, s.phase == deleted:
			r.createBuckets(lost, "team-a-"+name)
		default:
			r.createBuckets(r.storage, "team-a-"+name)
			if s.set {
				r.putUploads("team-a-" + name)
			}
		}
		if s.phase != second {
			manifests = append(manifests, r.manifest(s.kind, name, s.namespace(), s.spec))
		}
	}
	r.apply(strings.Join(manifests, "---\n"))
}

func (r recorder) objectName(s state) string { return strings.ReplaceAll(s.name, "_", "-") }

// manifest is an object whose spec says what every one of its kind says here, but for
// the fields in spec.
func (r recorder) manifest(kind, name, namespace, spec string) string {
	r.Helper()
	usual := fmt.Sprintf("{buckets: [{name: team-a-%s}], rules: %s}", name, uploads)
	if kind == "BucketProvider" {
		usual = "{region: us-east-1, endpoint: 'http://{s3}', dialect: VersityGW, credentials: {secretRef: {name: s3-keys}}, " +
			"access: [{namespaces: [team-a], buckets: ['team-a-*']}], verification: {allowedHosts: ['{s3}']}}"
	}
	fields := map[string]any{}
	for _, text := range []string{usual, "{" + spec + "}"} {
		for placeholder, address := range r.addresses {
			text = strings.ReplaceAll(text, "{"+placeholder+"}", address)
		}
		if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
			r.Fatalf("%v: %s", err, text)
		}
	}
	metadata := map[string]any{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	content, err := yaml.Marshal(map[string]any{
		"apiVersion": "s3.bucketcors.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": fields,
	})
	if err != nil {
		r.Fatal(err)
	}
	return string(content)
}

// record compares an object with the test data, or writes that.
func (r recorder) record(s state, object *unstructured.Unstructured) {
	r.Helper()
	if object == nil {
		r.Fatalf("%s %s does not exist", s.kind, s.name)
	}
	if is := readyOf(object); is != s.ready {
		r.Errorf("%s %s: Ready is %q, not %q", s.kind, s.name, is, s.ready)
	}
	is := r.scrub(object)
	if *update {
		r.check(os.WriteFile(s.file(), is, 0o644))
		return
	}
	want, err := os.ReadFile(s.file())
	if err != nil {
		r.Error(err)
	} else if !bytes.Equal(is, want) {
		r.Errorf("%s is not what the operator writes now:\n%s\ninstead of:\n%s", s.file(), is, want)
	}
}

// What is another at each run.
var (
	times     = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)
	revisions = regexp.MustCompile(`(originalRevision: [a-z0-9-]+)-[a-z0-9]+`)
	requests  = regexp.MustCompile(`\(request [A-Za-z0-9-]+\)`)
)

// scrub is an object without what is another at each run.
func (r recorder) scrub(object *unstructured.Unstructured) []byte {
	r.Helper()
	object = object.DeepCopy()
	for _, field := range []string{"managedFields", "uid", "resourceVersion"} {
		unstructured.RemoveNestedField(object.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(object.Object, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
	if len(object.GetAnnotations()) == 0 {
		unstructured.RemoveNestedField(object.Object, "metadata", "annotations")
	}
	content, err := yaml.Marshal(object.Object)
	if err != nil {
		r.Fatal(err)
	}
	text := string(content)
	for name, address := range r.addresses {
		text = strings.ReplaceAll(text, address, name+".example.internal:9000")
	}
	text = times.ReplaceAllString(text, `"2026-01-02T15:04:05Z"`)
	text = revisions.ReplaceAllString(text, "$1-0123456789")
	text = requests.ReplaceAllString(text, "(request 0123456789)")
	return []byte(text)
}

// bucket reaches a bucket past the operator.
func (c *cluster) bucket(name string) *s3.Bucket {
	c.Helper()
	opened, err := s3.New(s3.Options{}).Open(c.Context(), bucket.Provider{
		Name: "somebody-else", Region: c.storage.Region, Endpoint: c.storage.Endpoint,
		Credentials: &bucket.Credentials{AccessKeyID: c.storage.AccessKeyID, SecretAccessKey: c.storage.SecretAccessKey},
	}, bucket.Location{Name: name})
	if err != nil {
		c.Fatal(err)
	}
	return opened
}

// rules are those of a bucket.
func (c *cluster) rules(bucketName string) []cors.Rule {
	c.Helper()
	live, err := c.bucket(bucketName).GetCORS(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	return live.Rules
}

// putUploads gives a bucket the rules of uploads.
func (c *cluster) putUploads(bucketName string) {
	c.Helper()
	if err := c.bucket(bucketName).PutCORS(c.Context(), cors.Configuration{Rules: []cors.Rule{{
		ID: "uploads", AllowedOrigins: []string{"https://app.example.com"}, AllowedMethods: []string{"GET", "PUT"},
		AllowedHeaders: []string{"content-type"}, MaxAgeSeconds: new(int32(3000)),
	}}}); err != nil {
		c.Fatal(err)
	}
}

// oddServer is an S3 server that has something against each bucket, and an STS that
// knows nobody.
func oddServer(w http.ResponseWriter, request *http.Request) {
	answer := func(status int, code, message string) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
	}
	switch bucketName := strings.Trim(request.URL.Path, "/"); {
	case bucketName == "":
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>`)
	case bucketName == "team-a-progressing-throttled":
		answer(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	case bucketName == "team-a-degraded-unsupported":
		answer(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented")
	case request.Method == http.MethodPut:
		answer(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed")
	default:
		answer(http.StatusNotFound, "NoSuchCORSConfiguration", "The CORS configuration does not exist")
	}
}
