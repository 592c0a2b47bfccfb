// SPDX-License-Identifier: Apache-2.0

package tunnel

// The compiler's version is the one of package translate; see there for the options.
//
//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -tags linux -target bpfel bpf tunnel.bpf.c -- -O2 -Wall -Werror -mcpu=v3 -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu
