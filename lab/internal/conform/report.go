// SPDX-License-Identifier: Apache-2.0

package conform

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Write writes the report as text: a line for each check, followed by the expected and
// observed values.
func (r Report) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CHECK\tRESULT\tKNOWN\tSECONDS\tRULE")
	for _, result := range r.Results {
		fmt.Fprintf(t, "%s\t%s\t%s\t%.1f\t%s\n", result.ID, result.Status, result.Confidence, result.Seconds, result.Title)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	r.details(w, "Observed", func(result Result) []string { return result.Observations })
	r.details(w, "Skipped or broken", func(result Result) []string {
		if result.Problem == "" {
			return nil
		}
		return []string{string(result.Status) + ": " + result.Problem}
	})
	r.details(w, "Failed", func(result Result) []string {
		if result.Status != Failed {
			return nil
		}
		return []string{"rule:     " + result.Rule, "source:   " + result.Source + " (" + string(result.Confidence) + ")",
			"expected: " + result.Expected, "saw:      " + result.Seen}
	})
	_, err := fmt.Fprintf(w, "\n%d passed, %d failed, %d observed, %d skipped, %d broken, in %.0f s.\n",
		r.Count(Passed), r.Count(Failed), r.Count(Observed), r.Count(Skipped), r.Count(Broken), r.Seconds)
	return err
}

func (r Report) details(w io.Writer, title string, of func(Result) []string) {
	for _, result := range r.Results {
		lines := of(result)
		if len(lines) == 0 {
			continue
		}
		if title != "" {
			fmt.Fprintf(w, "\n%s:\n", title)
			title = ""
		}
		fmt.Fprintf(w, "  %s\n", result.ID)
		for _, l := range lines {
			fmt.Fprintf(w, "      %s\n", strings.ReplaceAll(l, "\n", " "))
		}
	}
}

// WriteChecks lists checks as text.
func WriteChecks(w io.Writer, checks []Check) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CHECK\tKNOWN\tMAKES\tRULE")
	for _, c := range checks {
		var makes []string
		for _, cost := range c.Costs {
			makes = append(makes, string(cost))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.ID, c.Confidence, strings.Join(makes, ", "), c.Rule)
	}
	return t.Flush()
}

// Notice describes what the checks make on an AWS account, and the charges; prices are
// those of us-east-1 in 2026, in US dollars.
func Notice(checks []Check) []string {
	lines := []string{fmt.Sprintf("two VPCs (%s, %s) with subnets, interfaces and security groups in them: free", mainCIDR,
		bareCIDR)}
	quiet, pair, elastic, nat := 0, false, false, false
	ofIAM := slices.Concat(identityChecks, rightsChecks)
	if slices.ContainsFunc(checks, func(c Check) bool {
		return slices.ContainsFunc(ofIAM, func(i Check) bool { return i.ID == c.ID })
	}) {
		lines = append(lines, "roles, an instance profile, and users without rights and their access keys, below "+
			identityPath+" in IAM: free")
	}
	for _, c := range checks {
		switch {
		case c.DataPlane:
			pair = true
		case slices.Contains(c.Costs, Instances):
			quiet++
		}
		elastic = elastic || slices.Contains(c.Costs, ElasticIPs)
		nat = nat || slices.Contains(c.Costs, NATGateway)
	}
	if quiet > 0 {
		lines = append(lines, fmt.Sprintf("%d instances of type %s for some minutes each: $0.021 an hour", quiet,
			machineType))
	}
	if pair {
		lines = append(lines, fmt.Sprintf("two instances of type %s for the whole run, whose port 22 is open to all and "+
			"to a key of this run's", machineType))
	}
	if elastic {
		lines = append(lines, fmt.Sprintf("at most %d Elastic IPs at a time: $0.005 an hour each", elasticShare))
	}
	if nat {
		lines = append(lines, "a NAT gateway for some minutes: $0.045 for the hour that it is charged")
	}
	return lines
}
