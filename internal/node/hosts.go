// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"macaw.example/internal/nodeapi"
)

// The nodes' names are in /etc/hosts, between these lines; the rest of the file is not ours. cloud-init, which
// macaw tells "manage_etc_hosts: localhost", changes only the line of 127.0.1.1 (its documentation, "Update
// Etc Hosts"). With "true" it would write the file anew at each boot, without them.
const (
	hostsPath  = "/etc/hosts"
	hostsBegin = "# begin: nodes of the cloud, written by macaw"
	hostsEnd   = "# end: nodes of the cloud"
)

// ensureHosts makes the names of the cloud's nodes known.
func (n *node) ensureHosts(context.Context) error {
	path := filepath.Join(n.root, hostsPath)
	seen, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the names of hosts: %w", err)
	}
	wanted := planHosts(seen, n.spec.Nodes)
	if bytes.Equal(wanted, seen) {
		return errNothingToDo
	}
	_, err = file{Path: hostsPath, Mode: 0o644, Content: wanted}.Write(n.root)
	return err
}

// planHosts returns a file of hosts with the nodes' block instead of the one it has, or at its end. A cloud
// of one node has none.
func planHosts(seen []byte, nodes []nodeapi.Peer) []byte {
	var block []byte
	if len(nodes) > 0 {
		block = append(block, hostsBegin+"\n"...)
		for _, p := range nodes {
			block = fmt.Appendf(block, "%s\t%s\n", p.Address, p.Name) // as cloud-init writes lines anew
		}
		block = append(block, hostsEnd+"\n"...)
	}
	var rest []byte
	ours, placed := false, false
	for line := range bytes.Lines(seen) {
		text := string(bytes.TrimSpace(line))
		if text == hostsBegin {
			ours = bytes.Contains(seen, []byte(hostsEnd)) // without its end, only this line is certainly ours
			if !placed {
				rest, placed = append(rest, block...), true
			}
			continue
		}
		if text == hostsEnd {
			ours = false
			continue
		}
		if !ours {
			rest = append(rest, line...)
		}
	}
	if placed || len(block) == 0 {
		return rest
	}
	if len(rest) > 0 && !bytes.HasSuffix(rest, []byte("\n")) {
		rest = append(rest, '\n')
	}
	return append(rest, block...)
}
