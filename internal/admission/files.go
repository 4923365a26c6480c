// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"crypto/tls"
	"errors"
	"path/filepath"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	certmetrics "sigs.k8s.io/controller-runtime/pkg/certwatcher/metrics"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// filesInterval is the time between two looks at the files.
const filesInterval = 10 * time.Second

// Files is a certificate in a directory, as tls.crt and tls.key, which is read
// again when it changes. The files may come later than the process, as those of a
// Secret that cert-manager has yet to fill.
//
// It looks instead of having inotify tell it, as the certwatcher of
// controller-runtime does: a node may have no inotify left, and that is no reason to
// serve nothing.
type Files struct {
	Dir string

	serving atomic.Pointer[tls.Certificate]
}

// GetCertificate is for a tls.Config. The error is that there is none yet.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	current := f.serving.Load()
	if current == nil {
		return nil, errors.New("there is no certificate for the webhook yet: see the log of the operator")
	}
	return current, nil
}

// NeedLeaderElection is false: every replica serves.
func (f *Files) NeedLeaderElection() bool { return false }

// Start reads the files until the context is done. What goes wrong is logged, once,
// and tried again: it ends nothing.
func (f *Files) Start(ctx context.Context) error {
	ctx = logf.IntoContext(ctx, logf.FromContext(ctx).WithName("webhook-certificate"))
	var last string
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		certmetrics.ReadCertificateTotal.Inc()
		pair, err := tls.LoadX509KeyPair(filepath.Join(f.Dir, certKey), filepath.Join(f.Dir, keyKey))
		if err != nil {
			certmetrics.ReadCertificateErrors.Inc()
			if err.Error() != last {
				logTrouble(ctx, err, f.serving.Load() != nil)
			}
			last = err.Error()
			return
		}
		last = ""
		if former := f.serving.Swap(&pair); former == nil || !former.Leaf.Equal(pair.Leaf) {
			logServing(ctx, pair.Leaf)
		}
	}, filesInterval)
	return nil
}
