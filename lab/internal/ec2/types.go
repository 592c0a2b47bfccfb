// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// instanceType holds the properties of a type. Those that only DescribeInstanceTypes
// shows are in the words of its answer.
type instanceType struct {
	VCPUs, Cores  int
	MemoryMB      int // MiB
	Architectures []string
	GHz           string
	Manufacturer  string // of the processor
	Hypervisor    string // nitro, xen, or none
	// Cards holds the maximum of network interfaces of each network card.
	Cards []int
	// Addresses and Addresses6 are the maxima of private IPv4 addresses of an interface,
	// including the primary, and of IPv6 addresses. A delegated prefix counts as one.
	Addresses, Addresses6 int
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
	EBSBaseline    bandwidth
	EBSMaximum     bandwidth
	Disks          disks
	BootModes      []string
	UsageClasses   []string
	Properties     []string
	// Nested is set if a virtual instance of the type can run KVM guests.
	Nested bool
}

// bandwidth is that of a type to its volumes.
type bandwidth struct{ Mbps, IOPS int }

// disks are a type's disks of its own: count, size of each in GB, and words.
type disks struct {
	Count, SizeGB int
	Words         []string // ssd or hdd, nvme, encrypted
}

func (r instanceType) has(property string) bool { return slices.Contains(r.Properties, property) }

// instancesCSV holds facts of AWS's own DescribeInstanceTypes, as published in
// getmoto/moto (moto/ec2/resources/instance_types.json, Apache-2.0, 2 August 2026): all
// types but those with macOS, without their accelerators.
//
//go:embed instancetypes.csv
var instancesCSV string

// instanceTypes are the types by name.
var instanceTypes = sync.OnceValue(func() map[string]instanceType { return parseTypes(instancesCSV) })

// typeNames are the names of the types, sorted.
var typeNames = sync.OnceValue(func() []string { return sortedKeys(instanceTypes()) })

// parseTypes panics on malformed data: it is embedded.
func parseTypes(text string) map[string]instanceType {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		panic(err)
	}
	all := map[string]instanceType{}
	for _, row := range rows[1:] {
		all[row[0]] = parseType(row)
	}
	return all
}

func parseType(row []string) instanceType {
	t := instanceType{
		VCPUs: number(row[1]), Cores: number(row[2]), MemoryMB: number(row[3]), Architectures: strings.Fields(row[4]),
		GHz: row[5], Manufacturer: row[6], Hypervisor: row[7], Addresses: number(row[9]), Addresses6: number(row[10]),
		TCPTimeout: number(row[11]), Performance: row[12], Baseline: row[13], Peak: row[14], ENA: row[15],
		ENAQueues: number(row[16]), EBSOptimized: row[17], EBSNVMe: row[18], EBSAttachments: number(row[19]),
		EBSBaseline: parseBandwidth(row[20]), EBSMaximum: parseBandwidth(row[21]), Disks: parseDisks(row[22]),
		BootModes: strings.Fields(row[23]), UsageClasses: strings.Fields(row[24]), Properties: strings.Fields(row[25]),
	}
	t.Nested = t.has("nested-virtualization")
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
func parseBandwidth(text string) (b bandwidth) {
	if text == "" {
		return b
	}
	if _, err := fmt.Sscanf(text, "%d/%d", &b.Mbps, &b.IOPS); err != nil {
		panic(err)
	}
	return b
}

// parseDisks reads count, size and words, such as "2x1900 ssd nvme encrypted".
func parseDisks(text string) (d disks) {
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
func (r instanceType) ENIs() int {
	n := 0
	for _, card := range r.Cards {
		n += card
	}
	return n
}

// addresses is the maximum of addresses of a family on an interface.
func (r instanceType) addresses(ipv6 bool) int {
	if ipv6 {
		return r.Addresses6
	}
	return r.Addresses
}

// architecture is that of the lab's images.
const architecture = "x86_64"

func isMetal(name string) bool { return strings.Contains(name, ".metal") }

// fitsImage refuses a type whose processor cannot run an image. Users' logs have the
// wording.
func (r instanceType) fitsImage(architecture string) error {
	if slices.Contains(r.Architectures, architecture) {
		return nil
	}
	return invalidParameter("The architecture '%s' of the specified instance type does not match the architecture '%s' "+
		"of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again.",
		strings.Join(r.Architectures, ","), architecture)
}
