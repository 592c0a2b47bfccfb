// Package iam is the lab's IAM and STS: who there is, with which keys, what
// policies let them do, and credentials that end.
package iam
