// SPDX-License-Identifier: Apache-2.0

package cors_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
	"github.com/bucketcors/bucketcors/internal/cors/vectors"
)

func dialectOf(t testing.TB, v vectors.Validation) *cors.Dialect {
	t.Helper()
	if v.Dialect == "" {
		return cors.AWS
	}
	d, ok := cors.DialectByName(v.Dialect)
	if !ok {
		t.Fatalf("there is no dialect %s", v.Dialect)
	}
	return d
}

// mistakesOf are the mistakes that err holds.
func mistakesOf(err error) []vectors.Mistake {
	all := []vectors.Mistake{}
	for m := range cors.Mistakes(err) {
		s3 := m.S3()
		v := vectors.Mistake{
			Path: m.Path(), Reason: m.Reason, Text: m.Error(), Status: s3.Status, Code: s3.Code, Message: s3.Message,
		}
		if s3.Code != "" {
			v.Confidence = s3.Confidence.String()
		}
		all = append(all, v)
	}
	return all
}

func TestEveryServerAcceptsWhatItsVectorsSay(t *testing.T) {
	files, err := vectors.ReadAs[vectors.Validation]("testdata/validation")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, v := range file.Vectors {
			t.Run(file.Name+"/"+v.Name, func(t *testing.T) {
				c, err := v.Parse()
				if err != nil {
					t.Fatal(err)
				}
				policy, err := dialectOf(t, v).Compile(c)
				if (policy == nil) != (err != nil) {
					t.Fatalf("Compile = %v, %v", policy, err)
				}
				if got := mistakesOf(fmt.Errorf("wrapped: %w", err)); !slices.Equal(got, v.Mistakes) {
					t.Errorf("source: %s\ngot  %+v\nwant %+v", v.Source, got, v.Mistakes)
				}
			})
		}
	}
}
