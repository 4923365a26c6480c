// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/document"
)

// askedBucket is what answers: one that has the rules of a configuration, or has none.
type askedBucket struct {
	// file and document are where the rules are from; empty, and never nil, where
	// there is no file.
	file     *document.File
	document *document.Document
	policy   *cors.Policy
	refused  error  // why there is no policy
	note     string // what is to be said about it
}

// requireBucket refuses a command line that does not say which rules answer, or
// says it twice.
func (o *evaluateOptions) requireBucket(cmd *cobra.Command) error {
	switch {
	case o.noConfiguration && o.missingBucket:
		return errors.New("--no-configuration and --missing-bucket exclude each other: a missing bucket has no configuration either")
	case o.file != "" && o.noConfiguration, o.document != "" && o.noConfiguration:
		return errors.New("--no-configuration takes the place of -f and --document: leave out one or the other")
	case o.file != "" && o.missingBucket, o.document != "" && o.missingBucket:
		return errors.New("--missing-bucket takes the place of -f and --document: leave out one or the other")
	case o.noConfiguration || o.missingBucket:
		return nil
	default:
		return requireFile(cmd, o.file)
	}
}

// buckets are those that answer, one for each configuration of the file.
func (o *evaluateOptions) buckets(cmd *cobra.Command) ([]askedBucket, error) {
	dialect := dialectOf(o.dialect)
	empty := askedBucket{file: &document.File{}, document: &document.Document{}}
	switch {
	case o.noConfiguration:
		empty.policy = dialect.NoConfiguration()
		return []askedBucket{empty}, nil
	case o.missingBucket:
		empty.policy = dialect.MissingBucket()
		return []askedBucket{empty}, nil
	}
	name, data, err := readBytes(cmd, o.file)
	if err != nil {
		return nil, err
	}
	file, err := document.Read(name, data)
	if err != nil {
		return nil, adviseOnNothing(data, placed(name, err))
	}
	documents, err := chooseDocuments(file, o.document)
	if err != nil {
		return nil, err
	}
	var buckets []askedBucket
	for _, d := range documents {
		b := askedBucket{file: file, document: d}
		b.policy, b.refused = compileDocument(cmd, file, d, dialect)
		switch rules, ok := errors.AsType[*refusedRules](b.refused); {
		case !ok:
		case slices.ContainsFunc(rules.mistakes, func(m placedMistake) bool { return m.Reason == cors.NotImplemented }):
			b.policy, b.refused = dialect.NoConfiguration(), nil
			b.note = fmt.Sprintf("%s stores no CORS configurations of buckets: this is what it answers without, unless its own settings say otherwise", rules.server)
		case len(d.Configuration.Rules) == 0 && (d.Format == document.JSON || d.Format == document.XML):
			b.policy, b.refused = dialect.NoConfiguration(), nil
			b.note = fmt.Sprintf("%s has no rules: this is the answer of a bucket without a CORS configuration", documentTitle(file, d))
		}
		buckets = append(buckets, b)
	}
	return buckets, nil
}

// adviseOnNothing adds to why a file cannot be read how to ask a bucket without
// rules, where the file is what S3 answers for one.
func adviseOnNothing(data []byte, err error) error {
	for code, advice := range map[string]string{
		"<Code>NoSuchCORSConfiguration</Code>": "; S3 says that the bucket has no CORS configuration: ask such a bucket with --no-configuration in place of -f",
		"<Code>NoSuchBucket</Code>":            "; S3 says that there is no such bucket: ask with --missing-bucket in place of -f",
	} {
		if bytes.Contains(data, []byte(code)) {
			return fmt.Errorf("%w%s", err, advice)
		}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return fmt.Errorf("%w; a bucket without a CORS configuration, for which the aws command prints nothing, is asked with --no-configuration in place of -f", err)
	}
	return err
}
