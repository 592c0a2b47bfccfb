package namespace

import (
	"crypto/rand"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestNamespace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	name := "mcwt-" + strings.ToLower(rand.Text()[:8])
	t.Cleanup(func() {
		if err := Delete(name); err != nil {
			t.Error(err)
		}
	})
	for range 2 { // the second finds it there
		if err := Add(name); err != nil {
			t.Fatal(err)
		}
	}
	names, err := List("mcwt-")
	if err != nil || !slices.Contains(names, name) {
		t.Errorf("List = %v, %v; want %s in it", names, err, name)
	}
	err = Do(name, func() error {
		links, err := net.Interfaces()
		if err != nil {
			return err
		}
		if len(links) != 1 || links[0].Name != "lo" || links[0].Flags&net.FlagUp == 0 {
			t.Errorf("a new namespace has %v, want its loopback, up", links)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	outside, err := os.ReadFile("/proc/sys/net/ipv4/ip_default_ttl")
	if err != nil {
		t.Fatal(err)
	}
	if err := Sysctl(name, map[string]string{"net/ipv4/ip_default_ttl": "77"}); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile("/proc/sys/net/ipv4/ip_default_ttl"); err != nil || string(after) != string(outside) {
		t.Errorf("a namespace's parameter changed this one's: %q, %v", after, err)
	}
	err = Links(name, func(h *netlink.Handle) error {
		_, err := h.LinkByName("lo")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	if err := Do(name, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("Do returned %v, want what its function did", err)
	}
	for range 2 { // the second finds nothing
		if err := Delete(name); err != nil {
			t.Error(err)
		}
	}
	if err := Do(name, func() error { return nil }); err == nil {
		t.Error("a removed namespace was entered")
	}
}
