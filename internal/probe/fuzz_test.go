// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"strings"
	"testing"

	"github.com/bucketcors/bucketcors/internal/cors"
)

// Whatever comes back, the inquiry ends, and says something that fits in a line.
func FuzzAnswers(f *testing.F) {
	f.Add(200, "*", "GET, PUT", "content-type", "", "", "", uint8(0))
	f.Add(403, "", "", "", "<Error><Code>AccessForbidden</Code><Message>CORSResponse: Bucket not found</Message></Error>", "", "MinIO", uint8(1))
	f.Add(301, "", "", "", "<Error><Code>PermanentRedirect</Code><Endpoint>a.s3.eu-west-1.amazonaws.com</Endpoint></Error>", "//\x00x", "", uint8(2))
	f.Add(400, "https://a, https://b", "\x00", ",,", "<Error><Code>\xff\n</Code>", "", "nginx", uint8(3))
	p := compiled(f, cors.AWS, uploads)
	f.Fuzz(func(t *testing.T, status int, origin, methods, headers, body, location, server string, by uint8) {
		if status < 100 || status > 999 {
			t.Skip()
		}
		turn := uint8(0)
		bucket := bucketOf(p)
		at := func(a ask) reply {
			turn++
			if turn%4 < by%4 {
				return bucket(a)
			}
			return newReply(status, header("Access-Control-Allow-Origin", origin, "Access-Control-Allow-Methods", methods,
				"Access-Control-Allow-Headers", headers, "Location", location, "Server", server), []byte(body))
		}
		for _, target := range []Target{{}, {Predicted: p, Former: []*cors.Policy{nil}}, {Predicted: cors.MinIO.NoConfiguration()}} {
			results, asked := inquire(target, at, get, put, byBoss)
			if asked > maxExtra+4 || len(results) == 0 {
				t.Errorf("asked %d times, %d results", asked, len(results))
			}
			for _, r := range results {
				if r.Class == "" || r.Message == "" || len(r.Message) > 4096 || strings.ContainsAny(r.Message+r.Advice, "\n\r\x00\x1b") {
					t.Errorf("%s: %q, %q", r.Class, r.Message, r.Advice)
				}
			}
		}
	})
}
