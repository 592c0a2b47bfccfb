// SPDX-License-Identifier: Apache-2.0

package cloud_test

import (
	"fmt"

	"macaw.example/internal/cloud"
)

// Two lines are a cloud; the rest are defaults.
func ExampleParse() {
	c, err := cloud.Parse("demo.yaml", []byte("name: demo\ntarget: lab\n"))
	if err != nil {
		panic(err)
	}
	fmt.Println(c.VPC.CIDR, c.Nodes[0].Name, c.Nodes[0].Roles)
	fmt.Println("Neutron's:", c.ProviderAddresses())
	// Output:
	// 10.0.0.0/16 cloud-1 [controller compute gateway]
	// Neutron's: [10.0.1.64 10.0.1.65 10.0.1.66 10.0.1.67]
}

// Every mistake has its position.
func ExampleErrors() {
	_, err := cloud.Parse("demo.yaml", []byte("name: demo\ntarget: lab\nvpc:\n  cidrr: 10.0.0.0/16\n"))
	fmt.Println(err)
	// Output:
	// demo.yaml:4:3: unknown key "vpc.cidrr"
	//     hint: did you mean "cidr"?
}
