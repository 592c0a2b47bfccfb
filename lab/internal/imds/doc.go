// Package imds is the lab's instance metadata service, version 2, as cloud-init
// and the AWS SDKs use it on 169.254.169.254.
package imds
