// SPDX-License-Identifier: Apache-2.0

// Package lab is a local AWS: an EC2 API with IAM, STS and SSM beside it, machines
// that boot, and a network that drops what AWS drops. It needs no account and talks
// to no real network.
//
// There are three ways in:
//
//   - In a Go test, package [macaw.example/lab/labtest] brings a lab up, boots
//     machines and removes all of it.
//   - [macaw.example/lab/labtest.NewAPI] is the API alone, in the process of a test:
//     no root, no machines, no network. It is for tests of what calls AWS.
//   - [Up] and [Down] make and remove the lab of this host; [Open] returns the one
//     that is up. There is one on a host. It goes on when its maker ends.
//
// Clients are those of AWS's SDK, made of [Lab.Config]:
//
//	client := ec2.NewFromConfig(l.Config())
//
// What the lab keeps of AWS's rules, and from which source, is in lab/fidelity.md.
// Where the lab is kinder than AWS, that is a defect.
//
// The lab of a host runs on Linux only; elsewhere Up and Open return ErrNotLinux.
package lab
