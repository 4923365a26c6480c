// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// TestInARealBrowser is what all of the product is for: scripts on pages of other
// origins get through to a bucket, or do not. It starts one browser.
func TestInARealBrowser(t *testing.T) {
	t.Parallel()
	program := findBrowser(t)
	pages := servePages(t)
	b := startBrowser(t, program, pages)
	t.Run("a web app works while its policy is in force, and only then", func(t *testing.T) {
		t.Parallel()
		testWebApp(t, b)
	})
	t.Run("what a browser does is what the evaluator says", func(t *testing.T) {
		t.Parallel()
		testMatrix(t, b)
	})
	t.Run("what a browser accepts is what the evaluator says", func(t *testing.T) {
		t.Parallel()
		testAnswers(t, b)
	})
	t.Run("what a browser complains of is explained in its own words", func(t *testing.T) {
		t.Parallel()
		testConsole(t, b)
	})
}

// findBrowser is the path of Chromium or Chrome. Where there is none the test is
// skipped, except in CI.
func findBrowser(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("CHROME_PATH"); path != "" {
		program, err := exec.LookPath(path)
		if err != nil {
			t.Fatalf("CHROME_PATH does not name a browser: %v", err)
		}
		return program
	}
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	for _, name := range names {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	missing := fmt.Sprintf("THERE IS NO BROWSER: none of %s is in the PATH, and CHROME_PATH is not set. "+
		"Install Chromium (on Debian: apt-get install chromium)", strings.Join(names, ", "))
	if os.Getenv("CI") == "true" {
		t.Fatal(missing + "; in CI this test is required")
	}
	t.Skip(missing + "; NOTHING IS TESTED HERE WITHOUT IT")
	return ""
}

// chromium is a headless browser that reaches nothing but loopback.
type chromium struct {
	ctx   context.Context
	pages *pages
}

// startBrowser starts a browser that ends with the test. It is spoken to through a
// pipe, and listens nowhere.
func startBrowser(t *testing.T, program string, p *pages) *chromium {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.DisableGPU,
		// The certificate of the pages is that of net/http/httptest.
		chromedp.IgnoreCertErrors,
		chromedp.Flag("host-resolver-rules", p.resolverRules()),
		chromedp.Flag("disable-component-update", true),
		// A page is opened by the scheme that the test asks for.
		chromedp.Flag("disable-features", "Translate,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to start as root otherwise
	}
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(stop) // and wait until it has ended
	ctx, closeBrowser := chromedp.NewContext(allocator, chromedp.WithLogf(t.Logf), chromedp.WithErrorf(t.Logf))
	t.Cleanup(closeBrowser)
	version, err := chromedp.Run(ctx, chromedp.Evaluate[string]("navigator.userAgent"))
	if err != nil {
		t.Fatalf("%s does not start: %v", program, err)
	}
	t.Logf("%s: %s", program, version)
	return &chromium{ctx: ctx, pages: p}
}

// tab is an open page. It shares nothing with other tabs: no cache, no answer to a
// preflight, no cookie.
type tab struct {
	*testing.T
	ctx context.Context
}

// open opens the page of the web app at an origin, for the rest of the test.
func (b *chromium) open(t *testing.T, origin string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of its first use
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}); err != nil {
		t.Fatal(err)
	}
	limited, done := context.WithTimeout(ctx, soon)
	defer done()
	if err := chromedp.Do(limited, chromedp.Navigate(origin+"/")); err != nil {
		t.Fatalf("opening the page of %s: %v", origin, err)
	}
	page := &tab{T: t, ctx: ctx}
	if got := call[string](page, "(() => location.origin)"); got != origin {
		t.Fatalf("the page of %s has the origin %s", origin, got)
	}
	return page
}

// call calls a function of the page and waits for its promise.
func call[T any](page *tab, function string, arguments ...any) T {
	page.Helper()
	encoded := make([]string, len(arguments))
	for i, argument := range arguments {
		text, err := json.Marshal(argument)
		if err != nil {
			page.Fatal(err)
		}
		encoded[i] = string(text)
	}
	ctx, cancel := context.WithTimeout(page.ctx, 2*soon)
	defer cancel()
	expression := function + "(" + strings.Join(encoded, ", ") + ")"
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		page.Fatalf("%.300s: %v", expression, err)
	}
	return result
}
