// SPDX-License-Identifier: Apache-2.0

package document

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// naming is how a format names an object.
type naming struct {
	// what is named, for messages.
	what string
	// allowed reports whether a name can stay as it is.
	allowed func(string) bool
	// join makes a name of words, which are of ASCII letters and digits.
	join func(words []string) string
}

var (
	policyNaming = naming{
		what:    "a policy",
		allowed: func(s string) bool { return len(validation.IsDNS1123Subdomain(s)) == 0 },
		join:    func(words []string) string { return strings.ToLower(strings.Join(words, "-")) },
	}
	terraformNaming = naming{
		what:    "a resource of Terraform",
		allowed: isTerraformName,
		join: func(words []string) string {
			name := strings.ToLower(strings.Join(words, "_"))
			if isDigit(rune(name[0])) {
				return "cors_" + name
			}
			return name
		},
	}
	cloudFormationNaming = naming{
		what:    "a resource of CloudFormation",
		allowed: func(s string) bool { return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, isNotAlphanumeric) },
		join: func(words []string) string {
			var b strings.Builder
			for _, w := range words {
				b.WriteString(strings.ToUpper(w[:1]) + w[1:])
			}
			return b.String()
		},
	}
)

// name is the name of the object that m asks for: what is given if it is
// allowed, and else one of the words in it. The namespace before a slash and the
// type of a resource of Terraform are no part of it.
func (n naming) name(m Metadata) (string, error) {
	given := m.Name
	if given == "" {
		given = m.Bucket
	}
	if given == "" {
		given = "cors"
	}
	short := given[strings.LastIndexByte(given, '/')+1:]
	for _, resource := range []string{terraformResource, terraformBucket} {
		short = strings.TrimPrefix(short, resource+".")
	}
	if n.allowed(short) {
		return short, nil
	}
	words := wordsOf(short)
	if len(words) == 0 {
		return "", fmt.Errorf("%s has no letter or digit (of ASCII) to make the name of %s of; give another name", cors.Quote(given), n.what)
	}
	name := n.join(words)
	if !n.allowed(name) {
		return "", fmt.Errorf("%s cannot be made the name of %s; give a shorter one", cors.Quote(given), n.what)
	}
	return name, nil
}

// wordsOf are the runs of ASCII letters and digits in s, which also end where a
// capital letter follows a small one or a digit.
func wordsOf(s string) []string {
	var words []string
	start := -1
	end := func(i int) {
		if start >= 0 {
			words = append(words, s[start:i])
		}
		start = -1
	}
	previous := utf8.RuneError
	for i, r := range s {
		switch {
		case isNotAlphanumeric(r):
			end(i)
		case start >= 0 && 'A' <= r && r <= 'Z' && !unicode.IsUpper(previous):
			end(i)
			start = i
		case start < 0:
			start = i
		}
		previous = r
	}
	end(len(s))
	return words
}

// isTerraformName reports whether s can be the label of a resource.
func isTerraformName(s string) bool {
	const longest = 255 // no limit of Terraform's, but of sense
	for i, r := range s {
		if !isAlphanumeric(r) && r != '_' && r != '-' || i == 0 && (isDigit(r) || r == '-') {
			return false
		}
	}
	return s != "" && len(s) <= longest
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func isAlphanumeric(r rune) bool {
	return isDigit(r) || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func isNotAlphanumeric(r rune) bool { return !isAlphanumeric(r) }

// PolicyName is the name of a policy for a bucket: its own where that can be the
// name of an object, and one made of it otherwise. Different buckets may get the
// same.
func PolicyName(bucket string) string {
	name, err := policyNaming.name(Metadata{Name: bucket})
	if err == nil {
		return name
	}
	// Too long, as old buckets of AWS can be, or of nothing but dots and underscores.
	hash := sha256.Sum256([]byte(bucket))
	words := wordsOf(bucket)
	if len(words) == 0 {
		words = []string{"bucket"}
	}
	const longest = 200
	name = policyNaming.join(words)
	return strings.TrimRight(name[:min(len(name), longest)], "-") + "-" + hex.EncodeToString(hash[:5])
}
