// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"reflect"
	"slices"

	"macaw.example/lab/internal/ec2query"
)

// resource locates the records of a kind.
type resource[R any] struct {
	kind
	records func(*model) map[string]*R
}

// resources lists the record types that a request may have a field of: *subnetRecord
// takes the ID of a subnet, which is looked up before the action runs.
var resources = []record{
	resource[vpcRecord]{kindVPC, func(m *model) map[string]*vpcRecord { return m.VPCs }},
	resource[subnetRecord]{kindSubnet, func(m *model) map[string]*subnetRecord { return m.Subnets }},
	resource[reservationRecord]{kindReservation, func(m *model) map[string]*reservationRecord { return m.Reservations }},
	resource[gatewayRecord]{kindGateway, func(m *model) map[string]*gatewayRecord { return m.Gateways }},
	resource[natGatewayRecord]{kindNATGateway, func(m *model) map[string]*natGatewayRecord { return m.NATGateways }},
	resource[routeTableRecord]{kindRouteTable, func(m *model) map[string]*routeTableRecord { return m.RouteTables }},
	resource[groupRecord]{kindGroup, func(m *model) map[string]*groupRecord { return m.Groups }},
	resource[ruleRecord]{kindRule, func(m *model) map[string]*ruleRecord { return m.Rules }},
	resource[eniRecord]{kindENI, func(m *model) map[string]*eniRecord { return m.ENIs }},
	resource[addressRecord]{kindAddress, func(m *model) map[string]*addressRecord { return m.Addresses }},
	resource[instanceRecord]{kindInstance, func(m *model) map[string]*instanceRecord { return m.Instances }},
	resource[volumeRecord]{kindVolume, func(m *model) map[string]*volumeRecord { return m.Volumes }},
	ownENIs{},
}

// ownENI is an interface that the user may change: not one that AWS manages.
type ownENI struct{ *eniRecord }

type ownENIs struct{}

func (ownENIs) field() reflect.Type { return reflect.TypeFor[ownENI]() }

func (ownENIs) Find(t *tx, id string) (reflect.Value, error) {
	e, err := t.ownENI(id)
	return reflect.ValueOf(ownENI{e}), err
}

// record finds a record by its ID.
type record interface {
	field() reflect.Type // of a request
	ec2query.Record[*tx]
}

func (r resource[R]) field() reflect.Type { return reflect.TypeFor[*R]() }

func (r resource[R]) Find(t *tx, id string) (reflect.Value, error) {
	found, err := find(r.kind, r.records(t.model), id)
	return reflect.ValueOf(found), err
}

func recordOf(field reflect.Type) ec2query.Record[*tx] {
	for _, r := range resources {
		if r.field() == field {
			return r
		}
	}
	return nil
}

func resourceOf[R any]() resource[R] { return recordOf(reflect.TypeFor[*R]()).(resource[R]) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
