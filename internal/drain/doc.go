// SPDX-License-Identifier: Apache-2.0

// Package drain moves guests from one compute node to others: [Run] before a node goes, [RunBefore] if it goes at
// a given time, [Evacuate] after it has died. All compare what Nova has with what is wanted, one guest at a time, so
// a run that was killed is continued by the next, and a run after a complete one changes nothing. [Undo] lets a node
// take guests again.
//
// Goes in: Nova, as the interface [Nova], and a node's name, which is its host name there. Comes out: a
// [Result] that names each guest, with where it is now, or why it has stayed.
//
// Nova's scheduler chooses where guests go. The package never deletes a guest, never resumes or unrescues
// one, never confirms a resize, which is its owner's decision, and never restarts or shuts down one unless
// [Options].Stop says so, or the node's end is near in [RunBefore].
package drain
