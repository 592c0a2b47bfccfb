// SPDX-License-Identifier: Apache-2.0

// Package lab is a local AWS: an EC2 API with IAM, STS and SSM, machines that boot, and a
// network that drops what AWS drops. It needs no account and never reaches a real network.
//
// There are three ways to use it:
//
//   - In a Go test, package [macaw.example/lab/labtest] brings a lab up, boots
//     machines and removes everything afterwards.
//   - [macaw.example/lab/labtest.NewAPI] is the API alone, in the test's process: no
//     root, no machines, no network. It is for tests of code that calls AWS.
//   - [Up] and [Down] create and remove the lab of this host; [Open] returns the
//     running one. A host has at most one lab. It outlives the process that created it.
//
// Clients are those of the AWS SDK, made from [Lab.Config]:
//
//	client := ec2.NewFromConfig(l.Config())
//
// lab/fidelity.md lists which of AWS's rules the lab enforces, with their sources. Being
// more permissive than AWS is a defect.
//
// The lab of a host runs on Linux only; elsewhere Up and Open return ErrNotLinux.
package lab
