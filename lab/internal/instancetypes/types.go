// SPDX-License-Identifier: Apache-2.0

package instancetypes

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Type holds the properties of a type. Those that only DescribeInstanceTypes shows are in
// the words of its answer.
type Type struct {
	VCPUs, Cores  int
	MemoryMB      int // MiB
	Architectures []string
	GHz           string
	Manufacturer  string // of the processor
	Hypervisor    string // nitro, xen, or none
	// Cards holds the maximum of network interfaces of each network card.
	Cards []int
	// IPv4 and IPv6 are the maxima of private IPv4 addresses of an interface, including the
	// primary, and of IPv6 addresses. A delegated prefix counts as one.
	IPv4, IPv6 int
	// TCPTimeout is the idle timeout of tracked TCP connections, in seconds, unless the
	// interface sets its own.
	TCPTimeout     int
	Performance    string // of the network, in AWS's words
	Baseline, Peak string // of a network card, Gbps
	ENA            string
	ENAQueues      int
	EBSOptimized   string
	EBSNVMe        string
	EBSAttachments int
	EBSBaseline    Bandwidth
	EBSMaximum     Bandwidth
	Disks          Disks
	BootModes      []string
	UsageClasses   []string
	Properties     []string
	// Nested is set if a virtual instance of the type can run KVM guests.
	Nested bool
}

// Bandwidth is that of a type to its volumes.
type Bandwidth struct{ Mbps, IOPS int }

// Disks are a type's disks of its own: count, size of each in GB, and words.
type Disks struct {
	Count, SizeGB int
	Words         []string // ssd or hdd, nvme, encrypted
}

// Has reports whether a type has a property, a word of the last column of types.csv.
func (t Type) Has(property string) bool { return slices.Contains(t.Properties, property) }

// text holds facts of AWS's own DescribeInstanceTypes, as published in
// getmoto/moto (moto/ec2/resources/instance_types.json, Apache-2.0, 2 August 2026): all
// types but those with macOS, without their accelerators.
//
//go:embed types.csv
var text string

// All returns the types by name.
func All() map[string]Type { return all() }

var all = sync.OnceValue(func() map[string]Type { return parseTypes(text) })

// Names returns the names of the types, sorted.
func Names() []string { return names() }

var names = sync.OnceValue(func() []string { return slices.Sorted(maps.Keys(all())) })

// parseTypes panics on malformed data: it is embedded.
func parseTypes(text string) map[string]Type {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		panic(err)
	}
	all := map[string]Type{}
	for _, row := range rows[1:] {
		all[row[0]] = parseType(row)
	}
	return all
}

func parseType(row []string) Type {
	t := Type{
		VCPUs: number(row[1]), Cores: number(row[2]), MemoryMB: number(row[3]), Architectures: strings.Fields(row[4]),
		GHz: row[5], Manufacturer: row[6], Hypervisor: row[7], IPv4: number(row[9]), IPv6: number(row[10]),
		TCPTimeout: number(row[11]), Performance: row[12], Baseline: row[13], Peak: row[14], ENA: row[15],
		ENAQueues: number(row[16]), EBSOptimized: row[17], EBSNVMe: row[18], EBSAttachments: number(row[19]),
		EBSBaseline: parseBandwidth(row[20]), EBSMaximum: parseBandwidth(row[21]), Disks: parseDisks(row[22]),
		BootModes: strings.Fields(row[23]), UsageClasses: strings.Fields(row[24]), Properties: strings.Fields(row[25]),
	}
	t.Nested = t.Has("nested-virtualization")
	for card := range strings.SplitSeq(row[8], "+") {
		t.Cards = append(t.Cards, number(card))
	}
	return t
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

// parseBandwidth reads Mbps and IOPS, such as 650/3600.
func parseBandwidth(text string) (b Bandwidth) {
	if text == "" {
		return b
	}
	if _, err := fmt.Sscanf(text, "%d/%d", &b.Mbps, &b.IOPS); err != nil {
		panic(err)
	}
	return b
}

// parseDisks reads count, size and words, such as "2x1900 ssd nvme encrypted".
func parseDisks(text string) (d Disks) {
	if text == "" {
		return d
	}
	size, words, _ := strings.Cut(text, " ")
	if _, err := fmt.Sscanf(size, "%dx%d", &d.Count, &d.SizeGB); err != nil {
		panic(err)
	}
	d.Words = strings.Fields(words)
	return d
}

// ENIs is the number of network interfaces of an instance of the type.
func (t Type) ENIs() int {
	n := 0
	for _, card := range t.Cards {
		n += card
	}
	return n
}

// Addresses is the maximum of addresses of a family on an interface.
func (t Type) Addresses(ipv6 bool) int {
	if ipv6 {
		return t.IPv6
	}
	return t.IPv4
}

// Metal reports whether the type of a name is a machine without a hypervisor.
func Metal(name string) bool { return strings.Contains(name, ".metal") }

// Standard reports whether a type counts against the quota of the Standard families (EC2 User
// Guide, ec2-on-demand-instances, "On-Demand Instance quotas").
func Standard(name string) bool {
	return name != "" && strings.Contains("acdhimrtz", name[:1]) && !special(name)
}

// special reports whether a type has a quota of its own although its name begins like a Standard
// one.
func special(name string) bool {
	for _, prefix := range []string{"dl", "inf", "mac", "trn", "hpc"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
