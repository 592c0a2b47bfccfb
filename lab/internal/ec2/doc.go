// SPDX-License-Identifier: Apache-2.0

// Package ec2 is the lab's EC2: the Query API over one model of a region's
// state, which it renders for the fabric, the machines and the metadata service.
//
// [Wire] opens a region; [NewServer] is its API alone. In go signed requests of
// any AWS client. Out go answers as AWS words them, and on every change the whole
// topology to a [Fabric], one call after the other to [Machines], and what the
// metadata service shows.
//
//   - An action runs on a copy of the model that becomes the model only when the
//     action succeeds and has been written to disk. So a refused call leaves
//     nothing half done, DryRun is a call whose copy is thrown away, and readers
//     never wait. A model in use never changes: an answer that lags is one from
//     an older model.
//   - A call goes through the signature, the faults of an [Injector], the
//     policies of its caller and the action, as on AWS: who may not do something
//     is not told whether it could be done.
//   - A request is a struct. Its fields are the parameters; a field of the type of
//     a resource is the record that an ID names. What is missing or malformed is
//     said before what is not there.
//   - An answer is a struct too. Filters see what is shown: they are tags of its
//     fields.
//
// What AWS has and the lab has not is refused, down to the single parameter:
// nothing is taken and ignored. The package makes no machines and carries no
// packets, and it decides no policies: that is the business of its [Identities].
package ec2
