// SPDX-License-Identifier: Apache-2.0

package document

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// terraformLimits are of the AWS provider, which knows no bad methods and
// counts the bytes of an ID.
var terraformLimits = limits{
	reader: "the AWS provider of Terraform",
	id:     func(s string) int { return len(s) },
	unit:   "bytes",
}

// maxTerraformBucket is the length of the name of a bucket that the AWS provider
// takes.
const maxTerraformBucket = 63

// writeTerraform writes a resource of its own, as `terraform fmt` would.
func writeTerraform(c cors.Configuration, m Metadata) ([]byte, []string, error) {
	if err := checkTerraform(c); err != nil {
		return nil, nil, err
	}
	name, err := terraformNaming.name(m)
	if err != nil {
		return nil, nil, err
	}
	if err := checkBucket(m.Bucket); err != nil {
		return nil, nil, err
	}
	if len(m.Bucket) > maxTerraformBucket {
		return nil, nil, fmt.Errorf("%s has more than the %d characters that the AWS provider of Terraform takes",
			cors.Quote(m.Bucket), maxTerraformBucket)
	}
	var notes []string
	bucket := m.Bucket
	if bucket == "" {
		bucket = placeholder
		notes = append(notes, noteOnPlaceholder)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "resource %q %q {\n  bucket = %s\n", terraformResource, name, quoteHCL(bucket))
	for _, r := range c.Rules {
		b.WriteString("\n  " + terraformRule + " {\n")
		writeTerraformRule(&b, r)
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return hclwrite.Format([]byte(b.String())), append(notes, notesOnTerraform(c)...), nil
}

// checkTerraform is the first thing in c that the resource cannot say.
func checkTerraform(c cors.Configuration) error {
	if err := terraformLimits.check(c); err != nil {
		return err
	}
	for i, r := range c.Rules {
		if !isNormal(r.ID) {
			return at(i, cors.FieldID, -1, errNotNormal(r.ID))
		}
		for _, list := range listsOf(r) {
			for j, v := range list.values {
				if !isNormal(v) {
					return at(i, list.field, j, errNotNormal(v))
				}
			}
		}
	}
	return nil
}

// isNormal reports whether Terraform, which normalizes every string, leaves s as
// it is.
func isNormal(s string) bool { return cty.NormalizeString(s) == s }

func errNotNormal(s string) error {
	return fmt.Errorf("Terraform would change %s, which is not in Unicode's normalization form C", strconv.QuoteToASCII(s)) //nolint:staticcheck // a name
}

// terraformKeys are the names of the lists of a rule.
var terraformKeys = map[cors.Field]string{
	cors.FieldAllowedOrigins: terraformAllowedOrigins,
	cors.FieldAllowedMethods: terraformAllowedMethods,
	cors.FieldAllowedHeaders: terraformAllowedHeaders,
	cors.FieldExposeHeaders:  terraformExposeHeaders,
}

// writeTerraformRule writes what is in the block of a rule.
func writeTerraformRule(b *strings.Builder, r cors.Rule) {
	const indent = "    "
	if r.ID != "" {
		b.WriteString(indent + terraformID + " = " + quoteHCL(r.ID) + "\n")
	}
	for _, list := range listsOf(r) {
		if len(list.values) == 0 {
			continue
		}
		quoted := make([]string, len(list.values))
		size := len(indent) + len(terraformKeys[list.field]) + len(" = []")
		for i, v := range list.values {
			quoted[i] = quoteHCL(v)
			size += len(quoted[i]) + len(", ")
		}
		b.WriteString(indent + terraformKeys[list.field] + " = [")
		if size-len(", ") <= longestLine {
			b.WriteString(strings.Join(quoted, ", ") + "]\n")
			continue
		}
		b.WriteByte('\n')
		for _, q := range quoted {
			b.WriteString(indent + "  " + q + ",\n")
		}
		b.WriteString(indent + "]\n")
	}
	if r.MaxAgeSeconds != nil {
		b.WriteString(indent + terraformMaxAgeSeconds + " = " + strconv.Itoa(int(*r.MaxAgeSeconds)) + "\n")
	}
}

// notesOnTerraform say what the AWS provider makes of the resource. Measured
// with version 5.100 against a server that shows what it is sent: rules and the
// values in a rule are sorted by a hash or the alphabet, those that come twice
// are sent once, empty strings are left out, and so is no MaxAgeSeconds but 0
// sent.
func notesOnTerraform(c cors.Configuration) []string {
	const measured = " (measured with version 5.100)"
	var notes []string
	if pair := orderMatters(c); pair != "" {
		notes = append(notes, pair+", so that the order of the rules decides, and the AWS provider does not keep it"+measured+
			"; look at what the bucket has after terraform apply")
	}
	var absent, empty []string
	for i, r := range c.Rules {
		if r.MaxAgeSeconds == nil {
			absent = append(absent, cors.Path(i, "", -1))
		}
		for _, list := range listsOf(r) {
			for j, v := range list.values {
				if v == "" {
					empty = append(empty, cors.Path(i, list.field, j))
				}
			}
		}
	}
	if len(absent) > 0 {
		notes = append(notes, "where max_age_seconds is absent the AWS provider sends MaxAgeSeconds 0"+measured+
			", so that browsers keep no preflight at all: "+enumerate(absent))
	}
	if len(empty) > 0 {
		notes = append(notes, "the AWS provider leaves out empty strings"+measured+": "+enumerate(empty))
	}
	if twice := duplicates(c); len(twice) > 0 {
		notes = append(notes, "the AWS provider leaves out what is there twice"+measured+": "+enumerate(twice))
	}
	return notes
}

// orderMatters names two rules that may answer the same request, and differently;
// empty for none. It looks at origins and methods, and would rather name two
// rules too many.
func orderMatters(c cors.Configuration) string {
	budget := 1 << 20 // pairs of origins to compare
	for j, later := range c.Rules {
		for i, earlier := range c.Rules[:j] {
			shared := slices.IndexFunc(earlier.AllowedMethods, func(m string) bool { return slices.Contains(later.AllowedMethods, m) })
			if shared < 0 {
				continue
			}
			if budget -= len(earlier.AllowedOrigins) * len(later.AllowedOrigins); budget < 0 {
				return "rules may answer the same request"
			}
			if originsMeet(earlier.AllowedOrigins, later.AllowedOrigins) && !sameAnswers(earlier, later) {
				return fmt.Sprintf("rules[%d] and rules[%d] may answer the same request", i, j)
			}
		}
	}
	return ""
}

// sameAnswers reports whether two rules differ in nothing but their IDs.
func sameAnswers(a, b cors.Rule) bool {
	a.ID, b.ID = "", ""
	return cors.Equal(cors.Configuration{Rules: []cors.Rule{a}}, cors.Configuration{Rules: []cors.Rule{b}})
}

// originsMeet reports whether some origin may match one of each.
func originsMeet(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return patternsMeet(x, y) })
	})
}

// patternsMeet reports whether some string matches both patterns, each of which
// has at most one "*".
func patternsMeet(a, b string) bool {
	aPrefix, aSuffix, aWild := strings.Cut(a, "*")
	bPrefix, bSuffix, bWild := strings.Cut(b, "*")
	switch {
	case !aWild || !bWild:
		return cors.OriginContains(a, b) || cors.OriginContains(b, a)
	default:
		return (strings.HasPrefix(aPrefix, bPrefix) || strings.HasPrefix(bPrefix, aPrefix)) &&
			(strings.HasSuffix(aSuffix, bSuffix) || strings.HasSuffix(bSuffix, aSuffix))
	}
}
