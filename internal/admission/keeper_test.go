// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

const serviceHost = "bucketcors-webhook.bucketcors-system.svc"

var secretName = types.NamespacedName{Namespace: "bucketcors-system", Name: "bucketcors-webhook-cert"}

func anEmptySecret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secretName.Namespace, Name: secretName.Name, Labels: map[string]string{"kept": "true"}}}
}

func aConfiguration(urls ...string) *admissionregistrationv1.ValidatingWebhookConfiguration {
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "bucketcors", UID: "1"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "policies.s3.bucketcors.dev", AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionregistrationv1.SideEffectClassNone),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Name: "bucketcors-webhook", Namespace: "bucketcors-system"}},
		}},
	}
	for _, url := range urls {
		configuration.Webhooks = append(configuration.Webhooks, admissionregistrationv1.ValidatingWebhook{
			Name: url + ".example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionregistrationv1.SideEffectClassNone),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: new("https://" + url + "/x")},
		})
	}
	return configuration
}

// cluster is one with a Secret and a configuration.
type cluster struct {
	*testing.T
	client client.Client
}

func newCluster(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return cluster{t, fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).Build()}
}

func (c cluster) keeper() *Keeper {
	return &Keeper{Reader: c.client, Writer: c.client, Secret: secretName, Configuration: "bucketcors", FieldOwner: "bucketcors"}
}

func (c cluster) kept() bundle {
	c.Helper()
	var secret corev1.Secret
	if err := c.client.Get(c.Context(), secretName, &secret); err != nil {
		c.Fatal(err)
	}
	return bundleOf(secret.Data)
}

func (c cluster) configuration() *admissionregistrationv1.ValidatingWebhookConfiguration {
	c.Helper()
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	if err := c.client.Get(c.Context(), types.NamespacedName{Name: "bucketcors"}, &configuration); err != nil {
		c.Fatal(err)
	}
	return &configuration
}

// keep puts a certificate into the Secret.
func (c cluster) keep(b bundle) {
	c.Helper()
	secret := anEmptySecret()
	secret.Data = map[string][]byte{certKey: b.cert, keyKey: b.key, caKey: b.authorities}
	if err := c.client.Update(c.Context(), secret); err != nil {
		c.Fatal(err)
	}
}

// serve has a keeper serve a certificate.
func (c cluster) serve(k *Keeper, b bundle) {
	c.Helper()
	pair, err := tls.X509KeyPair(b.cert, b.key)
	if err != nil {
		c.Fatal(err)
	}
	k.serving.Store(&served{b, &pair})
}

// inOrder fails unless a keeper serves what the Secret has, to those who know it by
// the configuration, for all hosts.
func (c cluster) inOrder(k *Keeper, hosts ...string) {
	c.Helper()
	served, err := k.GetCertificate(nil)
	if err != nil {
		c.Fatal(err)
	}
	kept := c.kept()
	for _, webhook := range c.configuration().Webhooks {
		if !bytes.Equal(webhook.ClientConfig.CABundle, kept.authorities) {
			c.Errorf("webhook %s does not know the authorities", webhook.Name)
		}
		if webhook.ClientConfig.Service == nil && webhook.ClientConfig.URL == nil {
			c.Errorf("webhook %s lost where it is", webhook.Name)
		}
	}
	pair, err := kept.pair(hosts, time.Now())
	if err != nil {
		c.Fatal(err)
	}
	if !pair.Leaf.Equal(served.Leaf) {
		c.Error("another certificate is served than the one in the Secret")
	}
}

func aged(t *testing.T, hosts []string, life time.Duration) bundle {
	t.Helper()
	b, err := bundle{}.renewed(hosts, life, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheFirstLookMakesACertificateAndTheNextOnesKeepIt(t *testing.T) {
	writes := 0
	c := newCluster(t, interceptor.Funcs{
		Update: func(ctx context.Context, client client.WithWatch, object client.Object, options ...client.UpdateOption) error {
			writes++
			return client.Update(ctx, object, options...)
		},
		Apply: func(ctx context.Context, client client.WithWatch, object runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			writes++
			return client.Apply(ctx, object, options...)
		},
	}, anEmptySecret(), aConfiguration("127.0.0.1:9443", "[::1]:9443", "hooks.example.com"))
	keeper := c.keeper()
	if _, err := keeper.GetCertificate(nil); err == nil {
		t.Error("there is a certificate before the first look")
	}
	for range 3 {
		if err := keeper.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.inOrder(keeper, serviceHost, "127.0.0.1", "::1", "hooks.example.com")
	}
	if writes != 2 {
		t.Errorf("%d writes", writes)
	}
	served, _ := keeper.GetCertificate(nil)
	if life := served.Leaf.NotAfter.Sub(served.Leaf.NotBefore); life != certificateLife {
		t.Errorf("it is valid for %s", life)
	}
	var secret corev1.Secret
	if err := c.client.Get(t.Context(), secretName, &secret); err != nil || secret.Labels["kept"] != "true" || len(secret.Data) != 3 {
		t.Errorf("%v: %v", err, secret.Labels)
	}
}

func TestACertificateIsRenewedWhen(t *testing.T) {
	sound := aged(t, []string{serviceHost}, certificateLife)
	for name, tt := range map[string]struct {
		kept    bundle
		renewed bool
	}{
		"never: it is sound":              {kept: sound},
		"two thirds of its life are over": {kept: aged(t, []string{serviceHost}, 80*time.Minute), renewed: true},
		"it is over":                      {kept: aged(t, []string{serviceHost}, time.Minute), renewed: true},
		"it is for another host":          {kept: aged(t, []string{"elsewhere.bucketcors-system.svc"}, certificateLife), renewed: true},
		"it is of an unknown authority":   {kept: bundle{sound.cert, sound.key, aged(t, []string{serviceHost}, certificateLife).authorities}, renewed: true},
		"there is no authority":           {kept: bundle{sound.cert, sound.key, nil}, renewed: true},
		"it has another key":              {kept: bundle{sound.cert, aged(t, []string{serviceHost}, certificateLife).key, sound.authorities}, renewed: true},
		"it is none":                      {kept: bundle{[]byte("x"), []byte("y"), []byte("z")}, renewed: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, interceptor.Funcs{}, anEmptySecret(), aConfiguration())
			c.keep(tt.kept)
			keeper := c.keeper()
			if err := keeper.look(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.inOrder(keeper, serviceHost)
			if renewed := !c.kept().equal(tt.kept); renewed != tt.renewed {
				t.Errorf("renewed: %t", renewed)
			}
		})
	}
}

func TestTheFirstCertificateIsMadeForNoFault(t *testing.T) {
	var log bytes.Buffer
	c := newCluster(t, interceptor.Funcs{}, anEmptySecret(), aConfiguration())
	if err := c.keeper().look(logf.IntoContext(t.Context(), zap.New(zap.WriteTo(&log)))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), `"msg":"made a new certificate","cause":"there was none yet"`) {
		t.Errorf("the log has %s", &log)
	}
}

func TestAfterARenewalTheFormerCertificateIsStillKnown(t *testing.T) {
	c := newCluster(t, interceptor.Funcs{}, anEmptySecret(), aConfiguration())
	first, second := c.keeper(), c.keeper()
	former := aged(t, []string{serviceHost}, 80*time.Minute)
	c.keep(former)
	second.serving.Store(&served{bundle: former})
	if err := first.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.inOrder(first, serviceHost)
	both := bundle{former.cert, former.key, c.configuration().Webhooks[0].ClientConfig.CABundle}
	if _, err := both.pair([]string{serviceHost}, time.Now()); err != nil {
		t.Errorf("a replica that has not looked yet is not known any more: %v", err)
	}
	renewed := c.kept()
	if err := second.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.inOrder(second, serviceHost)
	if !c.kept().equal(renewed) {
		t.Error("the second replica renewed again")
	}
}

func TestACertificateIsOfUseOnlyInItsTime(t *testing.T) {
	now := time.Now()
	sound := aged(t, []string{serviceHost}, certificateLife)
	for at, want := range map[time.Duration]bool{
		-2 * time.Hour:                  false, // it has yet to begin
		-30 * time.Minute:               true,  // a clock that is behind a little
		0:                               true,
		certificateLife - 2*time.Hour:   true,
		certificateLife + 2*time.Minute: false,
	} {
		if _, err := sound.pair([]string{serviceHost}, now.Add(at)); (err == nil) != want {
			t.Errorf("%s from now: %v", at, err)
		}
	}
}

func TestANewCertificateIsServedWhenAPIServersHaveHadTimeToKnowIt(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(c cluster, k *Keeper)
		// The former certificate is of use to nobody.
		atOnce bool
	}{
		"the former is about to end": {change: func(cluster, *Keeper) {}},
		"the former is not known any more": {atOnce: true, change: func(c cluster, _ *Keeper) {
			c.keep(bundle{})
		}},
		"the former is for another host": {atOnce: true, change: func(c cluster, k *Keeper) {
			elsewhere := aged(c.T, []string{"elsewhere.bucketcors-system.svc"}, 80*time.Minute)
			c.keep(elsewhere)
			c.serve(k, elsewhere)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, interceptor.Funcs{}, anEmptySecret(), aConfiguration())
			former := aged(t, []string{serviceHost}, 80*time.Minute)
			c.keep(former)
			keeper := c.keeper()
			c.serve(keeper, former)
			tt.change(c, keeper)
			before, _ := keeper.GetCertificate(nil)
			if err := keeper.look(t.Context()); err != nil {
				t.Fatal(err)
			}
			after, _ := keeper.GetCertificate(nil)
			if atOnce := !after.Leaf.Equal(before.Leaf); atOnce != tt.atOnce || keeper.behind == tt.atOnce {
				t.Errorf("it is served at once: %t, and a newer one waits: %t", atOnce, keeper.behind)
			}
			if err := keeper.look(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.inOrder(keeper, serviceHost)
			if keeper.behind {
				t.Error("a newer one still waits")
			}
		})
	}
}

func TestFormerAuthoritiesAreForgottenInTime(t *testing.T) {
	now := time.Now()
	b := aged(t, []string{serviceHost}, certificateLife)
	known := func() int {
		certificates, err := cert.ParseCertsPEM(b.authorities)
		if err != nil {
			t.Fatal(err)
		}
		return len(certificates)
	}
	var counts []int
	for range 4 {
		var err error
		if b, err = b.renewed([]string{serviceHost}, certificateLife, now); err != nil {
			t.Fatal(err)
		}
		counts = append(counts, known())
	}
	later, err := b.renewed([]string{serviceHost}, certificateLife, now.Add(2*certificateLife))
	if err != nil {
		t.Fatal(err)
	}
	b = later
	if counts = append(counts, known()); !slices.Equal(counts, []int{2, 3, 3, 3, 1}) {
		t.Errorf("%v authorities are known", counts)
	}
}

func TestReplicasThatBeginTogetherServeTheSame(t *testing.T) {
	const replicas = 3
	var reads atomic.Int32
	allHaveRead := make(chan struct{})
	c := newCluster(t, interceptor.Funcs{
		Get: func(ctx context.Context, from client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			err := from.Get(ctx, key, object, options...)
			if _, secret := object.(*corev1.Secret); secret {
				if reads.Add(1) == replicas {
					close(allHaveRead)
				}
				<-allHaveRead
			}
			return err
		},
	}, anEmptySecret(), aConfiguration())
	keepers := make([]*Keeper, replicas)
	for i := range keepers {
		keepers[i] = c.keeper()
	}
	var group sync.WaitGroup
	for _, keeper := range keepers {
		group.Go(func() {
			if err := keeper.look(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, keeper := range keepers {
		c.inOrder(keeper, serviceHost)
	}
}

func TestACertificateIsServedOnlyWhenItIsKnown(t *testing.T) {
	denied := true
	c := newCluster(t, interceptor.Funcs{
		Apply: func(ctx context.Context, client client.WithWatch, object runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			if denied {
				return errors.New("no right")
			}
			return client.Apply(ctx, object, options...)
		},
	}, anEmptySecret(), aConfiguration())
	keeper := c.keeper()
	if err := keeper.look(t.Context()); err == nil || !strings.Contains(err.Error(), `put the caBundle into ValidatingWebhookConfiguration "bucketcors": no right`) {
		t.Errorf("got %v", err)
	}
	if _, err := keeper.GetCertificate(nil); err == nil {
		t.Error("it is served")
	}
	denied = false
	if err := keeper.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.inOrder(keeper, serviceHost)
}

func TestWhatIsMissingIsNamedAndWhatIsServedGoesOn(t *testing.T) {
	for name, tt := range map[string]struct {
		missing client.Object
		want    string
	}{
		"the Secret":        {anEmptySecret(), `there is no Secret "bucketcors-system/bucketcors-webhook-cert"`},
		"the configuration": {aConfiguration(), `there is no ValidatingWebhookConfiguration "bucketcors"`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, interceptor.Funcs{}, anEmptySecret(), aConfiguration())
			keeper := c.keeper()
			if err := keeper.look(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := c.client.Delete(t.Context(), tt.missing); err != nil {
				t.Fatal(err)
			}
			if err := keeper.look(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if _, err := keeper.GetCertificate(nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAConfigurationWithoutAHostIsNamed(t *testing.T) {
	for _, url := range []string{"https:///x", "https://[::1"} {
		configuration := aConfiguration()
		configuration.Webhooks[0].ClientConfig = admissionregistrationv1.WebhookClientConfig{URL: &url}
		if hosts, err := hostsOf(configuration); err == nil || !strings.Contains(err.Error(), `ValidatingWebhookConfiguration "bucketcors"`) {
			t.Errorf("%s: got %v, %v", url, hosts, err)
		}
	}
}

func TestAKeeperEndsWithItsContextAndNotBefore(t *testing.T) {
	looked := make(chan struct{}, 10)
	c := newCluster(t, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			looked <- struct{}{}
			return errors.New("the API server is away")
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.keeper().Start(ctx) }()
	<-looked
	select {
	case err := <-ended:
		t.Fatalf("it ended with %v", err)
	default:
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// onWrite is a log that does something at its first line.
type onWrite struct {
	bytes.Buffer
	do func()
}

func (w *onWrite) Write(line []byte) (int, error) {
	w.do()
	return w.Buffer.Write(line)
}

func TestAnAPIServerThatIsAwayIsNoFaultOfTheCertificate(t *testing.T) {
	c := newCluster(t, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("the API server is away")
		},
	})
	for served, want := range map[bool]string{
		false: "the webhook has no certificate in order, and policies are stored unjudged unless that is mended",
		true:  "cannot look after the certificate of the webhook, which goes on with the one that it has",
	} {
		keeper := c.keeper()
		if served {
			c.serve(keeper, aged(t, []string{serviceHost}, certificateLife))
		}
		ctx, cancel := context.WithCancel(t.Context())
		log := &onWrite{do: cancel}
		if err := keeper.Start(logf.IntoContext(ctx, zap.New(zap.WriteTo(log)))); err != nil {
			t.Error(err)
		}
		if !strings.Contains(log.String(), want) {
			t.Errorf("with a certificate that is served: %t: the log has %s", served, log)
		}
	}
}
