// SPDX-License-Identifier: Apache-2.0

package ec2

// model is the full state of the region. A model in use is immutable: an action works
// on its own copy.
type model struct {
	VPCs         map[string]*vpcRecord
	Subnets      map[string]*subnetRecord
	Reservations map[string]*reservationRecord
	Gateways     map[string]*gatewayRecord
	NATGateways  map[string]*natGatewayRecord
	RouteTables  map[string]*routeTableRecord
	Groups       map[string]*groupRecord
	Rules        map[string]*ruleRecord
	KeyPairs     map[string]*keyPairRecord
	ENIs         map[string]*eniRecord
	Addresses    map[string]*addressRecord
	Instances    map[string]*instanceRecord
	Volumes      map[string]*volumeRecord
	Images       map[string]*imageRecord
	Tokens       map[string]tokenRecord
}
