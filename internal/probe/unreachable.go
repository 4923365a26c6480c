// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// unanswered is an ask to which no answer came. The messages are made here and not
// taken from the errors, which hold ports and times that change.
func unanswered(err error, timeout time.Duration) finding {
	if e, ok := errors.AsType[*NotAllowedError](err); ok {
		return finding{
			class:   NotAllowed,
			message: "nothing was sent: " + clean(e.Host+": "+e.Why, 500),
			advice:  clean(e.Advice, 500),
		}
	}
	if message, advice := tlsRefusal(err); message != "" {
		return finding{class: Unreachable, message: "no TLS connection: " + message, advice: advice}
	}
	message, advice := silence(err, timeout)
	return finding{class: Unreachable, message: "no answer: " + message, advice: advice}
}

// silence is why no answer came, and what to do.
func silence(err error, timeout time.Duration) (message, advice string) {
	const look = "check that the service runs, and that host and port of the URL are right"
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		name := clean(dns.Name, 200)
		if dns.IsNotFound {
			return fmt.Sprintf("there is no host %q", name), "check the host name of the URL, and that its DNS record exists"
		}
		return fmt.Sprintf("the host name %q cannot be resolved", name), "check the DNS servers; this often passes by itself"
	}
	var timed interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timed) && timed.Timeout() {
		return fmt.Sprintf("none within %s", timeout), "check that the service runs, and that no firewall or network policy is in between"
	}
	errno, _ := errors.AsType[syscall.Errno](err)
	switch {
	case errno == syscall.ECONNREFUSED:
		return "the connection is refused", look
	case errno == syscall.ECONNRESET, errno == syscall.EPIPE,
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the connection was closed before an answer came", "check the scheme and the port of the URL, and the log of what listens there"
	case errno != 0:
		return errno.Error(), look
	}
	return "there is no connection, or it does not speak HTTP", look
}

// tlsRefusal is why there is no TLS connection, and what to do; empty for all
// other errors.
func tlsRefusal(err error) (message, advice string) {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate of the server is signed by an unknown authority",
			"browsers refuse it as well unless they know the authority; to have it trusted here, add it to the trusted certificates " +
				"(caBundle of the BucketProvider, or those of the system)"
	}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("the certificate of the server is not for %q", clean(name.Host, 200)),
			"use a host name that it is for, or have it issued for this one too"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "the certificate of the server has expired or is not valid yet", "renew the certificate, and check the clocks"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate of the server is not valid", "browsers refuse it as well: have it issued anew"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return "the server does not speak TLS", "check the scheme and the port of the URL"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return "the server refuses it: " + clean(alert.Error(), 100), "check the TLS settings of the server"
	}
	return "", ""
}
