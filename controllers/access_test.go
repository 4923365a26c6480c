// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	s3v1alpha1 "github.com/bucketcors/bucketcors/api/v1alpha1"
)

func TestGrantsDecideWhoMayHavePoliciesForABucket(t *testing.T) {
	for name, tt := range map[string]struct {
		grants            []s3v1alpha1.AccessGrant
		namespace, bucket string
		want              bool
	}{
		"without grants everything is denied":              {nil, "team-a", "assets", false},
		"a grant of no namespaces grants nothing":          {[]s3v1alpha1.AccessGrant{{Buckets: []s3v1alpha1.BucketPattern{"*"}}}, "team-a", "assets", false},
		"a grant of no buckets grants nothing":             {[]s3v1alpha1.AccessGrant{{Namespaces: []s3v1alpha1.NamespacePattern{"*"}}}, "team-a", "assets", false},
		"an empty grant grants nothing":                    {[]s3v1alpha1.AccessGrant{{}}, "team-a", "assets", false},
		"exact names match":                                {[]s3v1alpha1.AccessGrant{grant("team-a", "assets")}, "team-a", "assets", true},
		"another namespace does not match":                 {[]s3v1alpha1.AccessGrant{grant("team-a", "assets")}, "team-b", "assets", false},
		"another bucket does not match":                    {[]s3v1alpha1.AccessGrant{grant("team-a", "assets")}, "team-a", "logs", false},
		"a name is not a prefix":                           {[]s3v1alpha1.AccessGrant{grant("team-a", "assets")}, "team-ab", "assets", false},
		"a name is not a suffix":                           {[]s3v1alpha1.AccessGrant{grant("team-a", "assets")}, "team-a", "my-assets", false},
		"the case of buckets counts":                       {[]s3v1alpha1.AccessGrant{grant("team-a", "assets")}, "team-a", "Assets", false},
		"the halves of two grants open nothing":            {[]s3v1alpha1.AccessGrant{grant("team-a", "assets"), grant("team-b", "logs")}, "team-a", "logs", false},
		"the second of two grants is enough":               {[]s3v1alpha1.AccessGrant{grant("team-b", "assets"), grant("team-a", "assets")}, "team-a", "assets", true},
		"any pair of one grant's lists matches":            {[]s3v1alpha1.AccessGrant{grant("team-x,team-a", "logs,assets")}, "team-a", "assets", true},
		"a star alone matches everything":                  {[]s3v1alpha1.AccessGrant{grant("*", "*")}, "kube-system", "Old_Bucket.v1", true},
		"a star for namespaces only":                       {[]s3v1alpha1.AccessGrant{grant("*", "assets")}, "anyone", "logs", false},
		"a star at the end":                                {[]s3v1alpha1.AccessGrant{grant("team-a-*", "team-a-*")}, "team-a-dev", "team-a-assets", true},
		"a star at the end still needs its prefix":         {[]s3v1alpha1.AccessGrant{grant("team-a-*", "*")}, "team-a", "assets", false},
		"a star stands for nothing too":                    {[]s3v1alpha1.AccessGrant{grant("team-a*", "assets*")}, "team-a", "assets", true},
		"a star at the beginning":                          {[]s3v1alpha1.AccessGrant{grant("*-prod", "*.example.com")}, "team-a-prod", "static.www.example.com", true},
		"a star at the beginning still needs its suffix":   {[]s3v1alpha1.AccessGrant{grant("*", "*.example.com")}, "team-a", "static.example.org", false},
		"a star in the middle":                             {[]s3v1alpha1.AccessGrant{grant("team-*-prod", "*")}, "team-a-prod", "assets", true},
		"prefix and suffix do not share characters":        {[]s3v1alpha1.AccessGrant{grant("*", "ab*ba")}, "team-a", "aba", false},
		"several stars":                                    {[]s3v1alpha1.AccessGrant{grant("*", "*-a-*-b*")}, "team-a", "x-a-y-b", true},
		"two stars in a row":                               {[]s3v1alpha1.AccessGrant{grant("**", "a**z")}, "team-a", "a-to-z", true},
		"several stars in the wrong order":                 {[]s3v1alpha1.AccessGrant{grant("*", "*-b-*-a*")}, "team-a", "x-a-y-b", false},
		"dots are no wildcards":                            {[]s3v1alpha1.AccessGrant{grant("*", "a.b")}, "team-a", "axb", false},
		"a star matches dots, underscores and upper case":  {[]s3v1alpha1.AccessGrant{grant("*", "a*z")}, "team-a", "a._-Bz", true},
		"a pattern that cannot be read grants nothing":     {[]s3v1alpha1.AccessGrant{grant("*", "[a")}, "team-a", "[a", false},
		"an empty pattern does not match a name":           {[]s3v1alpha1.AccessGrant{{Namespaces: []s3v1alpha1.NamespacePattern{""}, Buckets: []s3v1alpha1.BucketPattern{""}}}, "team-a", "assets", false},
		"a pattern that cannot be read hides no other one": {[]s3v1alpha1.AccessGrant{grant("*", "[a,assets")}, "team-a", "assets", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := granted(tt.grants, tenant{namespace: tt.namespace}, tt.bucket); got != tt.want {
				t.Errorf("granted(%v, %q, %q) = %t", tt.grants, tt.namespace, tt.bucket, got)
			}
		})
	}
}

func TestSelectorsDecideWhoMayHavePoliciesForABucket(t *testing.T) {
	matching := func(key, value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	}
	expression := func(key string, operator metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
	}
	selecting := func(selector *metav1.LabelSelector, namespaces ...s3v1alpha1.NamespacePattern) s3v1alpha1.AccessGrant {
		return s3v1alpha1.AccessGrant{Namespaces: namespaces, NamespaceSelector: selector, Buckets: []s3v1alpha1.BucketPattern{"assets"}}
	}
	everyone := &metav1.LabelSelector{}
	web := map[string]string{"team": "a", "stage": "dev"}

	for name, tt := range map[string]struct {
		grants []s3v1alpha1.AccessGrant
		labels map[string]string // of team-a
		want   bool
	}{
		"a selector alone selects":                          {[]s3v1alpha1.AccessGrant{selecting(matching("team", "a"))}, web, true},
		"a selector alone does not select other labels":     {[]s3v1alpha1.AccessGrant{selecting(matching("team", "b"))}, web, false},
		"a label is not enough without its value":           {[]s3v1alpha1.AccessGrant{selecting(matching("team", ""))}, web, false},
		"all labels of a selector have to match":            {[]s3v1alpha1.AccessGrant{selecting(&metav1.LabelSelector{MatchLabels: map[string]string{"team": "a", "stage": "prod"}})}, web, false},
		"an empty selector selects all":                     {[]s3v1alpha1.AccessGrant{selecting(everyone)}, web, true},
		"an empty selector selects one without labels":      {[]s3v1alpha1.AccessGrant{selecting(everyone)}, map[string]string{}, true},
		"an empty selector selects no unknown namespace":    {[]s3v1alpha1.AccessGrant{selecting(everyone)}, nil, false},
		"what excludes labels selects one without them":     {[]s3v1alpha1.AccessGrant{selecting(expression("team", metav1.LabelSelectorOpDoesNotExist))}, map[string]string{}, true},
		"what excludes labels selects no unknown one":       {[]s3v1alpha1.AccessGrant{selecting(expression("team", metav1.LabelSelectorOpDoesNotExist))}, nil, false},
		"a label selects no unknown namespace":              {[]s3v1alpha1.AccessGrant{selecting(matching("team", "a"))}, nil, false},
		"names need no labels":                              {[]s3v1alpha1.AccessGrant{selecting(nil, "team-a")}, nil, true},
		"one of the values":                                 {[]s3v1alpha1.AccessGrant{selecting(expression("team", metav1.LabelSelectorOpIn, "b", "a"))}, web, true},
		"none of the values":                                {[]s3v1alpha1.AccessGrant{selecting(expression("team", metav1.LabelSelectorOpNotIn, "b", "a"))}, web, false},
		"a label that exists":                               {[]s3v1alpha1.AccessGrant{selecting(expression("stage", metav1.LabelSelectorOpExists))}, web, true},
		"name and selector match":                           {[]s3v1alpha1.AccessGrant{selecting(matching("team", "a"), "team-*")}, web, true},
		"only the name matches":                             {[]s3v1alpha1.AccessGrant{selecting(matching("team", "b"), "team-a")}, web, false},
		"only the selector matches":                         {[]s3v1alpha1.AccessGrant{selecting(matching("team", "a"), "team-b")}, web, false},
		"an empty selector does not widen names":            {[]s3v1alpha1.AccessGrant{selecting(everyone, "team-b")}, web, false},
		"name and selector match, and nobody knows":         {[]s3v1alpha1.AccessGrant{selecting(everyone, "team-a")}, nil, false},
		"the selector of one grant and the name of another": {[]s3v1alpha1.AccessGrant{selecting(matching("team", "a"), "team-b"), selecting(matching("team", "b"), "team-a")}, web, false},
		"a selector does not grant other buckets":           {[]s3v1alpha1.AccessGrant{{NamespaceSelector: everyone, Buckets: []s3v1alpha1.BucketPattern{"logs"}}}, web, false},
		"a selector without buckets grants none":            {[]s3v1alpha1.AccessGrant{{NamespaceSelector: everyone}}, web, false},
		"neither names nor selector":                        {[]s3v1alpha1.AccessGrant{{Buckets: []s3v1alpha1.BucketPattern{"*"}}}, web, false},
		"an operator that is none":                          {[]s3v1alpha1.AccessGrant{selecting(expression("team", "Is", "a"))}, web, false},
		"In without values":                                 {[]s3v1alpha1.AccessGrant{selecting(expression("team", metav1.LabelSelectorOpIn))}, web, false},
		"Exists with values":                                {[]s3v1alpha1.AccessGrant{selecting(expression("team", metav1.LabelSelectorOpExists, "a"))}, web, false},
		"a key that is none":                                {[]s3v1alpha1.AccessGrant{selecting(expression("no key", metav1.LabelSelectorOpDoesNotExist))}, web, false},
		"an invalid selector with a name":                   {[]s3v1alpha1.AccessGrant{selecting(expression("team", "Is", "a"), "team-a")}, web, false},
		"an invalid selector hides no other":                {[]s3v1alpha1.AccessGrant{selecting(expression("team", "Is", "a")), selecting(matching("team", "a"))}, web, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := granted(tt.grants, tenant{namespace: "team-a", labels: tt.labels}, "assets"); got != tt.want {
				t.Errorf("granted is %t", got)
			}
		})
	}
}
