// SPDX-License-Identifier: Apache-2.0

// Package terraform tests the lab's API with HashiCorp's AWS provider, under Terraform or
// OpenTofu: a configuration is applied, planned again without a difference, changed, and
// destroyed.
//
// The provider is not in Debian, and too large for every run of the tests. So the calls
// that it made are recorded (testdata/calls.txt), and [TestCalls] makes them again;
// [TestTerraform], with -apply, runs the provider itself.
//
// [TestOpenStack] does so with the OpenStack provider, on a running cloud.
package terraform
