// SPDX-License-Identifier: Apache-2.0

package iampolicy

import "testing"

// A document means the same in every form that IAM may give it, and no more than that.
func TestSameDocument(t *testing.T) {
	const ours = `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["ec2:B","ec2:A"],` +
		`"Resource":["*"],"Condition":{"StringEquals":{"ec2:Region":["eu-central-1"]}}},` +
		`{"Sid":"B","Effect":"Allow","Action":["ec2:C"],"Resource":["arn:aws:ec2:*:*:subnet/*"]}]}`
	for text, want := range map[string]bool{
		ours: true,
		`{"Statement":[{"Action":"ec2:C","Effect":"Allow","Resource":"arn:aws:ec2:*:*:subnet/*","Sid":"B"},` +
			`{"Condition":{"StringEquals":{"ec2:Region":"eu-central-1"}},"Action":["ec2:A","ec2:B"],"Effect":"Allow",` +
			`"Resource":"*","Sid":"A"}],"Version":"2012-10-17"}`: true,
		`{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["ec2:B","ec2:A"],` +
			`"Resource":["*"]},{"Sid":"B","Effect":"Allow","Action":["ec2:C"],` +
			`"Resource":["arn:aws:ec2:*:*:subnet/*"]}]}`: false, // no condition
		`{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["ec2:B","ec2:A","ec2:D"],` +
			`"Resource":["*"],"Condition":{"StringEquals":{"ec2:Region":["eu-central-1"]}}},` +
			`{"Sid":"B","Effect":"Allow","Action":["ec2:C"],"Resource":["arn:aws:ec2:*:*:subnet/*"]}]}`: false,
		"":  false,
		"{": false,
	} {
		if Same(ours, text) != want {
			t.Errorf("%s: the same is %v", text, !want)
		}
	}
}
