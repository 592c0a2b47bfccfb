// Package gateway is the agent of a gateway node: it keeps the translation
// attached, and equal to what Neutron has given out.
package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"macaw/internal/neutron"
	"macaw/internal/translate"
)

// Where the agent's files are, unless its configuration says otherwise.
const (
	DefaultConfigFile = "/etc/macaw/gateway.json"
	DefaultStateFile  = "/var/lib/macaw/translation.json"
)

// Config is the agent's configuration, /etc/macaw/gateway.json.
type Config struct {
	Cloud       string        `json:"cloud"`       // name, for people
	NICMAC      translate.MAC `json:"nic_mac"`     // the provider NIC's, as AWS gave it
	Primary     netip.Addr    `json:"primary"`     // the provider ENI's primary address
	Subnet      netip.Prefix  `json:"subnet"`      // the provider subnet
	Registered  []netip.Addr  `json:"registered"`  // the ENI's addresses that Neutron may use; no others are ever translated
	Network     string        `json:"network"`     // name of Neutron's external network
	Pair        []string      `json:"pair"`        // veth pair, the host's end first; empty: mcw0, mcw1
	PinDir      string        `json:"pin_dir"`     // empty: as package translate says
	State       string        `json:"state"`       // the last known map; empty: DefaultStateFile
	AuthFile    string        `json:"auth_file"`   // JSON file with the credentials; or
	Auth        *neutron.Auth `json:"auth"`        // the credentials themselves
	Distributed bool          `json:"distributed"` // floating IPs are distributed, see neutron.Provider
}

// LoadConfig reads and checks a configuration. A file with credentials that
// others may read is refused.
func LoadConfig(path string) (Config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading gateway configuration: %w", err)
	}
	var c Config
	if err := unmarshalStrict(raw, &c); err != nil {
		return Config{}, fmt.Errorf("reading gateway configuration %s: %w", path, err)
	}
	if c.State == "" {
		c.State = DefaultStateFile
	}
	if err := c.validate(); err != nil {
		return Config{}, fmt.Errorf("reading gateway configuration %s: %w", path, err)
	}
	if c.Auth != nil {
		if err := private(path); err != nil {
			return Config{}, err
		}
	}
	return c, nil
}

func (c Config) validate() error {
	var errs []error
	if c.NICMAC == (translate.MAC{}) {
		errs = append(errs, errors.New("nic_mac is missing"))
	}
	if c.Network == "" {
		errs = append(errs, errors.New("network is missing"))
	}
	if !c.Subnet.IsValid() {
		errs = append(errs, errors.New("subnet is missing"))
	}
	if !c.Subnet.Contains(c.Primary) {
		errs = append(errs, fmt.Errorf("primary address %s is not in subnet %s", c.Primary, c.Subnet))
	}
	for _, addr := range c.Registered {
		if addr.Is4() && !c.Subnet.Contains(addr) {
			errs = append(errs, fmt.Errorf("registered address %s is not in subnet %s", addr, c.Subnet))
		}
	}
	if n := len(c.Pair); n != 0 && n != 2 {
		errs = append(errs, fmt.Errorf("pair has %d names, not 2", n))
	}
	if (c.AuthFile == "") == (c.Auth == nil) {
		errs = append(errs, errors.New("one of auth_file and auth must be there"))
	}
	return errors.Join(errs...)
}

// auth returns the credentials, read anew each time: they may be rotated.
func (c Config) auth() (neutron.Auth, error) {
	if c.Auth != nil {
		return *c.Auth, nil
	}
	if err := private(c.AuthFile); err != nil {
		return neutron.Auth{}, err
	}
	raw, err := os.ReadFile(c.AuthFile)
	if err != nil {
		return neutron.Auth{}, fmt.Errorf("reading credentials: %w", err)
	}
	var a neutron.Auth
	if err := unmarshalStrict(raw, &a); err != nil {
		return neutron.Auth{}, fmt.Errorf("reading credentials %s: %w", c.AuthFile, err)
	}
	return a, nil
}

// translation returns what package translate is to attach to a NIC.
func (c Config) translation(nic string) translate.Config {
	t := translate.Config{NIC: nic, Near: c.Subnet, Primary: c.Primary, PinDir: c.PinDir}
	copy(t.Pair[:], c.Pair)
	return t
}

// private returns an error if anyone but the owner may read the file.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at file with credentials: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s holds credentials and has mode %04o, not 0600", path, info.Mode().Perm())
	}
	return nil
}

func unmarshalStrict(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
