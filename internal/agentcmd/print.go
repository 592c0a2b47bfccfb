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
	if st.Mode == "" {
		_, err := fmt.Fprintln(w, "This node is no gateway: it has no translation.")
		return err
	}
	fmt.Fprintf(w, "Translation: %s\n\n", describeMode(st.Mode))
	var entries, counters []string
	for _, e := range st.Entries {
		entries = append(entries, fmt.Sprintf("%s\t%s", e.Addr, e.MAC))
	}
	for _, reason := range slices.Sorted(maps.Keys(st.Counters)) {
		if n := st.Counters[reason]; n.Packets > 0 {
			counters = append(counters, fmt.Sprintf("%s\t%d\t%d", reason, n.Packets, n.Bytes))
		}
	}
	for _, t := range []table{
		{"ADDRESS\tMAC", entries, "No address is translated."},
		{"COUNTER\tFRAMES\tBYTES", counters, "No frame has passed."},
	} {
		if err := t.print(w); err != nil {
			return err
		}
	}
	if st.Report == nil {
		_, err := fmt.Fprintln(w, "The agent has not reported yet.")
		return err
	}
	return printReport(w, st.Report, st.NamesUnknown)
}

// printAll prints the state of several gateways, each under its name.
func printAll(w io.Writer, all []nodeStatus) error {
	for i, n := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "Node %s\n", n.Node)
		if n.Status == nil {
			fmt.Fprintln(w, "It does not answer, see below.")
			continue
		}
		if err := PrintStatus(w, *n.Status); err != nil {
			return err
		}
	}
	return nil
}

// table is a table, and a sentence that stands for it if it has no rows.
type table struct {
	header string
	rows   []string // cells with tabs between them
	empty  string
}

// print prints the table and an empty line.
func (t table) print(w io.Writer) error {
	if len(t.rows) == 0 {
		_, err := fmt.Fprintln(w, t.empty+"\n")
		return err
	}
	tabs := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tabs, t.header)
	for _, row := range t.rows {
		fmt.Fprintln(tabs, row)
	}
	if err := tabs.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// describeMode describes a mode of the translation.
func describeMode(mode string) string {
	if mode == nodeapi.ModeOff {
		return "off: frames pass untouched, and AWS drops them, until it is switched on or the node reboots"
	}
	return "on"
}

// printReport prints an agent's report. namesUnknown is why names in it are missing.
func printReport(w io.Writer, r *nodeapi.Report, namesUnknown string) error {
	var enis, addresses []string
	for _, e := range r.ENIs {
		enis = append(enis, fmt.Sprintf("%s\t%s\t%s\t%d of %d", e.ID, e.MAC, e.Primary, e.Addresses, e.Limit))
	}
	for _, at := range r.Addresses {
		eni := cmp.Or(at.ENI, "not registered")
		if !at.Here {
			eni = "on " + cmp.Or(at.Host, "no node")
		}
		addresses = append(addresses, fmt.Sprintf("%s\t%s\t%s\t%s", at.Addr, orDash(at.Public), eni, at.Owner()))
	}
	for _, t := range []table{
		{"PROVIDER ENI\tMAC\tPRIMARY\tADDRESSES", enis, "AWS has not shown a provider ENI yet."},
		{"ADDRESS\tPUBLIC\tENI\tOF", addresses, "Neutron uses no address of the external network."},
	} {
		if err := t.print(w); err != nil {
			return err
		}
	}
	exceeded := exceededAllowances(r.Allowances)
	if len(exceeded) > 0 {
		if err := (table{header: "EXCEEDED\tNIC\tPACKETS", rows: exceeded}).print(w); err != nil {
			return err
		}
	}
	if len(r.Held) > 0 {
		if err := PrintHeld(w, r.Held); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	if namesUnknown != "" {
		fmt.Fprintln(w, "Some names are not known: "+namesUnknown)
	}
	for _, c := range []struct {
		who string
		nodeapi.Contact
	}{{"Neutron", r.Neutron}, {"AWS", r.AWS}} {
		if _, err := fmt.Fprintln(w, describeContact(c.who, c.Contact)); err != nil {
			return err
		}
	}
	return PrintFindings(w, r.Findings)
}

// exceededAllowances returns the rows of the counters that have counted anything.
func exceededAllowances(all []nodeapi.Allowances) (rows []string) {
	for _, a := range all {
		for _, counter := range slices.Sorted(maps.Keys(a.Exceeded)) {
			if n := a.Exceeded[counter]; n > 0 {
				rows = append(rows, fmt.Sprintf("%s\t%s\t%d", counter, a.NIC, n))
			}
		}
	}
	return rows
}

// describeContact describes whether a service answers the agent.
func describeContact(who string, c nodeapi.Contact) string {
	last := "never"
	if !c.Answered.IsZero() {
		last = "at " + c.Answered.UTC().Format(time.TimeOnly) + " UTC"
	}
	switch {
	case c.Error != "":
		return fmt.Sprintf("%s does not answer (last answer: %s): %s", who, last, c.Error)
	case c.Answered.IsZero():
		return who + " was not asked yet"
	}
	return who + " answered " + last
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
