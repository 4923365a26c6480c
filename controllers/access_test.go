// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

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
