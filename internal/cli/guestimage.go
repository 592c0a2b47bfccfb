package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"macaw/internal/cloud"
	"macaw/internal/guest"
	"macaw/internal/lab"
	"macaw/internal/verify"
)

// defaultGuest is the guest's image on AWS unless the cloud file names one:
// small, and made for clouds without much memory.
const defaultGuest = "https://download.cirros-cloud.net/0.6.3/cirros-0.6.3-x86_64-disk.img"

// guestURL is where the guest's image comes from; empty for Macaw's own.
func guestURL(c *cloud.Cloud) string {
	if c.Verify.Image == "" && !c.InLab() {
		return defaultGuest
	}
	return c.Verify.Image
}

// guestImage is the name that the guest's image has in the cloud.
func guestImage(c *cloud.Cloud) string {
	if url := guestURL(c); url != "" {
		base := filepath.Base(url)
		return strings.TrimSuffix(base, filepath.Ext(base))
	}
	return "tiny"
}

// guestUser is who logs in to the guest: images for clouds have an account of
// their distribution's name.
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

// guestFlavor is the name of a flavor that the guest fits in.
func guestFlavor(c *cloud.Cloud) string {
	if url := guestURL(c); url == "" || strings.Contains(url, "cirros") {
		return "m1.nano"
	}
	return "m1.small"
}

// provideGuest puts an image of a guest into the cloud, for verification and
// for people's first steps.
func (a *App) provideGuest(ctx context.Context, s *site, acc access, steps *Steps) error {
	parts, err := a.guestParts(ctx, s.cloud, steps)
	if err != nil {
		return err
	}
	return steps.Do("openstack", "image "+guestImage(s.cloud), func() error {
		_, err := verify.EnsureImage(ctx, acc.Auth, guestImage(s.cloud), parts)
		return err
	})
}

func (a *App) guestParts(ctx context.Context, c *cloud.Cloud, steps *Steps) ([]verify.Part, error) {
	if url := guestURL(c); url != "" {
		return []verify.Part{{Format: "qcow2", Open: func(ctx context.Context) (io.ReadCloser, error) { return fetch(ctx, url) }}}, nil
	}
	opts, err := labOptions()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(lab.Dir, "guest", opts.Recipe.Key()+"-"+guest.Key())
	files := guest.FilesIn(dir)
	if _, err := os.Stat(files.Disk); err != nil {
		err := steps.Do("guest", "build from Debian's kernel, busybox and dropbear", func() error {
			_, err := guest.Build(ctx, guest.DebsIn(lab.Apart(opts.Recipe)), dir)
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

// fetch downloads an image; it goes straight on to Glance.
func fetch(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, hint(fmt.Errorf("downloading %s: %s", url, resp.Status), "verify.image in the cloud file names another image")
	}
	return resp.Body, nil
}
