// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"macaw.example/internal/cloud"
	"macaw.example/internal/guest"
	"macaw.example/internal/hint"
	"macaw.example/internal/silence"
	"macaw.example/internal/verify"
	"macaw.example/lab"
)

// defaultGuest is the guest's image on AWS unless the cloud file names one: a small image, made for
// clouds with little memory.
const (
	defaultGuest    = "https://download.cirros-cloud.net/0.6.3/cirros-0.6.3-x86_64-disk.img"
	defaultGuestSum = "7d6355852aeb6dbcd191bcda7cd74f1536cfe5cbf8a10495a7283a8396e4b75b"
)

// guestURL is the URL of the guest's image; empty for Macaw's own.
func guestURL(c *cloud.Cloud) string {
	if c.Verify.Image == "" && !c.InLab() {
		return defaultGuest
	}
	return c.Verify.Image
}

// guestSum is the SHA-256 checksum of the file at guestURL; empty if unknown.
func guestSum(c *cloud.Cloud) string {
	if c.Verify.Image == "" && !c.InLab() {
		return defaultGuestSum
	}
	return c.Verify.SHA256
}

// notChecked returns a note if the guest's image is used without a checksum.
func notChecked(c *cloud.Cloud) string {
	if guestURL(c) == "" || guestSum(c) != "" {
		return ""
	}
	return "the guest's image is not checked; verify.sha256 in the cloud file enables that"
}

// noteUnchecked shows that note.
func (d *Deployment) noteUnchecked() {
	if text := notChecked(d.Cloud); text != "" {
		d.Progress.Note(phaseOpenStack, text)
	}
}

// guestImage is the name of the guest's image in the cloud.
func guestImage(c *cloud.Cloud) string {
	if url := guestURL(c); url != "" {
		base := filepath.Base(url)
		return strings.TrimSuffix(base, filepath.Ext(base))
	}
	return "tiny"
}

// guestUser is the guest's login user: cloud images have an account named after their distribution.
func guestUser(c *cloud.Cloud) string {
	url := guestURL(c)
	if url == "" {
		return guest.User
	}
	for _, name := range []string{"cirros", "ubuntu", "fedora", "rocky", "almalinux"} {
		if strings.Contains(strings.ToLower(url), name) {
			return name
		}
	}
	return "debian"
}

// guestFlavor is the name of a flavor with enough room for the guest.
func guestFlavor(c *cloud.Cloud) string {
	if url := guestURL(c); url == "" || strings.Contains(url, "cirros") {
		return "m1.nano"
	}
	return "m1.small"
}

// provideGuest puts a guest image into the cloud, for verification and for users' first steps.
func (d *Deployment) provideGuest(ctx context.Context, acc access) error {
	parts, err := d.guestParts(ctx)
	if err != nil {
		return err
	}
	d.noteUnchecked()
	return d.do(phaseOpenStack, "image "+guestImage(d.Cloud), func() error {
		return d.openStack().EnsureImage(ctx, acc.Auth, guestImage(d.Cloud), parts)
	})
}

func (d *Deployment) guestParts(ctx context.Context) ([]verify.Part, error) {
	if url := guestURL(d.Cloud); url != "" {
		return []verify.Part{{Format: "qcow2", Open: d.openGuest, SHA256: guestSum(d.Cloud)}}, nil
	}
	dir := filepath.Join(lab.Dir, "guest", strings.TrimPrefix(d.Lab.StockImage(), "ami-")+"-"+guest.Key())
	files := guest.FilesIn(dir)
	if _, err := os.Stat(files.Disk); err != nil {
		err := d.do(phaseGuest, "build from Debian's kernel, busybox and dropbear", func() error {
			_, err := guest.Build(ctx, guest.DebsIn(d.Lab.ExtraPackagesDir()), dir)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	open := func(path string) func(context.Context) (io.ReadCloser, error) {
		return func(context.Context) (io.ReadCloser, error) { return os.Open(path) }
	}
	return []verify.Part{
		{Format: "aki", Open: open(files.Kernel)},
		{Format: "ari", Open: open(files.Initrd)},
		{Format: "ami", Open: open(files.Disk)},
	}, nil
}

// openGuest downloads the guest's image: directly to Glance, or first to this machine if it has to
// be checked.
func (d *Deployment) openGuest(ctx context.Context) (io.ReadCloser, error) {
	url, want := guestURL(d.Cloud), guestSum(d.Cloud)
	if want == "" {
		return fetch(ctx, url)
	}
	var f *os.File
	var got string
	err := d.do(phaseOpenStack, "download "+url, func() (err error) {
		f, got, err = download(ctx, url, d.Home.of(d.Cloud.Name))
		return err
	})
	if err != nil || got == want {
		return f, err
	}
	f.Close()
	const advice = "the image has changed, or the checksum is another image's; nothing was uploaded"
	if d.Cloud.Verify.SHA256 == "" {
		return nil, hint.With(fmt.Errorf("%s has the SHA-256 checksum %s, not %s", url, got, want), advice)
	}
	return nil, d.Cloud.Reject("verify.sha256", advice, "%s has the checksum %s", url, got)
}

// download fetches a file into a directory and returns it, with its SHA-256 checksum. The file has
// no name, so it disappears with the process.
func download(ctx context.Context, url, dir string) (*os.File, string, error) {
	body, err := fetch(ctx, url)
	if err != nil {
		return nil, "", err
	}
	defer body.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", err
	}
	f, err := os.CreateTemp(dir, "download-")
	if err != nil {
		return nil, "", err
	}
	sum := sha256.New()
	err = os.Remove(f.Name())
	if err == nil {
		_, err = io.Copy(io.MultiWriter(f, sum), body)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, "", fmt.Errorf("downloading %s: %w", url, err)
	}
	return f, hex.EncodeToString(sum.Sum(nil)), nil
}

const otherImage = "verify.image in the cloud file names another image"

func fetch(ctx context.Context, url string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	resp, err := (&http.Client{Transport: silence.Transport()}).Do(req)
	if err != nil {
		cancel(nil)
		return nil, hint.With(fmt.Errorf("downloading the guest's image: %w", err), otherImage)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		cancel(nil)
		return nil, hint.With(fmt.Errorf("downloading %s: %s", url, resp.Status), otherImage)
	}
	return &flow{body: resp.Body, ctx: ctx, cancel: cancel, left: imageLimit}, nil
}

const (
	// imageLimit is more than any guest image for a trial needs.
	imageLimit = 64 << 30
	// stallLimit is how long a download may make no progress.
	stallLimit = 25 * time.Second
)

// flow is a download that fails when it stalls or exceeds its limit.
type flow struct {
	body   io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	left   int64
}

func (f *flow) Read(p []byte) (int, error) {
	late := time.AfterFunc(stallLimit, func() { f.cancel(fmt.Errorf("no data for %s", stallLimit)) })
	defer late.Stop()
	n, err := f.body.Read(p)
	if f.left -= int64(n); f.left < 0 {
		return 0, fmt.Errorf("it is larger than %d GiB", imageLimit>>30)
	}
	if cause := context.Cause(f.ctx); cause != nil && err != nil && err != io.EOF {
		err = cause
	}
	return n, err
}

func (f *flow) Close() error {
	f.cancel(nil)
	return f.body.Close()
}
