// SPDX-License-Identifier: Apache-2.0

// Package account has the settings of the lab's AWS account: quotas, the zones' offers, and what an
// owner or an organization may switch on, each as AWS documents it.
//
// [Settings] is a value, whose zero value is an account in which nothing is switched on. [All]
// lists the settings by name, for users. An [Account] holds the current settings and keeps them in
// a file. EC2, IAM and the fabric ask it; this package knows nothing of them.
package account
