// SPDX-License-Identifier: Apache-2.0

package registrar

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"macaw.example/internal/model"
)

// A finding says what helps, and is in the documentation.
func TestEveryCodeHasAHint(t *testing.T) {
	doc, err := os.ReadFile("../../docs/floating-ips.md")
	if err != nil {
		t.Fatal(err)
	}
	all := codesOf(t, "finding.go")
	if len(all) != len(hints) {
		t.Errorf("%d codes and %d hints", len(all), len(hints))
	}
	for _, c := range all {
		if f := finding(netip.Addr{}, c, "text"); f.Hint == "" {
			t.Errorf("no hint for %s", c)
		}
		if !strings.Contains(string(doc), "| `"+string(c)+"` |") {
			t.Errorf("docs/floating-ips.md does not have %s", c)
		}
	}
}

// codesOf returns all constants of type model.Code in a file.
func codesOf(t *testing.T, file string) (all []model.Code) {
	t.Helper()
	f, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		kind, isSelector := spec.Type.(*ast.SelectorExpr)
		value, isText := spec.Values[0].(*ast.BasicLit)
		if isSelector && isText && kind.Sel.Name == "Code" {
			text, err := strconv.Unquote(value.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, model.Code(text))
		}
		return true
	})
	return all
}

// An address outside of the range was asked for by name: another allocation pool does
// not help, and the hint must not say so.
func TestHintOfAnAddressOutOfRange(t *testing.T) {
	h := hints[OutOfRange]
	if !strings.HasPrefix(h, "give it back in Neutron") || strings.Contains(h, "macaw up does") {
		t.Errorf("the hint is %q", h)
	}
}

// That AWS refuses another interface is not mended by a larger type.
func TestAnotherInterfaceIsRefused(t *testing.T) {
	full := own(1)
	full.Addresses = []netip.Addr{a1, a2, a3}
	m := newMemory()
	m.eniRefused = refusal{now, Refused, "making another network interface for gw-1: UnauthorizedOperation"}
	wanted := map[netip.Addr]Want{a1: here(a1), a2: here(a2), a3: here(a3), a4: here(a4)}
	full.Limit = len(full.Addresses) + 1
	_, findings := plan(testConfig(), wanted, Seen{ENIs: []ENI{full}}, now, m)
	if got := codes(findings); got[netip.Addr{}] != Refused || got[a4] != ENIFull {
		t.Errorf("findings: %v", findings)
	}
}
