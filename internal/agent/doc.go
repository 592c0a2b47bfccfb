// SPDX-License-Identifier: Apache-2.0

// Package agent is the agent of a gateway node: it keeps the translation attached and
// equal to what Neutron has allocated, and the addresses registered in AWS equal to both.
//
// [Run] is the agent, as macaw-node's unit macaw-agent.service runs it ([Unit]), with the
// configuration that [LoadConfig] reads. In come the addresses that Neutron has bound to
// this node, polled and queried when the data plane reports a frame that it has no entry
// for; and what AWS has registered, as the outcomes of package registrar. Out go the
// entries of package translate, the addresses wanted of AWS, tags on floating IPs with
// their Elastic IP or the reason why there is none, a report for macaw status, metrics,
// and a state file for the next boot.
//
// One goroutine, the loop of the attachment, owns all state. It never waits: whatever
// calls Neutron or AWS or writes a file is a goroutine of its own, which takes its newest
// input from a mailbox and hands its result back through one. On any error the map stays
// as it is. Without an answer from Neutron nothing is released, and with the agent
// stopped, killed or upgraded frames go on: programs and maps are pinned.
//
// [Install] makes a machine run the agent; [ReadStatus], [On], [Off] and [Agree] are for
// the commands about it. The package never changes Neutron but for those tags, and never
// AWS but through the registrar.
package agent
