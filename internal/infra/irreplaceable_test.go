// SPDX-License-Identifier: Apache-2.0

package infra

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"macaw.example/internal/inventory"
)

func TestIrreplaceable(t *testing.T) {
	lines, other := Irreplaceable(inventory.Seen{
		Instances: []inventory.Instance{{ID: "i-1", Part: partInstance("cloud-1"), Type: "t3.xlarge", State: "running"},
			{ID: "i-0", State: "terminated"}},
		Volumes:   []inventory.Volume{{ID: "vol-2", Size: 8}, {ID: "vol-1", Instance: "i-1", Size: 40}},
		Addresses: []inventory.Address{{Public: "198.51.100.9"}},
		VPCs:      []inventory.VPC{{}}, Subnets: []inventory.Subnet{{}, {}}, Role: &inventory.Role{},
	})
	want := []string{"node cloud-1: instance i-1, t3.xlarge, running", "  volume vol-1, 40 GiB", "volume vol-2, 8 GiB",
		"Elastic IP 198.51.100.9"}
	if diff := cmp.Diff(want, lines); diff != "" || other != 4 {
		t.Errorf("%d others; (-want +got)\n%s", other, diff)
	}
}
