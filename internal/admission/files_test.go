// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

func TestFilesAreServedWhenTheyComeAndStayServedWhenTheyBreak(t *testing.T) {
	first, second := aged(t, []string{serviceHost}, certificateLife), aged(t, []string{serviceHost}, certificateLife)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ctx, cancel := context.WithCancel(logf.IntoContext(t.Context(), zap.New(zap.WriteTo(&log))))
		files, ended := &Files{Dir: t.TempDir()}, make(chan error, 1)
		go func() { ended <- files.Start(ctx) }()
		for _, step := range []struct {
			what      string
			cert, key []byte
			// The certificate that is served then, and all that a minute of the log says.
			served bundle
			said   string
		}{
			{what: "nothing", said: "the webhook has no certificate in order"},
			{what: "the first", cert: first.cert, key: first.key, served: first, said: "serving a certificate"},
			{what: "the same", cert: first.cert, key: first.key, served: first},
			{what: "another with its key", cert: second.cert, key: first.key, served: first, said: "cannot look after the certificate of the webhook"},
			{what: "another", cert: second.cert, key: second.key, served: second, said: "serving a certificate"},
		} {
			if step.cert != nil {
				if err := errors.Join(os.WriteFile(filepath.Join(files.Dir, certKey), step.cert, 0o600), os.WriteFile(filepath.Join(files.Dir, keyKey), step.key, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			<-time.After(time.Minute)
			synctest.Wait()
			want, _ := tls.X509KeyPair(step.served.cert, step.served.key) // none at first
			switch got, err := files.GetCertificate(nil); {
			case (err != nil) != (want.Leaf == nil):
				t.Errorf("%s: got %v", step.what, err)
			case err == nil && !got.Leaf.Equal(want.Leaf):
				t.Errorf("%s: another certificate is served", step.what)
			}
			lines := strings.Count(log.String(), "\n")
			if !strings.Contains(log.String(), step.said) || (lines == 1) != (step.said != "") || lines > 1 {
				t.Errorf("%s: the log has %q", step.what, log.String())
			}
			log.Reset()
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
