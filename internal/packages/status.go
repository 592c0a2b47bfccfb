// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"fmt"
	"strconv"
	"strings"
)

// describeStatus describes a line of APT::Status-Fd (apt, README.progress-reporting), or returns the
// empty string: "pmstatus:python3-nova:43.2:Unpacking python3-nova (amd64)", and the like with
// dlstatus while it downloads.
func describeStatus(line string) string {
	parts := strings.SplitN(line, ":", 4)
	if len(parts) < 4 {
		return ""
	}
	percent, err := strconv.ParseFloat(parts[2], 64)
	if err != nil { // the name of a package may have an architecture: libc6:amd64
		name, rest, ok := strings.Cut(parts[3], ":")
		if percent, err = strconv.ParseFloat(name, 64); err != nil || !ok {
			return ""
		}
		parts[3] = rest
	}
	what := map[string]string{"dlstatus": "downloaded", "pmstatus": "installed"}[parts[0]]
	if what == "" {
		return ""
	}
	detail := parts[3]
	if detail != "" {
		detail = ": " + strings.ToLower(detail[:1]) + detail[1:]
	}
	return fmt.Sprintf("%.0f%% %s%s", percent, what, detail)
}
