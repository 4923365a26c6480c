// SPDX-License-Identifier: Apache-2.0

package document

import (
	"reflect"
	"slices"
	"strings"

	"github.com/bucketcors/bucketcors/api/v1alpha1"
	"github.com/bucketcors/bucketcors/internal/cors"
)

// policyKind is the kind of the manifests that are read.
const policyKind = "BucketCORSPolicy"

// policies reads the policies in a manifest, which is one or a list of some,
// and counts the kinds of everything else.
func (s *stream) policies(n *node, others map[string]int, depth int) ([]*Document, error) {
	kind, apiVersion := n.getString("kind"), n.getString("apiVersion")
	served := v1alpha1.SchemeGroupVersion.String()
	group, _, _ := strings.Cut(apiVersion, "/")
	if kind == "" && group == v1alpha1.SchemeGroupVersion.Group {
		return nil, s.problem(n.start, "the manifest has no kind; want kind: %s", policyKind)
	}
	if items := n.get("items"); strings.HasSuffix(kind, "List") && items != nil && items.kind == list {
		return s.policyItems(items, others, depth)
	}
	if !strings.EqualFold(kind, policyKind) {
		others[clip(kind)]++
		return nil, nil
	}
	switch at := n.get("apiVersion"); {
	case kind != policyKind:
		return nil, s.problem(n.get("kind").start, "unknown kind %s; did you mean %q?", cors.Quote(kind), policyKind)
	case at == nil:
		return nil, s.problem(n.start, "the manifest has no apiVersion; want apiVersion: %s", served)
	case apiVersion != served:
		return nil, s.problem(at.start, "apiVersion: %s is not served for a %s; want %s", cors.Quote(at.text), policyKind, served)
	}
	d := decoder{stream: s}
	policy := &v1alpha1.BucketCORSPolicy{}
	if err := d.into(n, reflect.ValueOf(policy).Elem(), wholeManifest); err != nil {
		return nil, err
	}
	rules, at, err := s.find(n, "spec", "rules")
	if err != nil {
		return nil, err
	}
	if rules == nil || rules.isNull() {
		return nil, s.problem(at.start, "the policy has no spec.rules; want a list of rules")
	}
	document := &Document{
		Format:        Policy,
		Name:          policyName(policy),
		Configuration: configurationOf(policy.Spec.Rules),
		Policy:        policy,
	}
	return []*Document{document}, s.collect(document, n, rules, policyNames)
}

// policyItems reads the policies in the items of a list.
func (s *stream) policyItems(items *node, others map[string]int, depth int) ([]*Document, error) {
	const mostLists = 10 // one inside of another
	if depth == mostLists {
		return nil, s.problem(items.start, "more than %d lists, one inside of another", mostLists)
	}
	var documents []*Document
	for _, item := range items.items {
		if err := s.spend(item); err != nil {
			return nil, err
		}
		if item.kind != mapping {
			return nil, s.problem(item.start, "items: want a mapping, not %s", item.describe())
		}
		found, err := s.policies(item, others, depth+1)
		if err != nil {
			return nil, err
		}
		documents = append(documents, found...)
	}
	if len(items.items) == 0 {
		others["List without items"]++
	}
	return documents, nil
}

// find is the value at the end of a path of keys, and the nearest key or value
// on the way there.
func (s *stream) find(n *node, path ...string) (found, nearest *node, err error) {
	nearest = n
	for _, key := range path {
		if n == nil || n.kind != mapping {
			return nil, nearest, nil
		}
		entries, err := s.entries(n)
		if err != nil {
			return nil, nil, err
		}
		i := slices.IndexFunc(entries, func(e entry) bool { return e.key.text == key })
		if i < 0 {
			return nil, nearest, nil
		}
		n, nearest = entries[i].value, entries[i].key
	}
	return n, nearest, nil
}

func policyName(p *v1alpha1.BucketCORSPolicy) string {
	if p.Namespace != "" {
		return p.Namespace + "/" + p.Name
	}
	return p.Name
}

// configurationOf is what the operator makes of the rules of a policy.
func configurationOf(rules []v1alpha1.CORSRule) cors.Configuration {
	c := cors.Configuration{Rules: make([]cors.Rule, 0, len(rules))}
	for _, r := range rules {
		c.Rules = append(c.Rules, cors.Rule{
			ID:             r.ID,
			AllowedOrigins: plainStrings(r.AllowedOrigins),
			AllowedMethods: plainStrings(r.AllowedMethods),
			AllowedHeaders: plainStrings(r.AllowedHeaders),
			ExposeHeaders:  plainStrings(r.ExposeHeaders),
			MaxAgeSeconds:  r.MaxAgeSeconds,
		})
	}
	return c
}

func plainStrings[S ~string](values []S) []string {
	if values == nil {
		return nil
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return texts
}

// policyNames are the fields of a rule by their names in a manifest.
var policyNames = map[string]cors.Field{
	"id":             cors.FieldID,
	"allowedOrigins": cors.FieldAllowedOrigins,
	"allowedMethods": cors.FieldAllowedMethods,
	"allowedHeaders": cors.FieldAllowedHeaders,
	"exposeHeaders":  cors.FieldExposeHeaders,
	"maxAgeSeconds":  cors.FieldMaxAgeSeconds,
}

// collect keeps the places of the rules and everything in them, by cors.Path.
func (s *stream) collect(d *Document, root, rules *node, names map[string]cors.Field) error {
	d.spans = map[string]span{"": root.span, cors.Path(-1, "", -1): rules.span}
	d.source, d.root = s, root
	d.nodes, d.keys = map[string]*node{}, map[string]*node{}
	for i, rule := range rules.items {
		d.spans[cors.Path(i, "", -1)] = rule.span
		entries, err := s.entries(rule)
		if err != nil {
			return err
		}
		for _, e := range entries {
			field, known := names[e.key.text]
			if !known {
				continue
			}
			path := cors.Path(i, field, -1)
			d.spans[path] = e.value.span
			if e.value.kind == scalar {
				continue
			}
			if e.key.start < e.value.end && e.key.end <= e.value.start {
				d.spans[path] = span{e.key.start, e.value.end} // no alias
			}
			d.nodes[path], d.keys[path] = e.value, e.key
			for j, item := range e.value.items {
				if err := s.spend(item); err != nil {
					return err
				}
				path := cors.Path(i, field, j)
				d.spans[path] = span{item.body, item.end}
				d.nodes[path] = item
			}
		}
	}
	return nil
}
