// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/base64"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var screenshots = flag.String(
	"screenshots",
	"",
	"put the browser's screenshots into this directory, as documentation has them",
)

// newBrowser starts Chromium with a fresh profile that trusts the cloud's authority, as a user's does
// after importing it.
func newBrowser(t *testing.T, e env) context.Context {
	t.Helper()
	home := t.TempDir()
	db := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(db, 0o700); err != nil {
		t.Fatal(err)
	}
	must(t, "certutil", "-N", "-d", "sql:"+db, "--empty-password")
	must(t, "certutil", "-A", "-d", "sql:"+db, "-n", "cloud", "-t", "C,,", "-i", e.CACert)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // it refuses to run as root with one
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.UserDataDir(filepath.Join(home, "profile")),
		chromedp.Env("HOME="+home), chromedp.WindowSize(1280, 900))
	ctx, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	ctx, end = chromedp.NewContext(ctx)
	t.Cleanup(end)
	// The browser runs as long as the context of its first use.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// picture keeps what the browser shows, if the test has failed or screenshots are wanted.
func picture(t *testing.T, browser context.Context, name string) {
	t.Helper()
	dir := *screenshots
	if dir == "" {
		if !t.Failed() {
			return
		}
		dir = os.TempDir()
	}
	png, err := chromedp.Run(browser, chromedp.CaptureScreenshot())
	if err != nil {
		t.Error(err)
		return
	}
	path := filepath.Join(dir, name+".png")
	if err := os.WriteFile(path, png, 0o644); err != nil {
		t.Error(err)
		return
	}
	t.Logf("the browser shows %s", path)
}

// console is the canvas on which noVNC draws the guest's screen, inside the dashboard's page.
const console = `document.querySelector("iframe#console_embed").contentDocument.querySelector("canvas")`

// testConsole logs in to the dashboard, opens a guest's console and reads the login prompt there.
func testConsole(t *testing.T, file string, g guest) {
	e := envOf(t, file)
	browser := newBrowser(t, e)
	id := strings.TrimSpace(must(t, "openstack", "server", "show", g.name, "-f", "value", "-c", "id"))
	for _, step := range []struct {
		what string
		do   []chromedp.Action[chromedp.Void]
	}{
		{"the login page", []chromedp.Action[chromedp.Void]{
			chromedp.Navigate(e.Dashboard), chromedp.WaitVisible("#id_password"),
		}},
		{"the login", []chromedp.Action[chromedp.Void]{
			chromedp.SendKeys("#id_username", "admin"), chromedp.SendKeys("#id_password", adminPassword(t)),
			chromedp.Submit("#id_password"), chromedp.WaitVisible("h1"),
		}},
		{"the guest's console", []chromedp.Action[chromedp.Void]{
			chromedp.Navigate(e.Dashboard + "horizon/project/instances/" + id + "/?tab=instance_details__console"),
		}},
	} {
		limited, end := context.WithTimeout(browser, time.Minute)
		err := chromedp.Do(limited, step.do...)
		end()
		if err != nil {
			t.Errorf("waiting for %s: %v", step.what, err)
			picture(t, browser, "dashboard")
			return
		}
	}
	var text string
	deadline := time.Now().Add(90 * time.Second)
	for !strings.Contains(text, "login:") {
		if time.Now().After(deadline) {
			t.Errorf("the console shows no login prompt, but:\n%s", text)
			break
		}
		time.Sleep(time.Second)
		url, err := chromedp.Run(browser,
			chromedp.Evaluate[string](`(() => { try { return `+console+`.toDataURL() } catch { return "" } })()`))
		if err != nil {
			t.Errorf("reading the console: %v", err)
			break
		}
		png, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(url, "data:image/png;base64,"))
		if err != nil || len(png) == 0 {
			continue // not drawn yet
		}
		text = read(t, png)
	}
	picture(t, browser, "console")
}

// read returns the text in a picture of a screen.
func read(t *testing.T, png []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "screen.png")
	if err := os.WriteFile(path, png, 0o600); err != nil {
		t.Fatal(err)
	}
	// Larger and black on white: letters of 8 by 16 pixels are less than it was trained with.
	must(t, "convert", path, "-negate", "-filter", "point", "-resize", "300%", path)
	return must(t, "tesseract", path, "-", "--psm", "6")
}
