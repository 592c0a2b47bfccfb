// SPDX-License-Identifier: Apache-2.0

package instancetypes

import (
	"slices"
	"strconv"

	"macaw.example/lab/internal/ec2query"
)

type trackingDefaultsXML struct {
	TCP       int `xml:"defaultTcpEstablishedTimeout"`
	UDP       int `xml:"defaultUdpTimeout"`
	UDPStream int `xml:"defaultUdpStreamTimeout"`
}

type networkCardXML struct {
	Index       int    `xml:"networkCardIndex"`
	Performance string `xml:"networkPerformance"`
	ENIs        int    `xml:"maximumNetworkInterfaces"`
	Baseline    string `xml:"baselineBandwidthInGbps"`
	Peak        string `xml:"peakBandwidthInGbps"`
	Queues      int    `xml:"defaultEnaQueueCountPerInterface"`
}

type networkInfoXML struct {
	Performance string                       `xml:"networkPerformance" filter:"network-performance"`
	ENIs        int                          `xml:"maximumNetworkInterfaces" filter:"maximum-network-interfaces"`
	Cards       int                          `xml:"maximumNetworkCards" filter:"maximum-network-cards"`
	DefaultCard int                          `xml:"defaultNetworkCardIndex"`
	NetworkCard ec2query.Set[networkCardXML] `xml:"networkCards"`
	IPv4        int                          `xml:"ipv4AddressesPerInterface" filter:"ipv4-addresses-per-interface"`
	IPv6        int                          `xml:"ipv6AddressesPerInterface" filter:"ipv6-addresses-per-interface"`
	IPv6Support bool                         `xml:"ipv6Supported" filter:"ipv6-supported"`
	ENA         string                       `xml:"enaSupport" filter:"ena-support"`
	EFA         bool                         `xml:"efaSupported" filter:"efa-supported"`
	Encrypted   bool                         `xml:"encryptionInTransitSupported" filter:"encryption-in-transit-supported"`
	ENASRD      bool                         `xml:"enaSrdSupported"`
	Flexible    string                       `xml:"flexibleEnaQueuesSupport" filter:"flexible-ena-queues-support"`
	Tracking    trackingDefaultsXML          `xml:"connectionTrackingConfiguration"`
	Secondary   bool                         `xml:"secondaryNetworkSupported"`
}

type processorInfoXML struct {
	Architectures ec2query.Set[string] `xml:"supportedArchitectures" filter:"supported-architecture"`
	GHz           string               `xml:"sustainedClockSpeedInGhz,omitempty" filter:"sustained-clock-speed-in-ghz"`
	Features      ec2query.Set[string] `xml:"supportedFeatures" filter:"supported-features"`
	Manufacturer  string               `xml:"manufacturer"`
}

type vcpuInfoXML struct {
	VCPUs        int                `xml:"defaultVCpus" filter:"default-vcpus"`
	Cores        int                `xml:"defaultCores" filter:"default-cores"`
	Threads      int                `xml:"defaultThreadsPerCore" filter:"default-threads-per-core"`
	ValidThreads *ec2query.Set[int] `xml:"validThreadsPerCore" filter:"valid-threads-per-core"`
}

type ebsOptimizedXML struct {
	BaselineMbps int    `xml:"baselineBandwidthInMbps" filter:"baseline-bandwidth-in-mbps"`
	BaselineMBps string `xml:"baselineThroughputInMBps" filter:"baseline-throughput-in-mbps"`
	BaselineIOPS int    `xml:"baselineIops" filter:"baseline-iops"`
	MaximumMbps  int    `xml:"maximumBandwidthInMbps" filter:"maximum-bandwidth-in-mbps"`
	MaximumMBps  string `xml:"maximumThroughputInMBps" filter:"maximum-throughput-in-mbps"`
	MaximumIOPS  int    `xml:"maximumIops" filter:"maximum-iops"`
}

type ebsInfoXML struct {
	Optimized   string           `xml:"ebsOptimizedSupport" filter:"ebs-optimized-support"`
	Encryption  string           `xml:"encryptionSupport" filter:"encryption-support"`
	Info        *ebsOptimizedXML `xml:"ebsOptimizedInfo" filter:"ebs-optimized-info"`
	NVMe        string           `xml:"nvmeSupport" filter:"nvme-support"`
	Attachments int              `xml:"maximumEbsAttachments" filter:"maximum-ebs-attachments"`
	Limit       string           `xml:"attachmentLimitType" filter:"attachment-limit-type"`
}

type diskInfoXML struct {
	SizeGB int    `xml:"sizeInGB" filter:"size-in-gb"`
	Count  int    `xml:"count" filter:"count"`
	Type   string `xml:"type" filter:"type"`
}

type storageInfoXML struct {
	TotalGB    int                       `xml:"totalSizeInGB" filter:"total-size-in-gb"`
	Disks      ec2query.Set[diskInfoXML] `xml:"disks" filter:"disk"`
	NVMe       string                    `xml:"nvmeSupport" filter:"nvme-support"`
	Encryption string                    `xml:"encryptionSupport" filter:"encryption-support"`
}

// XML is a type in the answer of DescribeInstanceTypes. Its tags name the call's filters (EC2 API Reference).
type XML struct {
	Name           string               `xml:"instanceType" filter:"instance-type"`
	Current        bool                 `xml:"currentGeneration" filter:"current-generation"`
	FreeTier       bool                 `xml:"freeTierEligible" filter:"free-tier-eligible"`
	InRegion       bool                 `xml:"supportedInRegion" filter:"supported-in-region"`
	UsageClasses   ec2query.Set[string] `xml:"supportedUsageClasses" filter:"supported-usage-class"`
	RootDevices    ec2query.Set[string] `xml:"supportedRootDeviceTypes" filter:"supported-root-device-type"`
	Virtualization ec2query.Set[string] `xml:"supportedVirtualizationTypes" filter:"supported-virtualization-type"`
	Metal          bool                 `xml:"bareMetal" filter:"bare-metal"`
	Hypervisor     string               `xml:"hypervisor,omitempty" filter:"hypervisor"`
	Processor      processorInfoXML     `xml:"processorInfo" filter:"processor-info"`
	VCPU           vcpuInfoXML          `xml:"vCpuInfo" filter:"vcpu-info"`
	MemoryMB       int                  `xml:"memoryInfo>sizeInMiB" filter:"memory-info.size-in-mib"`
	HasStorage     bool                 `xml:"instanceStorageSupported" filter:"instance-storage-supported"`
	Storage        *storageInfoXML      `xml:"instanceStorageInfo" filter:"instance-storage-info"`
	EBS            ebsInfoXML           `xml:"ebsInfo" filter:"ebs-info"`
	Network        networkInfoXML       `xml:"networkInfo" filter:"network-info"`
	Strategies     ec2query.Set[string] `xml:"placementGroupInfo>supportedStrategies"`
	Hibernation    bool                 `xml:"hibernationSupported" filter:"hibernation-supported"`
	Burstable      bool                 `xml:"burstablePerformanceSupported" filter:"burstable-performance-supported"`
	DedicatedHosts bool                 `xml:"dedicatedHostsSupported" filter:"dedicated-hosts-supported"`
	AutoRecovery   bool                 `xml:"autoRecoverySupported" filter:"auto-recovery-supported"`
	BootModes      ec2query.Set[string] `xml:"supportedBootModes" filter:"supported-boot-mode"`
	Enclaves       string               `xml:"nitroEnclavesSupport" filter:"nitro-enclaves-support"`
	TPM            string               `xml:"nitroTpmSupport" filter:"nitro-tpm-support"`
	TPMVersions    *tpmInfoXML          `xml:"nitroTpmInfo" filter:"nitro-tpm-info"`
	PHC            string               `xml:"phcSupport"`
	Reboot         string               `xml:"rebootMigrationSupport" filter:"reboot-migration-support"`
}

type tpmInfoXML struct {
	Versions ec2query.Set[string] `xml:"supportedVersions" filter:"supported-versions"`
}

func supported(yes bool) string {
	if yes {
		return "supported"
	}
	return "unsupported"
}

func required(yes bool) string {
	if yes {
		return "required"
	}
	return "unsupported"
}

// NewXML renders a type.
func NewXML(name string, r Type) XML {
	x := XML{Name: name, Current: r.Has("current"), FreeTier: r.Has("free-tier"), InRegion: true,
		UsageClasses: ec2query.List(r.UsageClasses...), RootDevices: ec2query.List("ebs"),
		Virtualization: ec2query.List("hvm"),
		Metal:          Metal(name), Hypervisor: r.Hypervisor, MemoryMB: r.MemoryMB, EBS: newEBSInfoXML(r),
		Network: newNetworkInfoXML(r),
		VCPU:    vcpuInfoXML{VCPUs: r.VCPUs, Cores: r.Cores, Threads: r.VCPUs / r.Cores},
		Processor: processorInfoXML{Architectures: ec2query.List(r.Architectures...), GHz: r.GHz,
			Manufacturer: r.Manufacturer},
		Strategies: ec2query.List("partition", "spread"), Hibernation: r.Has("hibernation"), Burstable: r.Has("burstable"),
		DedicatedHosts: r.Has("dedicated-hosts"), AutoRecovery: r.Has("auto-recovery"),
		BootModes: ec2query.List(r.BootModes...), Enclaves: supported(r.Has("enclaves")), TPM: supported(r.Has("tpm")),
		PHC: supported(r.Has("phc")), Reboot: supported(r.Has("reboot-migration"))}
	if r.Has("cluster") {
		x.Strategies = ec2query.List("cluster", "partition", "spread")
	}
	if r.Has("instance-store-root") {
		x.RootDevices = ec2query.List("ebs", "instance-store")
	}
	if r.Has("paravirtual") {
		x.Virtualization = ec2query.List("hvm", "paravirtual")
	}
	if r.Has("tpm") {
		x.TPMVersions = &tpmInfoXML{ec2query.List("2.0")}
	}
	if r.Has("one-thread") {
		threads := ec2query.List(1, 2)
		x.VCPU.ValidThreads = &threads
	}
	for _, feature := range []string{"amd-sev-snp", "nested-virtualization"} {
		if r.Has(feature) {
			x.Processor.Features.Items = append(x.Processor.Features.Items, feature)
		}
	}
	if d := r.Disks; d.Count > 0 {
		x.HasStorage = true
		x.Storage = &storageInfoXML{TotalGB: d.Count * d.SizeGB,
			Disks: ec2query.List(diskInfoXML{d.SizeGB, d.Count, d.Words[0]}),
			NVMe:  required(slices.Contains(d.Words, "nvme")), Encryption: required(slices.Contains(d.Words, "encrypted"))}
	}
	return x
}

func newEBSInfoXML(r Type) ebsInfoXML {
	x := ebsInfoXML{Optimized: r.EBSOptimized, Encryption: "supported", NVMe: r.EBSNVMe, Attachments: r.EBSAttachments,
		Limit: "shared"}
	if r.Has("dedicated-ebs-limit") {
		x.Limit = "dedicated"
	}
	if r.EBSMaximum.Mbps > 0 {
		x.Info = &ebsOptimizedXML{r.EBSBaseline.Mbps, throughput(r.EBSBaseline), r.EBSBaseline.IOPS, r.EBSMaximum.Mbps,
			throughput(r.EBSMaximum), r.EBSMaximum.IOPS}
	}
	return x
}

// throughput is the bandwidth in MB/s.
func throughput(b Bandwidth) string {
	return strconv.FormatFloat(float64(b.Mbps)/8, 'f', -1, 64)
}

func newNetworkInfoXML(r Type) networkInfoXML {
	x := networkInfoXML{Performance: r.Performance, ENIs: r.ENIs(), Cards: len(r.Cards), IPv4: r.IPv4,
		IPv6: r.IPv6, IPv6Support: !r.Has("no-ipv6"), ENA: r.ENA, EFA: r.Has("efa"),
		Encrypted: r.Has("encrypted-transit"), ENASRD: r.Has("ena-srd"), Flexible: supported(r.Has("flexible-ena-queues")),
		Tracking: trackingDefaultsXML{TCP: r.TCPTimeout, UDP: 30, UDPStream: 180}}
	for i, n := range r.Cards {
		x.NetworkCard.Items = append(x.NetworkCard.Items,
			networkCardXML{i, r.Performance, n, r.Baseline, r.Peak, r.ENAQueues})
	}
	return x
}
