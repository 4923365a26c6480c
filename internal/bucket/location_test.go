// SPDX-License-Identifier: Apache-2.0

package bucket_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/bucket"
)

func TestCredentialsAreShownByNoFormat(t *testing.T) {
	p := bucket.Provider{Name: "p", Credentials: &bucket.Credentials{AccessKeyID: "hidden1", SecretAccessKey: "hidden2", SessionToken: "hidden3"}}
	p.AssumeRole = &bucket.AssumeRole{RoleARN: "arn:aws:iam::111122223333:role/r", ExternalID: "hidden4"}
	inJSON, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(inJSON), fmt.Sprint(p.Credentials, *p.Credentials), fmt.Sprintf("%+v %#v %s %q", *p.Credentials, *p.Credentials, *p.Credentials, *p.Credentials),
		fmt.Sprint(p.AssumeRole, *p.AssumeRole), fmt.Sprintf("%+v %#v %s %q", *p.AssumeRole, *p.AssumeRole, *p.AssumeRole, *p.AssumeRole),
	} {
		if strings.Contains(text, "hidden") {
			t.Error(text)
		}
	}
}
