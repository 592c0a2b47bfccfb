// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"testing"
)

// The lines are apt's, of apt-get install.
func TestDescribeStatus(t *testing.T) {
	for line, want := range map[string]string{
		"dlstatus:1:0.0000:Retrieving file 1 of 412":                   "0% downloaded: retrieving file 1 of 412",
		"pmstatus:dpkg-exec:40.0000:Running dpkg":                      "40% installed: running dpkg",
		"pmstatus:python3-nova:43.5000:Unpacking python3-nova (amd64)": "44% installed: unpacking python3-nova (amd64)",
		"pmstatus:libc6:amd64:12.3000:Configuring libc6:amd64":         "12% installed: configuring libc6:amd64",
		"pmconffile:/etc/x:12.3:'/etc/x' '/etc/x.new' 1 1":             "",
		"media-change:disc:cd":                                         "",
		"pmstatus:x":                                                   "",
		"":                                                             "",
	} {
		if got := describeStatus(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
