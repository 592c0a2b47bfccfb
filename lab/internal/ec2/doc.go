// SPDX-License-Identifier: Apache-2.0

// Package ec2 is the lab's EC2: the Query API over one model of a region's state.
// The fabric, the machines and the metadata service are rendered from that model.
//
// [Wire] opens a region; [NewServer] serves its API alone. Input: signed requests
// from any AWS client. Output: responses in AWS's wording and, on every change, the
// full topology to a [Fabric], calls to [Machines], one at a time for an instance, and
// the contents of the metadata service.
//
//   - An action runs on a copy of the model. The copy replaces the model only after
//     the action has succeeded and the copy is on disk. So a refused call has no
//     partial effect, DryRun discards its copy, and readers never wait. A model in
//     use is immutable: a lagging answer reads an older model.
//   - A call passes the signature check, the faults of an [Injector], the caller's
//     policies and then the action, as on AWS: a caller without the right to do
//     something does not learn whether it could be done.
//   - A request is a struct. Its fields are the parameters; a field of a record type
//     takes an ID and holds that record. Missing and malformed parameters are
//     reported before unknown IDs.
//   - A response is a struct too. Filters match the values it shows; their names are
//     in the tags of its fields.
//
// The lab refuses every call, parameter and value of AWS that it does not implement;
// it ignores nothing. The package never makes machines, carries packets or evaluates
// policies: [Machines], [Fabric] and [Identities] do.
package ec2
