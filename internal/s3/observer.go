// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"golang.org/x/time/rate"
)

// Observer is told of every attempt of a request, for metrics. It is called by
// many goroutines at a time.
type Observer interface {
	// Request is told of an attempt that has ended. The operation is the name of
	// the API, such as GetBucketCors or AssumeRole. The code is the HTTP status or,
	// where there was no answer, one of the words Code*. The time is from sending
	// to the end of the answer, without waiting for the limit of the provider.
	Request(operation, code string, took time.Duration)
	// Waited is told how long the limit of a provider held back an attempt or a
	// preflight: 0 when it did not.
	Waited(d time.Duration)
}

// What became of an attempt that got no answer.
const (
	// CodeTimeout: no answer came in time.
	CodeTimeout = "timeout"
	// CodeCanceled: the caller did not want it any more.
	CodeCanceled = "canceled"
	// CodeUnreachable: no connection was made, or it broke.
	CodeUnreachable = "unreachable"
	// CodeUnreadable: the answer was longer than any of an S3 service.
	CodeUnreadable = "unreadable"
	// CodeLimited: it was not sent, because the limit of the provider left no time
	// for it.
	CodeLimited = "limited"
)

// unobserved is the Observer of those who have none.
type unobserved struct{}

func (unobserved) Request(string, string, time.Duration) {}

func (unobserved) Waited(time.Duration) {}

// codeOf is the code of an attempt: of its answer or, without one, of its error.
func codeOf(response *http.Response, err error) string {
	_, limited := errors.AsType[*limitError](err)
	failure, failed := errors.AsType[net.Error](err)
	switch {
	case err == nil:
		return strconv.Itoa(response.StatusCode)
	case limited:
		return CodeLimited
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	case errors.Is(err, context.DeadlineExceeded), failed && failure.Timeout():
		return CodeTimeout
	case errors.Is(err, errAnswerTooLong):
		return CodeUnreadable
	default:
		return CodeUnreachable
	}
}

// waitFor waits for a limit, and tells how long it took; not where there is no
// limit.
func waitFor(ctx context.Context, limiter *rate.Limiter, observer Observer) error {
	if limiter.Limit() == rate.Inf {
		return limiter.Wait(ctx)
	}
	began := time.Now()
	err := limiter.Wait(ctx)
	// Without an error it was let through; else it need not have waited at all.
	if err == nil {
		observer.Waited(time.Since(began))
	}
	return err
}

// observe tells of an attempt that began at a time and has ended.
func (g *gate) observe(ctx context.Context, began time.Time, response *http.Response, err error) {
	g.observer.Request(awsmiddleware.GetOperationName(ctx), codeOf(response, err), time.Since(began))
}
