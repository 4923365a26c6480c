// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/probe"
)

// runWatch asks all targets again and again until the context is done. It prints
// all that they answer once, and then what changes.
func (o *probeOptions) runWatch(cmd *cobra.Command, prober *probe.Prober, targets []probeTarget) error {
	ticker := o.clock.NewTicker(o.interval)
	defer ticker.Stop()
	ctx := cmd.Context()
	printer := o.printer(cmd)
	ask := func(ctx context.Context, t probeTarget) []probe.Result {
		return prober.Probe(ctx, t.Target, t.requests)
	}
	var all []probed
	seen := lastAnswers{}
	err := askAll(ctx, targets, ask, func(answers []probed) error {
		all = append(all, answers...)
		seen.changed(answers)
		return printer.target(answers)
	})
	if err := endRound(printer, all, err); err != nil {
		return err
	}
	note(cmd, "asking again every %s, until Ctrl-C; what changes is shown", o.interval)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C():
		}
		err := askAll(ctx, targets, ask, func(answers []probed) error {
			changed := seen.changed(answers)
			// What an interrupted round did not come to has not changed.
			if ctx.Err() == nil && len(changed) > 0 {
				return printer.changed(o.clock.Now(), changed)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// lastAnswers are what was last seen of each request to each target.
type lastAnswers map[askedAbout]seenAnswer

// askedAbout tells requests from one another. Not by the origin of a stranger,
// which may be another each time.
type askedAbout struct {
	target   *probeTarget
	stranger bool
	request  string
}

// seenAnswer is what somebody who watches wants to be told of when it changes.
type seenAnswer struct {
	class             probe.Class
	allowed, expected bool
	status            int
	message           string
}

// changed are the answers that are not those that were seen before, which they
// become.
func (l lastAnswers) changed(answers []probed) (changed []probed) {
	for _, p := range answers {
		about := askedAbout{target: p.target, stranger: p.stranger}
		if !p.stranger {
			about.request = identity(p.Request)
		}
		now := seenAnswer{class: p.Class, allowed: p.Allowed, expected: p.Expected, status: p.Answer.Status, message: p.Message}
		if before, known := l[about]; !known || before != now {
			changed = append(changed, p)
		}
		l[about] = now
	}
	return changed
}

// identity is a text that is the same for the same request only.
func identity(r browser.Request) string { return fmt.Sprintf("%#v", r) }
