// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"slices"
	"strings"

	"macaw.example/lab/internal/instancetypes"
)

// architecture is that of the lab's images.
const architecture = "x86_64"

// fitsImage refuses a type whose processor cannot run the lab's images. Users' logs have
// the wording.
func fitsImage(r instancetypes.Type) error {
	if slices.Contains(r.Architectures, architecture) {
		return nil
	}
	return invalidParameter("The architecture '%s' of the specified instance type does not match the architecture '%s' "+
		"of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again.",
		strings.Join(r.Architectures, ","), architecture)
}

type describeTypesInput struct {
	query
	InstanceType []string
}

type describeTypesOutput struct {
	response
	Types     set[instancetypes.XML] `xml:"instanceTypeSet"`
	NextToken string                 `xml:"nextToken,omitempty"`
}

func describeInstanceTypes(_ *tx, in describeTypesInput) (*describeTypesOutput, error) {
	for _, name := range in.InstanceType {
		if _, ok := instancetypes.All()[name]; !ok {
			return nil, fail("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", name)
		}
	}
	names := instancetypes.Names()
	if len(in.InstanceType) > 0 { // there are hundreds of others
		names = in.InstanceType
	}
	var all []item[instancetypes.XML]
	for _, name := range names {
		all = append(all, item[instancetypes.XML]{name, instancetypes.NewXML(name, instancetypes.All()[name])})
	}
	page, next, err := choose(kind{name: "instance type", prefix: "type"}, all, in.InstanceType, in.query,
		pages{most: 100, usual: 100})
	if err != nil {
		return nil, err
	}
	return &describeTypesOutput{Types: page, NextToken: next}, nil
}
