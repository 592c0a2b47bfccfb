// SPDX-License-Identifier: Apache-2.0

// Package deploy makes, inspects, repairs and removes clouds: the work of macaw's commands, for
// programs and tests to call.
//
// A [Deployment] is a cloud file and the location of its operator's files. Its methods are
// [Deployment.Up], Plan, Down, Bake, Verify and Status. Each compares what is wanted with what is
// seen, phase by phase, and applies the difference:
//
//	lab -> infra (AWS) -> host (SSH) -> node (services) -> openstack -> verify
//
// A run may be killed at any point and repeated. The methods report steps to a [Progress] and
// return results. They never print, prompt or read environment variables, except for AWS's own
// configuration when the cloud is on AWS.
//
// AWS's tags are the record of what belongs to a cloud. [Home] has only a key, known host keys and
// an entry of clouds.yaml, all of which can be made again.
package deploy
