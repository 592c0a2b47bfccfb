// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"macaw.example/internal/model"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/smallfile"
	"macaw.example/internal/translate"
)

// The agent's files, unless its configuration says otherwise.
const (
	DefaultConfigFile = "/etc/macaw/agent.json"
	DefaultStateFile  = "/var/lib/macaw/translation.json"
	reportFile        = "/run/macaw/agent.json"
)

// Config is the agent's configuration; [nodeapi.Agent] documents its fields.
type Config nodeapi.Agent

// LoadConfig reads and checks a configuration. It refuses a file with credentials that
// others may read.
func LoadConfig(path string) (Config, error) {
	raw, err := smallfile.Read(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading agent configuration: %w", err)
	}
	c := Config{ReleaseAfter: DefaultReleaseAfter}
	if err := unmarshalStrict(raw, &c); err != nil {
		return Config{}, fmt.Errorf("reading agent configuration %s: %w", path, err)
	}
	if c.State == "" {
		c.State = DefaultStateFile
	}
	if err := c.validate(); err != nil {
		return Config{}, fmt.Errorf("reading agent configuration %s: %w", path, err)
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
	for _, field := range []struct{ name, value string }{
		{"cloud", c.Cloud}, {"node", c.Node}, {"region", c.Region}, {"instance", c.Instance},
		{"instance_type", c.InstanceType}, {"subnet_id", c.SubnetID}, {"network", c.Network},
	} {
		if field.value == "" {
			errs = append(errs, fmt.Errorf("%s is missing", field.name))
		}
	}
	if c.NICMAC == (model.MAC{}) {
		errs = append(errs, errors.New("nic_mac is missing"))
	}
	if !slices.Contains(model.ElasticIPPolicies(), c.Policy) {
		errs = append(errs, fmt.Errorf("policy %q is none of all, on-demand, pool, none", c.Policy))
	}
	if len(c.Range) == 0 {
		errs = append(errs, errors.New("range is missing"))
	}
	if !slices.Contains(c.Gateways, c.Node) {
		errs = append(errs, fmt.Errorf("node %q is not among the gateways", c.Node))
	}
	if !c.Subnet.IsValid() {
		errs = append(errs, errors.New("subnet is missing"))
	}
	if !c.Subnet.Contains(c.Primary) {
		errs = append(errs, fmt.Errorf("primary address %s is not in subnet %s", c.Primary, c.Subnet))
	}
	for _, p := range c.Range {
		if p.Addr().Is4() && !(c.Subnet.Contains(p.Addr()) && c.Subnet.Bits() <= p.Bits()) {
			errs = append(errs, fmt.Errorf("range %s is not in subnet %s", p, c.Subnet))
		}
	}
	if n := len(c.Pair); n != 0 && n != 2 {
		errs = append(errs, fmt.Errorf("pair has %d names, not 2", n))
	}
	if (c.AuthFile == "") == (c.Auth == nil) {
		errs = append(errs, errors.New("one of auth_file and auth must be set"))
	}
	return errors.Join(errs...)
}

// auth returns the credentials. It reads them each time, since they may be rotated.
func (c Config) auth() (neutron.Auth, error) {
	if c.Auth != nil {
		return *c.Auth, nil
	}
	if err := private(c.AuthFile); err != nil {
		return neutron.Auth{}, err
	}
	raw, err := smallfile.Read(c.AuthFile)
	if err != nil {
		return neutron.Auth{}, fmt.Errorf("reading Neutron credentials: %w", err)
	}
	var a neutron.Auth
	if err := unmarshalStrict(raw, &a); err != nil {
		return neutron.Auth{}, fmt.Errorf("reading Neutron credentials %s: %w", c.AuthFile, err)
	}
	return a, nil
}

// inRange tells whether an address is one that Neutron may allocate.
func (c Config) inRange(a netip.Addr) bool {
	return slices.ContainsFunc(c.Range, func(p netip.Prefix) bool { return p.Contains(a) })
}

// translation returns the configuration of the translation on NICs.
func (c Config) translation(nics []translate.NIC) translate.Config {
	t := translate.Config{
		NICs: nics, Subnet: c.Subnet, Range: c.Range, VPC: append(slices.Clone(c.VPC), c.Subnet), PinDir: c.PinDir,
	}
	copy(t.Pair[:], c.Pair)
	return t
}

// private returns an error if anyone but the owner may read the file.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("checking the mode of the credentials file: %w", err)
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
