package cloud

// typeLimit is what an instance type can carry.
type typeLimit struct {
	interfaces int // ENIs
	addresses  int // private IPv4 addresses on each ENI, the primary included
}

// typeLimits has the common types. It is here so that a file with too many
// addresses is refused before anything is made; a type that is missing is left
// to AWS, which checks when the ENI is made. The numbers are those of
// DescribeInstanceTypes, NetworkInfo.MaximumNetworkInterfaces and
// Ipv4AddressesPerInterface (EC2 User Guide, using-eni); AWS does not raise
// them on request (VPC User Guide, amazon-vpc-limits).
var typeLimits = map[string]typeLimit{
	"t3.micro":   {2, 2},
	"t3.small":   {3, 4},
	"t3.medium":  {3, 6},
	"t3.large":   {3, 12},
	"t3.xlarge":  {4, 15},
	"t3.2xlarge": {4, 15},

	"t3a.xlarge":  {4, 15},
	"t3a.2xlarge": {4, 15},

	"m5.large":   {3, 10},
	"m5.xlarge":  {4, 15},
	"m5.2xlarge": {4, 15},
	"m5.4xlarge": {8, 30},
	"m5.metal":   {15, 50},

	"m6i.large":   {3, 10},
	"m6i.xlarge":  {4, 15},
	"m6i.2xlarge": {4, 15},
	"m6i.4xlarge": {8, 30},
	"m6i.metal":   {15, 50},

	"m7i.large":      {3, 10},
	"m7i.xlarge":     {4, 15},
	"m7i.2xlarge":    {4, 15},
	"m7i.4xlarge":    {8, 30},
	"m7i.metal-24xl": {15, 50},

	"m8i.large":      {3, 20},
	"m8i.xlarge":     {4, 30},
	"m8i.2xlarge":    {4, 30},
	"m8i.4xlarge":    {8, 50},
	"m8i.8xlarge":    {10, 50},
	"m8i.48xlarge":   {24, 64},
	"m8i.metal-48xl": {24, 64},
	"m8i-flex.large": {3, 20},

	"c5.large":   {3, 10},
	"c5.xlarge":  {4, 15},
	"c5.2xlarge": {4, 15},
	"c5.4xlarge": {8, 30},
	"c5.metal":   {15, 50},
	"c5n.metal":  {15, 50},

	"c8i.large":   {3, 20},
	"c8i.2xlarge": {4, 30},

	"r5.large":   {3, 10},
	"r5.xlarge":  {4, 15},
	"r5.2xlarge": {4, 15},

	"r8i.large":  {3, 20},
	"r8i.xlarge": {4, 30},

	"z1d.metal": {15, 50},
}
