// SPDX-License-Identifier: Apache-2.0

// Package deploy makes clouds, looks after them and removes them: the sequence of
// macaw's commands as values that a program or a test can call.
//
// A [Deployment] is a cloud file and where its operator keeps things. Its methods
// are the verbs: [Deployment.Up], Plan, Down, Bake, Verify, Status. Each compares
// what is wanted with what is seen, in this order of phases, and does the difference:
//
//	lab -> infra (AWS) -> host (SSH) -> node (services) -> openstack -> verify
//
// They may be killed anywhere and run again. What they are doing they tell a
// [Progress]; what came of it they return. They print nothing, ask nobody and read
// no environment, but for AWS's own configuration where the cloud is on AWS.
//
// AWS's tags are the record of what belongs to a cloud; in [Home] there are only a
// key, known host keys and an entry of clouds.yaml, which can be made again.
package deploy
