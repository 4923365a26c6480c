// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

// journal is an Observer that remembers what it was told.
type journal struct {
	mu       sync.Mutex
	requests []string
	waits    []time.Duration
}

func (j *journal) Request(operation, code string, took time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if took < 0 || took > time.Minute {
		code += fmt.Sprint(" in ", took)
	}
	j.requests = append(j.requests, operation+" "+code)
}

func (j *journal) Waited(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waits = append(j.waits, d)
}

func observedBy(j *journal) func(*Options) { return func(o *Options) { o.Observer = j } }

func TestEveryAttemptIsObserved(t *testing.T) {
	busy := s3Answers(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	hangs := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	hangsUp := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for name, tt := range map[string]struct {
		handler http.Handler
		op      operation
		options []func(*Options)
		want    []string
	}{
		"a read":                    {answers(http.StatusOK, "<CORSConfiguration/>"), getCORS, nil, []string{"GetBucketCors 200"}},
		"a read of nothing":         {s3Answers(http.StatusNotFound, "NoSuchCORSConfiguration", "none"), getCORS, nil, []string{"GetBucketCors 404"}},
		"a write":                   {answers(http.StatusOK, ""), putCORS, nil, []string{"PutBucketCors 200"}},
		"a removal":                 {answers(http.StatusNoContent, ""), deleteCORS, nil, []string{"DeleteBucketCors 204"}},
		"what is tried again":       {busy, getCORS, nil, slices.Repeat([]string{"GetBucketCors 503"}, 3)},
		"a server that hangs":       {hangs, getCORS, []func(*Options){once, within(2 * time.Second)}, []string{"GetBucketCors timeout"}},
		"a server that hangs up":    {hangsUp, getCORS, []func(*Options){once}, []string{"GetBucketCors unreachable"}},
		"an answer without an end":  {answers(http.StatusOK, strings.Repeat("x", maxAnswerBytes+1)), getCORS, []func(*Options){once}, []string{"GetBucketCors unreadable"}},
		"a server of no known code": {answers(299, ""), putCORS, nil, []string{"PutBucketCors 299"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewUnstartedServer(tt.handler)
			s.Config.ErrorLog = discardLog
			s.Start()
			t.Cleanup(s.Close)
			var seen journal
			b := open(t, quick(append(tt.options, observedBy(&seen))...), at(s.URL), bucket.Location{Name: "assets"})
			_ = do(t.Context(), b, tt.op)
			if !slices.Equal(seen.requests, tt.want) {
				t.Errorf("observed %q, not %q", seen.requests, tt.want)
			}
			if len(seen.waits) > 0 {
				t.Errorf("without a limit, waits of %v were observed", seen.waits)
			}
		})
	}
}

func TestTheCodeOfAnAttemptThatGotNoAnswer(t *testing.T) {
	for want, errs := range map[string][]error{
		CodeTimeout: {
			&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, fmt.Errorf("read the answer: %w", context.DeadlineExceeded),
			errors.Join(&net.DNSError{}, context.DeadlineExceeded),
		},
		CodeCanceled:    {fmt.Errorf("read the answer: %w", context.Canceled)},
		CodeUnreachable: {&net.DNSError{IsNotFound: true}, io.ErrUnexpectedEOF},
		CodeUnreadable:  {errAnswerTooLong},
		CodeLimited:     {&limitError{perSecond: 5}},
	} {
		for _, err := range errs {
			if got := codeOf(nil, err); got != want {
				t.Errorf("%v is %q, not %q", err, got, want)
			}
		}
	}
}

func TestACallThatIsCancelledIsObservedAsThat(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	var seen journal
	b := open(t, quick(observedBy(&seen)), at(s.URL), bucket.Location{Name: "assets"})
	_ = do(ctx, b, getCORS)
	if !slices.Equal(seen.requests, []string{"GetBucketCors canceled"}) {
		t.Errorf("observed %q", seen.requests)
	}
}

func TestTheRequestForARoleIsObserved(t *testing.T) {
	s, tokens := serve(t, answers(http.StatusOK, "<CORSConfiguration/>")), serve(t, fakeSTS(time.Hour))
	var seen journal
	b := open(t, quick(observedBy(&seen)), at(s.URL, assuming(tokens.URL)), bucket.Location{Name: "assets"})
	for range 2 {
		if err := do(t.Context(), b, getCORS); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"AssumeRole 200", "GetBucketCors 200", "GetBucketCors 200"}; !slices.Equal(seen.requests, want) {
		t.Errorf("observed %q, not %q", seen.requests, want)
	}
}

func TestTheWaitForALimitIsObserved(t *testing.T) {
	t.Parallel()
	s := serve(t, answers(http.StatusOK, "<CORSConfiguration/>"))
	var seen journal
	clients := quick(observedBy(&seen), once)
	p := at(s.URL, func(p *bucket.Provider) { p.RequestsPerSecond = 1 })
	b := open(t, clients, p, bucket.Location{Name: "assets"})
	for range 2 {
		if err := do(t.Context(), b, getCORS); err != nil {
			t.Fatal(err)
		}
	}
	if err := clients.Wait(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	// The first has a token, and the others wait for theirs: a second each, less what the
	// calls themselves took.
	if len(seen.waits) != 3 || seen.waits[0] > seen.waits[1]/2 || seen.waits[1] < 50*time.Millisecond || seen.waits[2] < 50*time.Millisecond {
		t.Errorf("the waits were %v", seen.waits)
	}

	// No time is left for one that would have to wait.
	exhaust(t, clients, p)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := do(ctx, b, getCORS); failureOf(t, err).Reason != bucket.Throttled {
		t.Fatal(err)
	}
	if want := []string{"GetBucketCors 200", "GetBucketCors 200", "GetBucketCors limited"}; !slices.Equal(seen.requests, want) || len(seen.waits) != 3 {
		t.Errorf("observed %q, not %q, and waits of %v", seen.requests, want, seen.waits)
	}
}
