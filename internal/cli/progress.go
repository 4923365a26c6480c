// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// progress shows how far a verb has come that works on many things: on a terminal,
// on stderr, and only until it is done.
type progress struct {
	bar *progressbar.ProgressBar // nil where nothing is shown
}

// fewForProgress is how many things take no bar.
const fewForProgress = 5

// newProgress begins with none of a number of things done. what says what is done
// with them: "read buckets".
func newProgress(cmd *cobra.Command, what string, total int) *progress {
	w := cmd.ErrOrStderr()
	if w != io.Writer(os.Stderr) || !isatty.IsTerminal(os.Stderr.Fd()) || total < fewForProgress {
		return &progress{}
	}
	return &progress{bar: newBar(w, what, total)}
}

func newBar(w io.Writer, what string, total int, more ...progressbar.Option) *progressbar.ProgressBar {
	options := []progressbar.Option{
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionClearOnFinish(),
	}
	return progressbar.NewOptions(total, append(options, more...)...)
}

// one says that one more is done.
func (p *progress) one() {
	if p.bar != nil {
		_ = p.bar.Add(1) // of a terminal that is gone, nobody is told
	}
}

// aside takes the bar away, so that something can be printed where it was. It comes
// back with the next one.
func (p *progress) aside() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// end takes the bar away for good.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
		_ = p.bar.Exit()
		p.bar = nil
	}
}
