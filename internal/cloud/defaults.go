// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"net/netip"
	"time"

	"macaw.example/internal/model"
)

// The defaults of a cloud file.
const (
	defaultVPC            = "10.0.0.0/16"
	defaultSubnetBits     = 24
	defaultAddresses      = 4
	defaultNodeType       = "t3.xlarge"
	defaultDisk           = 40 // GiB
	defaultElasticIPQuota = 20
	defaultReleaseAfter   = model.Wait(24 * time.Hour) // longer than a night
	// letsEncrypt is the directory of the best-known ACME authority
	// (https://letsencrypt.org/docs/acme-protocol-updates).
	letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"
	// labOperator is this machine's address on the lab's Internet. As on AWS, a cloud in the lab
	// admits its operator and hardly anybody else.
	labOperator = "198.51.100.1/32"
)

func (d *decoder) defaults(c *Cloud) {
	if !c.VPC.CIDR.IsValid() {
		c.VPC.CIDR = netip.MustParsePrefix(defaultVPC)
	}
	// The first two subnets of the VPC, /24 if it is large enough for two.
	bits := min(max(defaultSubnetBits, c.VPC.CIDR.Bits()+1), 32)
	if !c.Management.Subnet.IsValid() {
		c.Management.Subnet = netip.PrefixFrom(c.VPC.CIDR.Addr(), bits)
	}
	if !c.Provider.Subnet.IsValid() {
		c.Provider.Subnet = netip.PrefixFrom(nth(c.VPC.CIDR, 1<<(32-bits)), bits)
	}
	if !c.Management.Private.IsValid() {
		c.Management.Private = privateDefault(c, bits)
	}
	if !d.has("management.allow") && c.InLab() {
		c.Management.Allow = []netip.Prefix{netip.MustParsePrefix(labOperator)}
	}
	if acme := &c.Management.TLS.ACME; d.has("management.tls.acme") && !d.has("management.tls.acme.directory") {
		acme.Directory = letsEncrypt
	}
	if !d.has("provider.addresses") {
		c.Provider.Addresses = defaultAddresses
	}
	if !d.has("provider.elasticIPs") {
		c.Provider.ElasticIPs = model.ElasticIPsAll
	}
	if !d.has("provider.releaseAfter") {
		c.Provider.ReleaseAfter = defaultReleaseAfter
	}
	if !c.Provider.First.IsValid() {
		c.Provider.First = defaultFirst(c.Provider.Subnet, c.Provider.Addresses)
	}
	d.nodeDefaults()
	c.Lab.QuotaGiven = d.has("lab.elasticIPQuota")
	if !c.Lab.QuotaGiven && c.InLab() {
		c.Lab.ElasticIPQuota = defaultElasticIPQuota
	}
}
