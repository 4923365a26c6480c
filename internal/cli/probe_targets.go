// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/browser"
	"github.com/bucketcors/bucketcors/internal/bucket"
	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
	"github.com/bucketcors/bucketcors/internal/expectation"
	"github.com/bucketcors/bucketcors/internal/probe"
	"github.com/bucketcors/bucketcors/internal/s3"
)

// probePlace are the flags that say where to ask.
type probePlace struct {
	url        urlValue
	bucket     string
	endpoint   urlValue
	region     string
	addressing choice
}

func (o *probePlace) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&o.url, "url", "the `URL` to ask, such as that of a CDN, in place of the buckets and endpoints of the policy")
	addSingle(cmd, &o.bucket, "bucket", "", "the `NAME` of the only bucket to ask (default: all of the policy, and its endpoints)",
		"run it for one bucket after the other")
	flags.Var(&o.endpoint, "endpoint", "the `URL` of the S3 service (default: AWS)")
	addSingle(cmd, &o.region, "region", "", "the `REGION` of buckets for which the policy names none", "buckets name their own in the policy")
	o.addressing = choice{what: "addressing", known: []string{"path", "virtual-hosted"}}
	addChoice(cmd, &o.addressing, o.addressing.known, "addressing", "",
		"where the name of the bucket stands in its URL (default: virtual-hosted on AWS, path elsewhere)")
	for _, name := range []string{"url", "bucket", "endpoint", "region"} {
		complete(cmd, name, cobra.NoFileCompletions)
	}
}

// regionPattern is what the API takes for the name of a region.
var regionPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$`)

// check refuses flags that say where to ask twice, and a region that is none.
func (o *probePlace) check(cmd *cobra.Command) error {
	if cmd.Flags().Changed("region") && !regionPattern.MatchString(o.region) {
		return fmt.Errorf("--region %s cannot be the name of a region: it is up to 63 letters and digits, with hyphens and underscores between them, as in eu-west-1",
			cors.Quote(o.region))
	}
	if o.url.times == 0 {
		return nil
	}
	for _, name := range []string{"bucket", "endpoint", "region", "addressing"} {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("--url is the whole address: leave out --%s", name)
		}
	}
	return nil
}

// service is the S3 service that the flags describe.
func (o *probePlace) service() (bucket.Provider, error) {
	service := bucket.Provider{Region: o.region}
	switch o.addressing.value {
	case "path":
		service.Addressing = bucket.AddressingPath
	case "virtual-hosted":
		service.Addressing = bucket.AddressingVirtualHosted
	}
	if o.endpoint.times == 0 {
		return service, nil
	}
	u, err := o.endpoint.parse("--endpoint")
	if err == nil && u.RawQuery != "" {
		err = errors.New("--endpoint has a query: name the S3 service alone, such as https://s3.internal.example:9000")
	}
	if err != nil {
		return service, err
	}
	service.Endpoint = u.String()
	return service, nil
}

// bucketURL is the URL of a bucket of the document with this title.
func bucketURL(service bucket.Provider, l bucket.Location, title string) (*url.URL, error) {
	if service.Endpoint == "" && cmp.Or(l.Region, service.Region) == "" {
		return nil, fmt.Errorf("%s: the region of bucket %q is not known: name it with --region, such as --region eu-west-1, or the S3 service with --endpoint, if it is not AWS",
			title, l.Name)
	}
	if region := cmp.Or(l.Region, service.Region); service.Endpoint == "" && strings.Contains(region, "_") {
		return nil, fmt.Errorf("%s: AWS has no region %s, in which bucket %q is to be: name one such as eu-west-1, or the S3 service with --endpoint, if it is not AWS",
			title, cors.Quote(region), l.Name)
	}
	text, err := s3.BucketURL(service, l)
	if err != nil {
		problem := err.Error()
		if about, ok := errors.AsType[*bucket.Error](err); ok {
			// The service is that of the flags, and has no name.
			problem = strings.TrimPrefix(about.Message, fmt.Sprintf("provider %q: ", service.Name))
		}
		return nil, fmt.Errorf("%s: %s", title, problem)
	}
	return parseProbeURL("the URL of bucket "+l.Name, text)
}

// probeTarget is a URL and what is asked there.
type probeTarget struct {
	probe.Target
	requests []browser.Request
	// document is the name of the configuration that predicts; empty for none.
	document string
	// shown is the URL as people and programs see it.
	shown  string
	hidden *strings.Replacer
	// expected are the expectations that the requests come from.
	expected []*expected
}

func newProbeTarget(u *url.URL) probeTarget {
	return probeTarget{Target: probe.Target{URL: u.String()}, shown: withoutQuery(u.String()), hidden: concealer(u)}
}

// targets are all that the flags and the file describe, and what is good to know
// about them.
func (o *probeOptions) targets(cmd *cobra.Command) (targets []probeTarget, notes []string, err error) {
	request, notes, err := o.request.request(cmd)
	if err != nil {
		return nil, nil, err
	}
	var named *url.URL
	if o.place.url.times > 0 {
		if named, err = o.place.url.parse("--url"); err != nil {
			return nil, nil, err
		}
		if named.RawQuery != "" {
			notes = append(notes, `what follows "?" in the URL is sent and not shown; for a preflight S3 needs no signature`)
		}
	}
	if o.file == "" {
		if request == nil {
			return nil, nil, errors.New("what does the page want to do? Say it with --origin and --method, or name the policy with -f")
		}
		t := newProbeTarget(named)
		t.requests = []browser.Request{*request}
		return []probeTarget{t}, notes, nil
	}
	service, err := o.place.service()
	if err != nil {
		return nil, nil, err
	}
	file, documents, err := o.read(cmd, named != nil)
	if err != nil {
		return nil, nil, err
	}
	dialect := dialectOf(o.dialect)
	problems := file.Problems()
	for _, d := range documents {
		// What is wrong with the rules is better told by those who compile them.
		ofRules := func(p document.Problem) bool { return strings.HasPrefix(p.Path, "spec.rules") }
		if others := slices.DeleteFunc(slices.Clone(problems[d]), ofRules); len(others) > 0 {
			return nil, nil, newRefusedPolicy(cmd, file, d, others)
		}
		urls := []*url.URL{named}
		if named == nil {
			if urls, err = o.place.urls(service, file, d); err != nil {
				return nil, nil, err
			}
			if len(urls) == 0 {
				continue // it does not have the bucket
			}
		}
		predicted, about, err := predictor(cmd, file, d, dialect)
		if err != nil {
			return nil, nil, err
		}
		if len(problems[d]) > 0 {
			return nil, nil, newRefusedPolicy(cmd, file, d, problems[d])
		}
		notes = append(notes, about...)
		requests := requestsOf(d)
		var wanted []*expected
		if request != nil {
			requests = []browser.Request{*request}
		} else {
			wanted, about = expectedOf(file, d, predicted)
			notes = append(notes, about...)
		}
		for _, u := range urls {
			t := newProbeTarget(u)
			t.Predicted, t.requests, t.document, t.expected = predicted, requests, d.Name, wanted
			targets = append(targets, t)
		}
	}
	if len(targets) == 0 {
		return nil, nil, fmt.Errorf("%s has no bucket %q: there %s", file.Name, o.place.bucket, bucketNames(documents))
	}
	return targets, notes, nil
}

// read reads the configurations that are asked about: one, where the URL is
// named.
func (o *probeOptions) read(cmd *cobra.Command, named bool) (*document.File, []*document.Document, error) {
	file, err := readFile(cmd, o.file)
	if err != nil {
		return nil, nil, err
	}
	if named {
		d, err := oneDocument(file, o.document, "--url")
		return file, []*document.Document{d}, err
	}
	documents, err := chooseDocuments(file, o.document)
	return file, documents, err
}

// urls are those of the buckets and of the endpoints of a policy; none where it
// does not have the bucket that is asked for.
func (o *probePlace) urls(service bucket.Provider, file *document.File, d *document.Document) ([]*url.URL, error) {
	title := documentTitle(file, d)
	var locations []bucket.Location
	switch {
	case d.Policy != nil:
		for _, b := range d.Policy.Spec.Buckets {
			if o.bucket == "" || o.bucket == b.Name {
				locations = append(locations, bucket.Location{Name: b.Name, Region: string(b.Region)})
			}
		}
	case d.Bucket != "":
		if o.bucket == "" || o.bucket == d.Bucket {
			locations = []bucket.Location{{Name: d.Bucket}}
		}
	case o.bucket != "":
		locations = []bucket.Location{{Name: o.bucket}}
	default:
		return nil, fmt.Errorf("%s says which rules there are, and not where: name the URL with --url, or the bucket with --bucket", title)
	}
	var urls []*url.URL
	for _, l := range locations {
		u, err := bucketURL(service, l, title)
		if err != nil {
			return nil, err
		}
		urls = append(urls, u)
	}
	if d.Policy == nil || d.Policy.Spec.Verification == nil || o.bucket != "" {
		return urls, nil
	}
	for i, endpoint := range d.Policy.Spec.Verification.Endpoints {
		u, err := parseProbeURL(fmt.Sprintf("%s: spec.verification.endpoints[%d]", title, i), string(endpoint))
		if err != nil {
			return nil, err
		}
		urls = append(urls, u)
	}
	return urls, nil
}

// bucketNames says which buckets there are to choose from.
func bucketNames(documents []*document.Document) string {
	var names []string
	for _, d := range documents {
		if d.Policy == nil {
			names = append(names, d.Bucket)
			continue
		}
		for _, b := range d.Policy.Spec.Buckets {
			names = append(names, b.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 1 {
		return "is " + names[0]
	}
	const most = 10
	if len(names) > most {
		names = append(names[:most], fmt.Sprintf("%d more", len(names)-most))
	}
	return "are " + enumerate(names, "and")
}

// predictor is what answers by the rules of a configuration, and what is good to
// know about that.
func predictor(cmd *cobra.Command, file *document.File, d *document.Document, dialect *cors.Dialect) (p *cors.Policy, notes []string, err error) {
	title := documentTitle(file, d)
	p, err = compileDocument(cmd, file, d, dialect)
	switch rules, ok := errors.AsType[*refusedRules](err); {
	case !ok:
	case slices.ContainsFunc(rules.mistakes, func(m placedMistake) bool { return m.Reason == cors.NotImplemented }):
		p, err = dialect.NoConfiguration(), nil
		notes = append(notes, rules.server+" stores no CORS configurations of buckets: predicted is what it answers without, unless its own settings say otherwise")
	case len(d.Configuration.Rules) == 0 && (d.Format == document.JSON || d.Format == document.XML):
		p, err = dialect.NoConfiguration(), nil
		notes = append(notes, title+" has no rules: predicted is the answer of a bucket without a CORS configuration")
	}
	if err != nil {
		return nil, nil, err
	}
	if d.Policy != nil && d.Policy.Spec.Sharing == v1alpha1.SharingShared {
		notes = append(notes, title+" is Shared: the rules of other policies on its buckets answer, too, and are not looked at here")
	}
	return p, notes, nil
}

// requestsOf are what is asked about a configuration.
func requestsOf(d *document.Document) []browser.Request {
	var expectations []v1alpha1.Expectation
	if d.Policy != nil {
		expectations = d.Policy.Spec.Expectations
	}
	return expectation.All(expectations, d.Configuration)
}

// probed is what one preflight told about a target.
type probed struct {
	probe.Result
	target   *probeTarget
	stranger bool
}

// predicted reports whether there is a prediction to compare the answer with.
func (p probed) predicted() bool { return p.target.Predicted != nil }

// good reports whether the answer is what it should be. What becomes of a
// stranger does not matter where nothing is predicted.
func (p probed) good() bool {
	return p.Class == probe.AsPredicted || p.stranger && !p.predicted()
}

func (p probed) message() string { return printable(p.target.hidden.Replace(p.Message)) }
func (p probed) advice() string  { return printable(p.target.hidden.Replace(p.Advice)) }

// mostTargets is how many targets are asked at a time.
const mostTargets = 4

// errRoundInterrupted is that not everything was asked, because somebody stopped it.
var errRoundInterrupted = errors.New("not everything was asked")

// askAll asks all targets, some at a time, and gives what they told to each, in
// the order of the targets. When the context ends, each still gets what is known by
// then, and the error is the cause and errRoundInterrupted.
func askAll(ctx context.Context, targets []probeTarget, ask func(context.Context, probeTarget) []probe.Result, each func([]probed) error) error {
	cause := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]chan []probe.Result, len(targets))
	for i := range results {
		results[i] = make(chan []probe.Result, 1)
	}
	go func() {
		places := make(chan struct{}, mostTargets)
		for i, t := range targets {
			places <- struct{}{}
			go func() {
				defer func() { <-places }()
				results[i] <- ask(ctx, t)
			}()
		}
	}()
	interrupted := false
	for i := range targets {
		told := <-results[i]
		interrupted = interrupted || cause.Err() != nil
		if interrupted && len(told) == 0 {
			continue
		}
		answers := make([]probed, len(told))
		for j, r := range told {
			answers[j] = probed{Result: r, target: &targets[i], stranger: targets[i].isStranger(r.Request)}
		}
		if err := each(answers); err != nil {
			return err
		}
	}
	if interrupted {
		return errors.Join(errRoundInterrupted, context.Cause(cause))
	}
	return nil
}

// isStranger is whether the request is none of the target's own. An expectation may
// have the name of the stranger.
func (t *probeTarget) isStranger(r browser.Request) bool {
	return r.Name == probe.StrangerName &&
		!slices.ContainsFunc(t.requests, func(own browser.Request) bool { return own.Name == r.Name && own.Origin == r.Origin })
}
