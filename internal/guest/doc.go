// Package guest makes the tiny guest that tries out a cloud: a kernel, an
// initial file system that is all it has, and an empty disk, from Debian's
// packages.
package guest
