// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// expectMetrics scrapes the Service as Prometheus does, and as those who may not.
func expectMetrics(t *testing.T, version string) {
	t.Helper()
	service, err := world.clientset.CoreV1().Services(namespace).Get(t.Context(), "bucketcors-metrics", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// This machine has a route to the addresses of Services.
	url := "https://" + service.Spec.ClusterIP + ":8443/metrics"
	reader, stranger := tokenOf(t, "prometheus"), tokenOf(t, "stranger")
	_, err = world.clientset.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "prometheus"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bucketcors-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceDefault, Name: "prometheus"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, refused := range []struct {
		who, token string
		want       int
	}{{"without a token", "", http.StatusUnauthorized}, {"without the right", stranger, http.StatusForbidden}} {
		if status, _, err := scrape(t.Context(), url, refused.token); err != nil || status != refused.want {
			t.Errorf("metrics %s: status %d, error %v; want %d", refused.who, status, err, refused.want)
		}
	}
	// The operator may remember for a while that it had no right.
	eventually(t, "metrics are served", time.Minute, func() error {
		status, metrics, err := scrape(t.Context(), url, reader)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d: %s", status, metrics)
		}
		for _, want := range []string{"leader_election_master_status", `version="` + version + `"`, "bucketcors_s3_request_duration_seconds"} {
			if err == nil && !strings.Contains(metrics, want) {
				err = fmt.Errorf("there is no %s", want)
			}
		}
		return err
	})
}

// tokenOf makes a ServiceAccount in the namespace default and returns a token of it.
func tokenOf(t *testing.T, name string) string {
	t.Helper()
	accounts := world.clientset.CoreV1().ServiceAccounts(metav1.NamespaceDefault)
	if _, err := accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	request, err := accounts.CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// scraper trusts the certificate that the operator signs itself, as the
// ServiceMonitor of the chart does.
var scraper = &http.Client{Transport: &http.Transport{
	TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
	DisableKeepAlives: true,
}}

func scrape(ctx context.Context, url, token string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := scraper.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}
