// SPDX-License-Identifier: Apache-2.0

package translate

// The compiler's version is named here and nowhere else: another version writes another
// object, and CI compares. bpf2go keeps this directory's path out of the object. Debian has
// asm/types.h in a directory for each architecture; one that does not exist does no harm.
//
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -tags linux -target bpfel -type reason -type mode -type place -type event -type entry -type nic -type count -type setting -type sender -type block bpf translate.bpf.c -- -O2 -Wall -Werror -mcpu=v3 -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu
