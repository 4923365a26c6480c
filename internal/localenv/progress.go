// SPDX-License-Identifier: Apache-2.0

package localenv

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	lineInterval = 15 * time.Second
	liveInterval = time.Second
)

// A reporter tells a person what a long step is doing: on a terminal with one line that is rewritten, elsewhere with a line
// now and then.
type reporter struct {
	mu       sync.Mutex
	to       io.Writer
	live     bool
	interval time.Duration
}

func newReporter(to io.Writer) *reporter {
	if isTerminal(to) {
		return &reporter{to: to, live: true, interval: liveInterval}
	}
	return &reporter{to: to, interval: lineInterval}
}

func isTerminal(to io.Writer) bool {
	file, ok := to.(*os.File)
	if !ok || os.Getenv("TERM") == "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

const eraseLine = "\r\x1b[K"

// printf shows a line that stays.
func (r *reporter) printf(format string, values ...any) {
	r.write(fmt.Sprintf(format, values...), "\n")
}

// update shows where a step is: on a terminal until the next line.
func (r *reporter) update(text string) {
	if r.live {
		r.write(text, "")
	} else {
		r.write(text, "\n")
	}
}

func (r *reporter) write(text, end string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.live {
		text = eraseLine + text
	}
	// When progress cannot be shown, nobody is there to be told.
	_, _ = io.WriteString(r.to, text+end)
}

// during calls status now and then, with the time that has passed, and shows what it returns, until the function that during
// returns is called.
func (r *reporter) during(status func(elapsed time.Duration) string) (stop func()) {
	started := time.Now()
	done := make(chan struct{})
	var finished sync.WaitGroup
	finished.Go(func() {
		ticker := time.NewTicker(r.interval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				r.update(status(time.Since(started).Round(time.Second)))
			}
		}
	})
	return func() {
		close(done)
		finished.Wait()
		if r.live {
			r.write("", "")
		}
	}
}
