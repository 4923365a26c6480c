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
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// filesInterval is the time between two tries to read files that are not there.
const filesInterval = 10 * time.Second

// Files is a certificate in a directory, as tls.crt and tls.key, which is read
// again when it changes. The files may come later than the process, as those of a
// Secret that cert-manager has yet to fill.
type Files struct {
	Dir string

	watcher atomic.Pointer[certwatcher.CertWatcher]
}

// GetCertificate is for a tls.Config. The error is that there is none yet.
func (f *Files) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	watcher := f.watcher.Load()
	if watcher == nil {
		return nil, errors.New("there is no certificate for the webhook yet: see the log of the operator")
	}
	return watcher.GetCertificate(hello)
}

// NeedLeaderElection is false: every replica serves.
func (f *Files) NeedLeaderElection() bool { return false }

// Start reads the files until the context is done. What goes wrong is logged, once,
// and tried again: it ends nothing.
func (f *Files) Start(ctx context.Context) error {
	log := logf.FromContext(ctx).WithName("webhook-certificate")
	var last string
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		watcher, err := certwatcher.New(filepath.Join(f.Dir, certKey), filepath.Join(f.Dir, keyKey))
		if err == nil {
			f.watcher.Store(watcher)
			last = ""
			err = watcher.Start(ctx)
		}
		if err != nil && err.Error() != last {
			log.Error(err, "the webhook has no certificate in order, and policies are stored unjudged unless that is mended")
			last = err.Error()
		}
	}, filesInterval)
	return nil
}
