// Package infra is a cloud's AWS resources: found by tag, compared with what
// the cloud file wants, made in parallel, and removed again.
package infra
