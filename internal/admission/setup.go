// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"crypto/tls"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/controllers"
)

// Certificate is where the certificate that is served comes from: a Keeper, or
// Files.
type Certificate interface {
	manager.Runnable
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// Setup adds the webhook to a manager with the reconcilers, to be served at an
// address, which has no port 0.
func Setup(ctx context.Context, mgr manager.Manager, host string, port int, certificate Certificate) error {
	// A replica that does not lead has no reconciler that would have these read.
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	for _, object := range []client.Object{&s3v1alpha1.BucketProvider{}, namespace} {
		if _, err := mgr.GetCache().GetInformer(ctx, object, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("set up the webhook: %w", err)
		}
	}
	server := webhook.NewServer(webhook.Options{Host: host, Port: port, TLSOpts: []func(*tls.Config){func(config *tls.Config) {
		config.GetCertificate = certificate.GetCertificate
		// By HTTP/2 anyone who reaches the port could open streams by the thousand.
		config.NextProtos = []string{"http/1.1"}
	}}})
	server.Register(PolicyPath, NewPolicyWebhook(controllers.NewJudge(mgr.GetClient())))
	for _, runnable := range []manager.Runnable{server, certificate} {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("set up the webhook: %w", err)
		}
	}
	return nil
}
