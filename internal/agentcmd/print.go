// SPDX-License-Identifier: Apache-2.0

package agentcmd

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"text/tabwriter"
	"time"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// PrintStatus prints the state of a gateway.
func PrintStatus(w io.Writer, st nodeapi.Status) error {
	fmt.Fprintf(w, "Translation: %s\n\n", describeMode(st.Mode))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ADDRESS\tMAC")
	for _, e := range st.Entries {
		fmt.Fprintf(t, "%s\t%s\n", e.Addr, e.MAC)
	}
	fmt.Fprintln(t, "\t\nCOUNTER\tFRAMES\tBYTES")
	for _, reason := range slices.Sorted(maps.Keys(st.Counters)) {
		if n := st.Counters[reason]; n.Packets > 0 {
			fmt.Fprintf(t, "%s\t%d\t%d\n", reason, n.Packets, n.Bytes)
		}
	}
	if err := t.Flush(); err != nil || st.Report == nil {
		return err
	}
	return printReport(w, st.Report)
}

// describeMode describes a mode of the translation.
func describeMode(mode string) string {
	if mode == nodeapi.ModeOff {
		return "off: frames pass untouched, and AWS drops them, until it is switched on or the node reboots"
	}
	return "on"
}

// printReport prints an agent's report.
func printReport(w io.Writer, r *nodeapi.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nPROVIDER ENI\tMAC\tPRIMARY\tADDRESSES")
	for _, e := range r.ENIs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d of %d\n", e.ID, e.MAC, e.Primary, e.Addresses, e.Limit)
	}
	fmt.Fprintln(t, "\t\t\t\nADDRESS\tPUBLIC\tENI\tOF")
	for _, at := range r.Addresses {
		eni := cmp.Or(at.ENI, "not registered")
		if !at.Here {
			eni = "on " + cmp.Or(at.Host, "no node")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", at.Addr, orDash(at.Public), eni, at.Owner())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Held) > 0 {
		fmt.Fprintln(w)
		if err := PrintHeld(w, r.Held); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		who string
		nodeapi.Contact
	}{{"Neutron", r.Neutron}, {"AWS", r.AWS}} {
		if c.Error != "" {
			fmt.Fprintf(w, "\n%s does not answer (last at %s): %s\n", c.who, c.Answered.Format(time.TimeOnly), c.Error)
		}
	}
	return PrintFindings(w, r.Findings)
}

// PrintFindings prints findings with their hints.
func PrintFindings(w io.Writer, findings []model.Finding) error {
	for _, f := range findings {
		fmt.Fprintf(w, "\nproblem: %s (%s)\n", f.Text, f.Code)
		if f.Hint != "" {
			fmt.Fprintf(w, "hint: %s\n", f.Hint)
		}
	}
	return nil
}

func orDash(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}
