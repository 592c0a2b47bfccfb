// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
	"time"
)

// BenchmarkNodes measures "macaw up" from a baked image, without its verification: of one node, and of a controller,
// two gateways and two computes. The image and the lab's daemon are there before. Both come in turn, and the ratio is
// of their medians.
func BenchmarkNodes(b *testing.B) {
	needLab(b)
	const one = "e2e-one"
	single, five := cloudFile(b, one, ""), manyNodesFile(b, 2)
	downAfter(b, single)
	downAfter(b, five)
	bake(b, five)
	must(b, macaw, "lab", "up")
	var took [2][]float64
	for b.Loop() {
		for i, file := range []string{single, five} {
			began := time.Now()
			must(b, macaw, "up", file, "--yes", "--verify=never")
			took[i] = append(took[i], time.Since(began).Seconds())
			must(b, macaw, "down", file, "--yes")
			must(b, macaw, "lab", "up") // down of the only cloud takes the lab with it
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(took[0]), "s/one")
	b.ReportMetric(median(took[1]), "s/five")
	b.ReportMetric(median(took[1])/median(took[0]), "five/one")
}
