// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func testAssets(t *testing.T) Assets {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real servers, which may have to be built first")
	}
	assets, err := Ensure(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	return assets
}

func TestControlPlaneEnforcesRBACForAServiceAccount(t *testing.T) {
	ctx := t.Context()
	crds := t.TempDir()
	write(t, filepath.Join(crds, "widgets.yaml"), widgetCRD)
	plane, err := StartControlPlane(ctx, Options{Assets: testAssets(t), CRDPaths: []string{crds}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
		for name, pid := range plane.PIDs {
			if isRunning(pid) {
				t.Errorf("%s still runs", name)
			}
		}
		if _, err := os.Stat(plane.StateDir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the temporary directory is still there, error %v", err)
		}
	}()
	for _, name := range []string{etcd, kubeAPIServer} {
		if !isRunning(plane.PIDs[name]) {
			t.Errorf("the process id of %s is %d, where nothing runs", name, plane.PIDs[name])
		}
	}
	admin, err := kubernetes.NewForConfig(plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.RESTClient().Get().AbsPath("/apis/example.com/v1/widgets").DoRaw(ctx); err != nil {
		t.Errorf("the custom resource is not served: %v", err)
	}
	grantConfigMapsTo(ctx, t, admin, "worker")

	path, err := plane.ServiceAccountKubeconfig(ctx, "default", "worker")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	worker, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := worker.CoreV1().ConfigMaps("default").List(ctx, metav1.ListOptions{}); err != nil {
		t.Errorf("what is granted is refused: %v", err)
	}
	if _, err := worker.CoreV1().Secrets("default").List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("error %v; want that what is not granted is forbidden", err)
	}
	if _, err := plane.ServiceAccountKubeconfig(ctx, "default", "nobody"); !apierrors.IsNotFound(err) {
		t.Errorf("error %v; want that there is no such service account", err)
	}
}

func grantConfigMapsTo(ctx context.Context, t *testing.T, admin kubernetes.Interface, name string) {
	t.Helper()
	_, err := admin.CoreV1().ServiceAccounts("default").Create(ctx,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = admin.RbacV1().Roles("default").Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = admin.RbacV1().RoleBindings("default").Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: "default"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

const widgetCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
`

func TestControlPlaneRefusesAStateDirectoryThatWasUsed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "etcd", "member"), "")
	_, err := StartControlPlane(t.Context(), Options{Assets: testAssets(t), StateDir: dir})
	if err == nil || !strings.Contains(err.Error(), "used before") {
		t.Errorf("error %v; want that the directory was used before", err)
	}
}

func TestControlPlaneThatCannotStartShowsTheLogAndLeavesNothingRunning(t *testing.T) {
	assets := testAssets(t)
	// One that ends at once and leaves a process behind, which holds the pipe open.
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	alive, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	assets.KubeAPIServer = filepath.Join(dir, kubeAPIServer)
	write(t, assets.KubeAPIServer, "#!/bin/sh\n[ \"$1\" = --help ] && exit\n"+
		"exec 3>"+pipe+"\necho started >&3\necho out of order >&2\nsleep 300 &\nexit 1\n")
	if err := os.Chmod(assets.KubeAPIServer, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = StartControlPlane(t.Context(), Options{Assets: assets})
	if err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("error %v; want what the API server said", err)
	}
	if err := alive.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(alive); err != nil || !strings.HasPrefix(string(said), "started") {
		t.Errorf("it said %q, then %v; want that it started and that all of it ended", said, err)
	}
}

func TestS3ServerKeepsCORSAndTellsUsersApart(t *testing.T) {
	// The S3 server and our waiting for it take nothing from the environment.
	t.Setenv("AWS_CA_BUNDLE", "/no/such/file")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("VGW_READ_ONLY", "true")
	ctx := t.Context()
	server, err := StartS3(ctx, S3Options{Assets: testAssets(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
		if isRunning(server.PID) {
			t.Error("the server still runs")
		}
		if _, err := os.Stat(server.StateDir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the temporary directory is still there, error %v", err)
		}
	}()
	if err := server.CreateBucket("uploads"); err != nil {
		t.Fatal(err)
	}
	root := s3Client(server, server.AccessKeyID, server.SecretAccessKey)
	_, err = root.PutBucketCors(ctx, &s3.PutBucketCorsInput{
		Bucket: aws.String("uploads"),
		CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{{
			AllowedMethods: []string{http.MethodPut}, AllowedOrigins: []string{"https://app.example.com"},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	live, err := root.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: aws.String("uploads")})
	if err != nil || len(live.CORSRules) != 1 {
		t.Errorf("got %+v, error %v; want the rule that was put", live, err)
	}

	if err := server.CreateUser(ctx, "stranger", "strangers-secret", RoleUser); err != nil {
		t.Fatal(err)
	}
	stranger := s3Client(server, "stranger", "strangers-secret")
	_, err = stranger.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: aws.String("uploads")})
	if refused, ok := errors.AsType[smithy.APIError](err); !ok || refused.ErrorCode() != "AccessDenied" {
		t.Errorf("a user without rights: error %v; want AccessDenied", err)
	}

	if err := server.DeleteBucket("uploads"); err != nil {
		t.Fatal(err)
	}
	if err := server.CreateBucket("uploads"); err != nil {
		t.Fatal(err)
	}
	_, err = root.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: aws.String("uploads")})
	if missing, ok := errors.AsType[smithy.APIError](err); !ok || missing.ErrorCode() != "NoSuchCORSConfiguration" {
		t.Errorf("a bucket made anew: error %v; want NoSuchCORSConfiguration", err)
	}
	if err := server.DeleteBucket("../users"); err == nil {
		t.Error("a directory that is no bucket was deleted")
	}
}

func s3Client(server *S3Server, accessKeyID, secretAccessKey string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(server.Endpoint),
		Region:       server.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(accessKeyID, secretAccessKey, ""),
		UsePathStyle: true,
	})
}

func TestS3ServerRunsWhereItIsTold(t *testing.T) {
	address, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	entered := filepath.Join(t.TempDir(), "entered")
	server, err := StartS3(t.Context(), S3Options{
		Assets: testAssets(t), Address: address, Enter: []string{"sh", "-c", `echo "$$" >"$0"; exec "$@"`, entered},
	})
	if err != nil {
		t.Fatal(err)
	}
	if server.Endpoint != "http://"+address {
		t.Errorf("the endpoint is %s; want the address %s", server.Endpoint, address)
	}
	if pid, err := os.ReadFile(entered); err != nil || strings.TrimSpace(string(pid)) != strconv.Itoa(server.PID) {
		t.Errorf("what enters was process %q, error %v; want %d", pid, err, server.PID)
	}
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
	if isRunning(server.PID) {
		t.Error("the server still runs")
	}
}

func TestDetachedServerGoesOnAfterItsGuard(t *testing.T) {
	dir := t.TempDir()
	server, err := StartS3(t.Context(), S3Options{Assets: testAssets(t), StateDir: dir, AccessKeyID: "me", SecretAccessKey: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	server.Detach()
	if !isRunning(server.PID) {
		t.Error("the server ended")
	}
	if server.AccessKeyID != "me" || server.SecretAccessKey != "mine" || filepath.Dir(server.LogFile) != dir {
		t.Errorf("the server does not have what was asked for: %+v", server)
	}
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
	if err := server.Stop(); err != nil {
		t.Errorf("the second stop: %v", err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the directory that we gave is gone: %v", err)
	}
}

// isRunning reports whether a process has the id; one that has ended and is not waited for counts too.
func isRunning(pid int) bool { return pid > 0 && syscall.Kill(pid, 0) == nil }

func TestS3ServerThatCannotStartShowsTheLog(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	assets := testAssets(t)
	_, err := StartS3(ctx, S3Options{Assets: Assets{VersityGW: assets.Etcd}})
	if err == nil || !strings.Contains(err.Error(), "it ended at once") || !strings.Contains(err.Error(), "versitygw.log") {
		t.Errorf("error %v; want that it ended, and its log", err)
	}
}
