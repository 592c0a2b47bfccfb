// Package lab is a local AWS: an EC2 API over one model of state, instance
// metadata, machines, and a network that drops what AWS drops.
package daemon
