// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The addresses that docs/probe.md has for an S3 server, for a proxy before it that
// does not pass on Origin, and the origin of a stranger, which is never the same.
const (
	pageServer   = "http://127.0.0.1:9000"
	pageProxy    = "http://127.0.0.1:8080"
	pageStranger = "https://cors-probe-0123456789abcdef.invalid"
)

var (
	yamlFence   = regexp.MustCompile("(?s)```yaml\n(.*?\n)```")
	madeUpInAll = regexp.MustCompile(`https://cors-probe-[0-9a-f]+\.invalid`)
)

// TestEveryExampleOfTheProbePagePrintsWhatItSays runs the sessions of the page
// against a real server, with the policy that is on the page. With -update it writes
// the page.
func TestEveryExampleOfTheProbePagePrintsWhatItSays(t *testing.T) {
	path, err := filepath.Abs("../../docs/probe.md")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	policy := string(yamlFence.FindSubmatch(page)[1])
	server := startBucket(t, "team-a-uploads", policy)
	proxy := startStrippingProxy(t, server)
	toReal := strings.NewReplacer(pageServer, server.Endpoint, pageProxy, proxy)
	toPage := strings.NewReplacer(server.Endpoint, pageServer, proxy, pageProxy)
	t.Chdir(filepath.Dir(write(t, "policy.yaml", policy)))
	sessions := 0
	updated := consoleFence.ReplaceAllFunc(page, func(fence []byte) []byte {
		sessions++
		session := string(consoleFence.FindSubmatch(fence)[1])
		got, err := runSession(t, toReal.Replace(session))
		if err != nil {
			t.Errorf("%v in\n%s", err, session)
			return fence
		}
		got = madeUpInAll.ReplaceAllString(toPage.Replace(got), pageStranger)
		if got != session && !*update {
			t.Errorf("the example is\n%s\nand should be\n%s", session, got)
		}
		return []byte("```console\n" + got + "```")
	})
	if sessions == 0 {
		t.Error("the page has no example")
	}
	if *update && !bytes.Equal(updated, page) {
		if err := os.WriteFile(path, updated, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
