// Package image keeps the lab's machine images: a stock Debian 13 built once
// by mmdebstrap, and the images made from machines.
package image
