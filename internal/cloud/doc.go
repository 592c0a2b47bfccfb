// Package cloud is the cloud file: what an operator wants, its defaults, a
// strict parser and the validation that can be done without asking AWS.
package cloud
