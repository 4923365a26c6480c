// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/probe"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// probeOptions are the flags of the verb probe.
type probeOptions struct {
	file, document string
	place          probePlace
	request        probeRequest
	dialect        *choice
	watch          bool
	interval       time.Duration
	wait           time.Duration
	timeout        time.Duration
	caFile         string
	output         *choice

	clock clock.WithTicker
}

const (
	defaultProbeInterval = 5 * time.Second
	minProbeInterval     = time.Second
	defaultProbeTimeout  = 5 * time.Second
)

func newProbeCommand() *cobra.Command { return newProbeCommandAt(clock.RealClock{}) }

// newProbeCommandAt is the verb with another clock than the real one.
func newProbeCommandAt(c clock.WithTicker) *cobra.Command {
	options := probeOptions{clock: c}
	cmd := &cobra.Command{
		Use:   "probe -f POLICY | --url URL --origin ORIGIN --method METHOD",
		Short: "Send real preflights, and compare the answers with the rules",
		Long: `Send the preflights that browsers would send, to the buckets and the endpoints
of a policy or to any URL, and compare the answers with what the rules predict.
Where they differ, say who answered, as far as that can be told, and what to do.

Nothing is signed, and nothing is changed. Without -f nothing is predicted: then
it says what a browser makes of the answer.

Exit status: 0 as predicted (without -f: allowed), 1 not, or an expectation of the
policy is not met, 2 could not tell, for example because nothing could be reached.`,
		Example: `  bucketcors probe -f policy.yaml --region eu-west-1
  bucketcors probe -f policy.yaml --endpoint https://s3.internal.example:9000 --wait 2m
  bucketcors probe -f policy.yaml --url https://cdn.example.com
  bucketcors probe --url https://cdn.example.com/logo.png --origin https://app.example.com --method GET`,
		Args:              onlyProbeFlags,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              interruptible(func(cmd *cobra.Command, _ []string) error { return options.run(cmd) }),
	}
	addFile(cmd, &options.file)
	addDocument(cmd, &options.document)
	options.place.addTo(cmd)
	options.request.addTo(cmd)
	options.dialect = addDialect(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&options.watch, "watch", false, "ask again and again until Ctrl-C, and show what changes")
	flags.DurationVar(&options.interval, "interval", defaultProbeInterval, "the time between two rounds of --watch, from 1s")
	flags.DurationVar(&options.wait, "wait", 0, "how long to ask again while the answers are not as predicted and may come to be, such as 2m after a change")
	flags.DurationVar(&options.timeout, "timeout", defaultProbeTimeout, "how long to wait for one answer")
	addSingle(cmd, &options.caFile, "ca-file", "",
		"a PEM `FILE` with certificates to trust beside those of the system and of AWS_CA_BUNDLE", "put the certificates into one file")
	options.output = addOutput(cmd, "text", "json")
	return cmd
}

// onlyProbeFlags refuses words after the verb without showing the query of a URL.
func onlyProbeFlags(cmd *cobra.Command, words []string) error {
	if len(words) > 0 && strings.Contains(words[0], "://") {
		return fmt.Errorf("a URL stands alone: name it with --url, as in: %s --url %s", cmd.CommandPath(), withoutQuery(words[0]))
	}
	return onlyFlags(cmd, words)
}

func (o *probeOptions) run(cmd *cobra.Command) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	targets, notes, err := o.targets(cmd)
	if err != nil {
		return err
	}
	roots, err := o.roots()
	if err != nil {
		return err
	}
	for _, n := range notes {
		note(cmd, "%s", printable(n))
	}
	prober := probe.New(probe.Options{
		Client:    probe.NewServiceClient(roots),
		Timeout:   o.timeout,
		UserAgent: program + "/" + buildVersion(),
	})
	if o.watch {
		return o.runWatch(cmd, prober, targets)
	}
	return o.runOnce(cmd, prober, targets)
}

// check refuses flags that make no sense together.
func (o *probeOptions) check(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	switch {
	case strings.Contains(o.file, "://"):
		return errors.New("-f takes the file with the rules: a URL goes to --url")
	case o.file == "" && o.place.url.text == "":
		return fmt.Errorf("what is to be asked? Name a policy with -f or a URL with --url, as in: %s", firstLine(cmd.Example))
	case o.watch && o.wait != 0:
		return errors.New("--wait ends when the answers are as predicted, and --watch does not: leave out one of them")
	case !o.watch && changed("interval"):
		return errors.New("--interval is that of --watch: add it, or leave out the interval")
	case o.interval < minProbeInterval:
		return fmt.Errorf("--interval is %s: it has to be at least %s", o.interval, minProbeInterval)
	case o.wait < 0:
		return fmt.Errorf("--wait is %s: it cannot be less than 0", o.wait)
	case o.timeout <= 0:
		return fmt.Errorf("--timeout is %s: it has to be more than 0", o.timeout)
	}
	if o.file == "" {
		for _, name := range []string{"document", "bucket", "endpoint", "region", "addressing", "dialect"} {
			if changed(name) {
				return fmt.Errorf("--%s goes with the rules in a file: name it with -f", name)
			}
		}
	}
	return o.place.check(cmd)
}

// roots are the certificates to trust; nil for those of the system.
func (o *probeOptions) roots() (roots *x509.CertPool, err error) {
	var service bucket.Provider
	if roots, err = s3.TrustedRoots(service); err != nil {
		return nil, errors.New("the file that AWS_CA_BUNDLE names holds no readable certificates")
	}
	if o.caFile == "" {
		return roots, nil
	}
	if service.CABundle, err = os.ReadFile(o.caFile); err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	if roots, err = s3.TrustedRoots(service); err != nil {
		return nil, fmt.Errorf("--ca-file %s holds no readable certificates in PEM: %w", o.caFile, err)
	}
	return roots, nil
}

// runOnce asks all targets, and prints what they answer.
func (o *probeOptions) runOnce(cmd *cobra.Command, prober *probe.Prober, targets []probeTarget) error {
	deadline := o.clock.Now().Add(o.wait)
	ask := func(ctx context.Context, t probeTarget) []probe.Result {
		// What waits for a free place has the less patience: all together take no
		// longer than they were given.
		if patience := deadline.Sub(o.clock.Now()); patience > 0 {
			return prober.Settle(ctx, t.Target, t.requests, patience)
		}
		return prober.Probe(ctx, t.Target, t.requests)
	}
	printer := o.printer(cmd)
	var all []probed
	err := askAll(cmd.Context(), targets, ask, func(answers []probed) error {
		all = append(all, answers...)
		return printer.target(answers)
	})
	if err := endRound(printer, all, err); err != nil {
		return err
	}
	return verdict(all)
}

// endRound prints what there is to say about all answers, also about those until
// somebody interrupted, and returns the error of the round or that of printing.
func endRound(printer probePrinter, all []probed, err error) error {
	interrupted := errors.Is(err, errRoundInterrupted)
	if err != nil && (!interrupted || len(all) == 0) {
		return err
	}
	return cmp.Or(printer.end(all, interrupted), err)
}

// verdict is how the verb ends after these answers.
func verdict(all []probed) error {
	good, reached := true, false
	for _, p := range all {
		good = good && p.good()
		reached = reached || p.Class != probe.Unreachable
	}
	switch {
	case !reached && len(all) > 0:
		return fmt.Errorf("nothing could be reached: %s: %s", all[0].target.shown, all[0].message())
	case !good, !unmetIn(all).none():
		return errNo
	}
	return nil
}
