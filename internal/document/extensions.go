// SPDX-License-Identifier: Apache-2.0

package document

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// checkExtensions checks what OpenAPI has no words for, and the schema says in
// CEL and in the types of its lists.
func (m *manifest) checkExtensions(policy map[string]any) {
	m.checkBuckets(policy)
	m.checkInterval(policy)
	m.checkExpectations(policy)
	m.checkVerification(policy)
}

// itemsOf are the items at a field of a mapping, as many as its schema allows:
// that there are too many is told.
func itemsOf(fields map[string]any, schema *spec.Schema, name string) []any {
	items, _ := fields[name].([]any)
	if most := schema.Properties[name].MaxItems; most != nil {
		items = items[:min(int64(len(items)), *most)]
	}
	return items
}

func (m *manifest) checkBuckets(policy map[string]any) {
	first := map[string]int{}
	for i, item := range itemsOf(policy, specSchema(), "buckets") {
		bucket, _ := item.(map[string]any)
		path := fmt.Sprintf("spec.buckets[%d]", i)
		if name, named := bucket["name"].(string); named {
			if other, seen := first[name]; seen {
				m.add(path+".name", name, fmt.Sprintf("buckets[%d].name %s is that of buckets[%d] as well", i, cors.Quote(name), other),
					"name each bucket once")
			} else {
				first[name] = i
			}
		}
		if region, given := bucket["region"].(string); given && !regionPattern.MatchString(region) {
			m.add(path+".region", region, fmt.Sprintf("buckets[%d].region %s cannot be the name of a region", i, cors.Quote(region)),
				"use letters and digits, with hyphens and underscores between them, as in eu-west-1")
		}
	}
}

// The patterns of the CEL rules of the schema.
var (
	regionPattern   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$`)
	intervalPattern = regexp.MustCompile(`^([0-9]+([.][0-9]+)?(ms|s|m|h))+$`)
	originPattern   = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://([[][0-9a-f:.]+[]]|[a-z0-9._-]+)(:[0-9]{1,5})?$`)
	ownPortPattern  = regexp.MustCompile(`^(http://.*:80|https://.*:443)$`)
	headerPattern   = regexp.MustCompile(`^[A-Za-z0-9!#$%&+.^_|~-]+$`)
)

// checkInterval is the CEL rule of driftCheckInterval.
func (m *manifest) checkInterval(policy map[string]any) {
	const shortest, longest = 10 * time.Second, 8760 * time.Hour
	text, given := policy["driftCheckInterval"].(string)
	if !given {
		return
	}
	interval, err := time.ParseDuration(text)
	if err == nil && intervalPattern.MatchString(text) && interval >= shortest && interval <= longest {
		return
	}
	m.add("spec.driftCheckInterval", text,
		fmt.Sprintf("driftCheckInterval %s is not a duration from 10s to 8760h", cors.Quote(text)), "use one such as 90s, 5m or 1h30m")
}

func (m *manifest) checkExpectations(policy map[string]any) {
	first := map[string]int{}
	for i, item := range itemsOf(policy, specSchema(), "expectations") {
		e, isMapping := item.(map[string]any)
		if !isMapping {
			continue
		}
		field := fmt.Sprintf("expectations[%d]", i)
		path := "spec." + field
		if name, named := e["name"].(string); named {
			if other, seen := first[name]; seen {
				m.add(path+".name", name, fmt.Sprintf("%s.name %s is that of expectations[%d] as well", field, cors.Quote(name), other),
					"give each expectation a name of its own")
			} else {
				first[name] = i
			}
		}
		m.checkPageOrigin(path, e)
		m.checkHeaders(path, e)
		_, hasMethod := e["method"]
		_, hasPreset := e["preset"]
		_, hasExposes := e["exposes"]
		switch {
		case hasMethod && hasPreset:
			m.add(path, "", field+" has both a method and a preset", "keep one of them: a preset has methods of its own")
		case !hasMethod && !hasPreset:
			m.add(path, "", field+" has neither a method nor a preset", "add the method of the request, or the preset of the client")
		}
		if e["outcome"] == "Denied" && hasExposes {
			m.add(path+".exposes", "", field+".exposes has no meaning with the outcome Denied", "remove it: a script that is denied reads nothing")
		}
	}
}

func (m *manifest) checkPageOrigin(path string, e map[string]any) {
	origin, given := e["origin"].(string)
	path += ".origin"
	field := strings.TrimPrefix(path, "spec.")
	switch {
	case !given || origin == "null":
	case !originPattern.MatchString(origin):
		m.add(path, origin, fmt.Sprintf("%s %s is not an origin as a browser sends it", field, cors.Quote(origin)),
			"use one such as https://app.example.com: lower case, other letters as in xn--bcher-kva.example, no path, no slash at the end, no *")
	case ownPortPattern.MatchString(origin):
		port := origin[strings.LastIndexByte(origin, ':'):]
		m.add(path, origin, fmt.Sprintf("%s %s has the port that is the scheme's own, which browsers leave out", field, cors.Quote(origin)),
			"remove "+port)
	}
}

func (m *manifest) checkHeaders(path string, e map[string]any) {
	schema := specSchema().Properties["expectations"].Items.Schema
	for _, list := range []string{"headers", "exposes"} {
		names := itemsOf(e, schema, list)
		m.checkSet(path+"."+list, names)
		for i, item := range names {
			if name, isString := item.(string); isString && name != "" && !headerPattern.MatchString(name) {
				at := fmt.Sprintf("%s.%s[%d]", path, list, i)
				m.add(at, name, fmt.Sprintf("%s %s is not the name of one header", strings.TrimPrefix(at, "spec."), cors.Quote(name)),
					"name each header, without * and without its value")
			}
		}
	}
}

// checkSet checks that no string comes twice in a list.
func (m *manifest) checkSet(path string, items []any) {
	first := map[string]int{}
	for i, item := range items {
		value, isString := item.(string)
		if !isString {
			continue
		}
		if other, seen := first[value]; seen {
			at := fmt.Sprintf("%s[%d]", path, i)
			m.add(at, value, fmt.Sprintf("%s %s is what item %d of the list is", strings.TrimPrefix(at, "spec."), cors.Quote(value), other), "remove it")
			continue
		}
		first[value] = i
	}
}

func (m *manifest) checkVerification(policy map[string]any) {
	verification, _ := policy["verification"].(map[string]any)
	schema := specSchema().Properties["verification"]
	endpoints := itemsOf(verification, &schema, "endpoints")
	m.checkSet("spec.verification.endpoints", endpoints)
	for i, item := range endpoints {
		endpoint, isString := item.(string)
		if !isString || isBaseURL(endpoint) {
			continue
		}
		field := fmt.Sprintf("verification.endpoints[%d]", i)
		m.add("spec."+field, endpoint, fmt.Sprintf("%s %s is not the base URL of a server", field, cors.Quote(endpoint)),
			"use an http or https URL with one host, a port up to 65535 if any, and without user, query or fragment, such as https://cdn.example.com")
	}
}

// isBaseURL is the CEL rule of an endpoint: CEL reads URLs with the same parser.
func isBaseURL(text string) bool {
	u, err := url.ParseRequestURI(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.ContainsAny(text, "?#@* ") {
		return false
	}
	_, err = strconv.ParseUint("0"+u.Port(), 10, 16)
	return err == nil && len(u.Port()) <= 5
}
