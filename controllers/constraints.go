// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// denialOf is why a provider does not permit rules on a bucket, as a clause that
// names the rule, its value and the grant; empty when it permits them. Each rule
// has to keep within the constraints of one grant that matches; of a rule that
// keeps within none, those are told that it is closest to. The bucket is not in
// the clause, so that it is the same for all buckets of the same grants.
//
// The rules are such as compile for the dialect of the provider.
func denialOf(provider *s3v1alpha1.BucketProvider, who tenant, bucketName string, rules cors.Configuration) string {
	return denialBy(provider, matchingGrants(provider.Spec.Access, who, bucketName), who, rules)
}

// denialBy is denialOf for all buckets that the same grants match, of which it is
// given the places in spec.access.
func denialBy(provider *s3v1alpha1.BucketProvider, grants []int, who tenant, rules cors.Configuration) string {
	var bounds []bound
	dialect := dialectOf(provider)
	for _, i := range grants {
		grant := provider.Spec.Access[i]
		if grant.Constraints == nil {
			return ""
		}
		bounds = append(bounds, bound{RuleConstraints: grant.Constraints, grant: i, dialect: dialect, noHeadersAreAll: noHeadersAreAll(dialect)})
	}
	if len(bounds) == 0 {
		return fmt.Sprintf("no entry of spec.access of BucketProvider %q grants it to namespace %q", provider.Name, who.namespace)
	}

	var violations []violation
	for i, rule := range rules.Rules {
		violations = append(violations, leastViolations(bounds, i, rule)...)
	}
	if len(violations) == 0 {
		return ""
	}
	remedy := "keep within that"
	if len(bounds) > 1 {
		remedy = "keep each rule within one entry of spec.access"
	}
	return fmt.Sprintf("BucketProvider %q does not permit these rules: %s; %s, or have the provider permit more",
		provider.Name, describeViolations(violations), remedy)
}

// leastViolations are those of the constraints that a rule is closest to, the
// first among equals; none when it keeps within one of them.
func leastViolations(bounds []bound, index int, rule cors.Rule) []violation {
	least := bounds[0].violations(index, rule)
	for _, b := range bounds[1:] {
		if len(least) == 0 {
			break
		}
		if found := b.violations(index, rule); len(found) < len(least) {
			least = found
		}
	}
	return least
}

// bound is the constraints of one grant.
type bound struct {
	*s3v1alpha1.RuleConstraints
	grant   int
	dialect *cors.Dialect
	// noHeadersAreAll is what the function of that name says of the dialect.
	noHeadersAreAll bool
}

// violation is one thing that a rule has and a constraint does not permit.
type violation struct {
	bound
	constraint constraint
	rule       int
	id         string
	// field and index are where the value is; without a field it is in no list.
	field cors.Field
	index int
	value string
	// origin is what makes a method a violation; empty for none.
	origin string
}

// constraint is a field of RuleConstraints.
type constraint struct {
	name, noun string
	permitted  func(*s3v1alpha1.RuleConstraints) []string
	// circumstance is when it counts; empty for always.
	circumstance string
}

// The constraints that there are.
var (
	originConstraint = constraint{name: "allowedOrigins", noun: "origin", permitted: func(c *s3v1alpha1.RuleConstraints) []string {
		return listed(c.AllowedOrigins, cors.Quote)
	}}
	methodConstraint = constraint{name: "allowedMethods", noun: "method", permitted: func(c *s3v1alpha1.RuleConstraints) []string {
		return listed(c.AllowedMethods, unquoted)
	}}
	wildcardMethodConstraint = constraint{name: "wildcardOriginMethods", noun: "method", permitted: func(c *s3v1alpha1.RuleConstraints) []string {
		return listed(c.WildcardOriginMethods, unquoted)
	}, circumstance: ` for origins with a "*"`}
	nullMethodConstraint = constraint{name: wildcardMethodConstraint.name, noun: wildcardMethodConstraint.noun,
		permitted: wildcardMethodConstraint.permitted, circumstance: ` for origins with a "*" and for "null", which any page can send`}
	headerConstraint = constraint{name: "allowedHeaders", noun: "header", permitted: func(c *s3v1alpha1.RuleConstraints) []string {
		return listed(c.AllowedHeaders, cors.Quote)
	}}
)

// violations are what a rule has beyond the bound. A list that is absent bounds
// nothing.
func (b bound) violations(index int, rule cors.Rule) []violation {
	var found []violation
	add := func(v violation) {
		v.bound, v.rule, v.id = b, index, rule.ID
		found = append(found, v)
	}
	for i, origin := range rule.AllowedOrigins {
		if !covered(b.AllowedOrigins, origin, cors.OriginContains) {
			add(violation{constraint: originConstraint, field: cors.FieldAllowedOrigins, index: i, value: cors.Quote(origin)})
		}
	}
	for i, method := range rule.AllowedMethods {
		if !covered(b.AllowedMethods, method, equal) {
			add(violation{constraint: methodConstraint, field: cors.FieldAllowedMethods, index: i, value: method})
		}
	}
	if open := slices.IndexFunc(rule.AllowedOrigins, isOpen); open >= 0 {
		origin, broken := rule.AllowedOrigins[open], wildcardMethodConstraint
		if origin == nullOrigin {
			broken = nullMethodConstraint
		}
		for _, method := range rule.AllowedMethods {
			if !covered(b.WildcardOriginMethods, method, equal) {
				add(violation{constraint: broken, value: method, origin: cors.Quote(origin)})
			}
		}
	}
	for i, header := range rule.AllowedHeaders {
		if !covered(b.AllowedHeaders, header, cors.HeaderContains) {
			add(violation{constraint: headerConstraint, field: cors.FieldAllowedHeaders, index: i, value: cors.Quote(header)})
		}
	}
	if b.noHeadersAreAll && len(rule.AllowedHeaders) == 0 && !covered(b.AllowedHeaders, "*", cors.HeaderContains) {
		add(violation{constraint: headerConstraint})
	}
	return found
}

// covered is whether a constraint permits a value: one of its entries contains
// it, or there are none.
func covered[P ~string](permitted []P, value string, contains func(a, b string) bool) bool {
	return len(permitted) == 0 || slices.ContainsFunc(permitted, func(p P) bool { return contains(string(p), value) })
}

func equal(a, b string) bool { return a == b }

// nullOrigin is what browsers send for sandboxed frames, so that any site can have
// it sent.
const nullOrigin = "null"

// isOpen is whether an origin is that of more sites than it names.
func isOpen(origin string) bool { return strings.Contains(origin, "*") || origin == nullOrigin }

// noHeadersAreAll is whether a rule without allowed headers allows every header,
// as it does on SeaweedFS and not on AWS.
func noHeadersAreAll(dialect *cors.Dialect) bool {
	rules, err := dialect.Compile(cors.Configuration{Rules: []cors.Rule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}}})
	if err != nil {
		return false // and the rules in question are not accepted either
	}
	return rules.Decide(cors.Request{
		Method: "OPTIONS", Origin: "https://app.example.com", RequestMethod: "GET", RequestHeaders: "x-any",
	}).Allowed
}

// describeViolations names the first namedInMessage, those of one constraint
// together, and counts the rest.
func describeViolations(violations []violation) string {
	named := violations[:min(len(violations), namedInMessage)]
	type source struct {
		grant                    int
		constraint, circumstance string
	}
	var order []source
	grouped := map[source][]violation{}
	for _, v := range named {
		from := source{v.grant, v.constraint.name, v.constraint.circumstance}
		if len(grouped[from]) == 0 {
			order = append(order, from)
		}
		grouped[from] = append(grouped[from], v)
	}
	var clauses []string
	for _, from := range order {
		group := grouped[from]
		v := group[0]
		found := make([]string, len(group))
		for i := range group {
			found[i] = group[i].String()
		}
		clauses = append(clauses, fmt.Sprintf("%s, and spec.access[%d].constraints.%s permits only %s%s",
			strings.Join(found, ", "), v.grant, v.constraint.name,
			enumerate(v.constraint.permitted(v.RuleConstraints), ", ", v.constraint.noun), v.constraint.circumstance))
	}
	text := strings.Join(clauses, "; ")
	if rest := len(violations) - len(named); rest > 0 {
		text += "; and " + count(rest, "more violation")
	}
	return text
}

// String is what the rule has, with its place in the manifest.
func (v violation) String() string {
	place := "spec." + cors.Path(v.rule, v.field, -1)
	if v.field != "" {
		place = "spec." + cors.Path(v.rule, v.field, v.index)
	}
	if v.id != "" {
		place += " (rule " + cors.Quote(v.id) + ")"
	}
	switch {
	case v.origin != "":
		return fmt.Sprintf("%s allows %s from %s", place, v.value, v.origin)
	case v.field == "":
		return fmt.Sprintf("%s has no allowedHeaders, which are all headers on %s", place, v.dialect.Name())
	default:
		return place + " is " + v.value
	}
}

// listed are values as a message has them.
func listed[P ~string](values []P, as func(string) string) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = as(string(value))
	}
	return list
}

func unquoted(s string) string { return s }
