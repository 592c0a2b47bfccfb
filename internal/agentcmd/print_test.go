// SPDX-License-Identifier: Apache-2.0

package agentcmd

import (
	"strings"
	"testing"
	"time"

	"macaw.example/internal/nodeapi"
)

// The text says whether Neutron and AWS answer, and has a sentence instead of an empty table.
func TestPrintStatus(t *testing.T) {
	at := time.Date(2026, 11, 29, 12, 30, 15, 0, time.UTC)
	for _, tt := range []struct {
		status nodeapi.Status
		want   string
	}{
		{nodeapi.Status{Mode: nodeapi.ModeTranslate},
			"Translation: on\n\nNo address is translated.\n\nNo frame has passed.\n\nThe agent has not reported yet.\n"},
		{nodeapi.Status{
			Mode: nodeapi.ModeTranslate, Counters: map[string]nodeapi.Count{"in_ipv4": {Packets: 2, Bytes: 84}, "none": {}},
			Report: &nodeapi.Report{
				Neutron: nodeapi.Contact{Answered: at}, AWS: nodeapi.Contact{Answered: at, Error: "throttled"},
				ENIs: []nodeapi.ENI{{ID: "eni-1", MAC: "02:00:00:00:00:01", Addresses: 4, Limit: 14}},
				Allowances: []nodeapi.Allowances{{NIC: "ens5", Exceeded: map[string]uint64{"pps_allowance_exceeded": 0}},
					{NIC: "ens6", Exceeded: map[string]uint64{"pps_allowance_exceeded": 7, "bw_in_allowance_exceeded": 12}}},
			},
		}, `Translation: on

No address is translated.

COUNTER  FRAMES  BYTES
in_ipv4  2       84

PROVIDER ENI  MAC                PRIMARY     ADDRESSES
eni-1         02:00:00:00:00:01  invalid IP  4 of 14

Neutron uses no address of the external network.

EXCEEDED                  NIC   PACKETS
bw_in_allowance_exceeded  ens6  12
pps_allowance_exceeded    ens6  7

Neutron answered at 12:30:15 UTC
AWS does not answer (last answer: at 12:30:15 UTC): throttled
`},
	} {
		var out strings.Builder
		if err := PrintStatus(&out, tt.status); err != nil || out.String() != tt.want {
			t.Errorf("%v, got\n%s\nwant\n%s", err, &out, tt.want)
		}
	}
}
