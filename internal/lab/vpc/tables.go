package vpc

// tables are a topology compiled for look-up. They never change once made.
type tables struct {
	nics    map[string]*nic
	public  map[addr4]*elastic
	clients map[addr4]client // by the even address of the pair
}

// network is a VPC.
type network struct {
	id       string
	igw      string
	resolver addr4 // VPC base + 2
	nics     map[addr4]*nic
	elastic  map[addr4]*elastic // by private address
	groups   map[string]map[addr4]struct{}
}

// segment is a subnet.
type segment struct {
	id         string
	net        *network
	base       addr4
	bits       int
	gateway    addr4
	gatewayMAC MAC
	nics       map[uint64]*nic // by MAC
	routes     []hop           // longest prefix first
}

func (s *segment) contains(a addr4) bool { return a&mask(s.bits) == s.base }

// hop is a route.
type hop struct {
	base, mask addr4
	kind       TargetKind
	nic        *nic   // of TargetENI; nil when it has gone
	igw        string // of TargetInternetGateway
}

// nic is an ENI.
type nic struct {
	*record
	id       string
	seg      *segment
	mac      MAC
	primary  addr4
	check    bool // SourceDestCheck
	attached bool
	hostname string
	port     Port
	rules    [2][]filter     // by direction
	clients  map[addr4]addr4 // private address to the even address of its pair
}

// owns tells whether the address is registered on the ENI.
func (n *nic) owns(a addr4) bool { return n.seg.net.nics[a] == n }

// elastic is an Elastic IP.
type elastic struct {
	public, private addr4
	nic             *nic
}

func mask(bits int) addr4 { return ^addr4(0) << (32 - bits) }
