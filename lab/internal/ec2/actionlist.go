// SPDX-License-Identifier: Apache-2.0

package ec2

// Actions lists the names of the EC2 calls that the lab implements, sorted.
func Actions() []string { return sortedKeys(actions) }

// SSMActions lists those of Systems Manager.
func SSMActions() []string { return []string{"GetParameter", "GetParameters"} }
