// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"macaw.example/internal/model"
)

// checkPlaces fails the test if an error's position is outside the file. The position after the end
// of a line is inside.
func checkPlaces(t *testing.T, data []byte, err error) {
	t.Helper()
	es, ok := err.(Errors)
	if !ok {
		return
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for _, e := range es {
		if e.Line < 1 || e.Line > len(lines) {
			t.Errorf("%v: there are %d lines in %q", e, len(lines), data)
		} else if n := utf8.RuneCountInString(lines[e.Line-1]); e.Column < 1 || e.Column > n+1 {
			t.Errorf("%v: the line has %d characters in %q", e, n, data)
		}
	}
}

// For files with a few characters changed, removed or inserted, every position is in the file.
func TestPlacesOfMutants(t *testing.T) {
	whole, err := os.ReadFile("../../examples/lab.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const odd = "{}[]:,-\"'#&*!|>%@`\n \t?~\u00e4"
	for seed := range uint64(20000) {
		r := rand.New(rand.NewPCG(seed, 1))
		data := slices.Clone(whole)
		if r.IntN(2) == 0 {
			data = data[:r.IntN(len(data))]
		}
		for range 1 + r.IntN(3) {
			at := r.IntN(len(data) + 1)
			c := []byte(string([]rune(odd)[r.IntN(utf8.RuneCountInString(odd))]))
			data = slices.Concat(data[:at], c, data[min(len(data), at+r.IntN(3)):])
		}
		_, err := Parse("x.yaml", data)
		checkPlaces(t, data, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: x\ntarget: lab\nnodes:\n  - {type: t3.xlarge, roles: [controller]}\n"))
	f.Add([]byte("vpc: {cidr: 255.255.255.240/28}\nprovider: {addresses: -1, elasticIPs: pool, pool: " +
		"[eipalloc-00000001]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("x.yaml", data)
		if err != nil {
			checkPlaces(t, data, err)
			return
		}
		for _, a := range c.ProviderAddresses() {
			if !c.Provider.Subnet.Contains(a) || !c.InRange(a) {
				t.Errorf("%s is not in %s", a, c.Provider.Subnet)
			}
		}
		own := 0
		for a := range Usable(c.Provider.Subnet) {
			if !c.InRange(a) {
				own++
			}
		}
		if own < len(c.With(model.Gateway)) {
			t.Errorf("%d addresses are left for the interfaces of %d gateways", own, len(c.With(model.Gateway)))
		}
	})
}
