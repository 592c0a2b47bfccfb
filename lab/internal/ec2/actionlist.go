// SPDX-License-Identifier: Apache-2.0

package ec2

// Actions are the names of the EC2 calls that the lab answers, sorted.
func Actions() []string { return sortedKeys(actions) }
