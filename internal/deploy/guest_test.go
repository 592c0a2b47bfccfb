// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"macaw.example/internal/cloud"
)

// A guest's image is used only if it has the checksum in the cloud file, and nothing of it is left
// on this machine.
func TestGuestChecksum(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/short" { // shorter than its Content-Length
			w.Header().Set("Content-Length", "100")
		}
		fmt.Fprint(w, "image")
	}))
	defer server.Close()
	sum := sha256.Sum256([]byte("image"))
	good, bad := hex.EncodeToString(sum[:]), strings.Repeat("0b", 32)
	for _, tt := range []struct{ name, path, sum, want string }{
		{"right", "/x.img", good, ""},
		{"in capitals", "/x.img", strings.ToUpper(good), ""},
		{"none", "/x.img", "", ""},
		{"another", "/x.img", bad, "x.yaml:3:"},
		{"half a file", "/short", good, "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &Deployment{Home: newHome(t), Progress: &quiet{}}
			text := "name: x\ntarget: lab\nverify: {image: " + server.URL + tt.path
			if tt.sum != "" {
				text += ", sha256: " + tt.sum
			}
			c, err := cloud.Parse("x.yaml", []byte(text+"}\n"))
			if err != nil {
				t.Fatal(err)
			}
			if (notChecked(c) != "") != (tt.sum == "") {
				t.Errorf("it says %q", notChecked(c))
			}
			d.Cloud = c
			r, err := d.openGuest(t.Context())
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want %s", err, tt.want)
				}
				if tt.sum == bad && (!strings.Contains(err.Error(), "verify.sha256: ") || !strings.Contains(err.Error(), good)) {
					t.Errorf("error %v", err)
				}
			} else if b, readErr := io.ReadAll(r); err != nil || readErr != nil || string(b) != "image" {
				t.Errorf("%q, %v, %v", b, err, readErr)
			}
			if left, _ := filepath.Glob(filepath.Join(d.Home.of("x"), "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// The default image has a known checksum.
func TestGuestOfOurs(t *testing.T) {
	for text, known := range map[string]bool{
		"target: lab\n": false, "target: eu-central-1\nmanagement: {allow: [192.0.2.1/32]}\n": true,
	} {
		c, err := cloud.Parse("x.yaml", []byte("name: x\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		if notChecked(c) != "" || (guestSum(c) != "") != known {
			t.Errorf("%s: checksum %q, note %q", text, guestSum(c), notChecked(c))
		}
	}
}

// stuck is a body that blocks until its context ends.
type stuck struct{ ctx context.Context }

func (s stuck) Read([]byte) (int, error) { <-s.ctx.Done(); return 0, s.ctx.Err() }
func (stuck) Close() error               { return nil }

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
func (endless) Close() error               { return nil }

func TestDownloadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		begin := time.Now()
		_, err := io.ReadAll(&flow{body: stuck{ctx}, ctx: ctx, cancel: cancel, left: imageLimit})
		if err == nil || err.Error() != "no data for 25s" || time.Since(begin) != stallLimit {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := io.Copy(io.Discard, &flow{body: endless{}, ctx: ctx, cancel: cancel, left: 1 << 20})
	if err == nil || !strings.Contains(err.Error(), "it is larger than") || errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v", err)
	}
}
