// SPDX-License-Identifier: Apache-2.0

package ovn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"macaw.example/internal/smallfile"
)

// RunDir is where OVN's daemons have their PID files and control sockets.
const RunDir = "/var/run/ovn"

// PingController asks this machine's ovn-controller for its version, by its control socket below dir
// (ovs-appctl(8)). It answers in the loop that does all of its work: no answer means that it hangs.
func PingController(ctx context.Context, dir string) error {
	pid, err := smallfile.Read(filepath.Join(dir, "ovn-controller.pid"))
	if err != nil {
		return fmt.Errorf("ovn-controller does not run: %w", err)
	}
	return ping(ctx, filepath.Join(dir, "ovn-controller."+strings.TrimSpace(string(pid))+".ctl"))
}

// ping makes a call by JSON-RPC 1.0, without a separator between messages (ovsdb-server(7), section 4 of RFC 7047).
func ping(ctx context.Context, socket string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", socket, err)
	}
	defer conn.Close()
	end, _ := ctx.Deadline() // the zero time is no deadline
	if err := conn.SetDeadline(end); err != nil {
		return err
	}
	_, err = conn.Write([]byte(`{"method":"version","params":[],"id":0}`))
	var answer struct {
		Result string
		Error  any
	}
	if err == nil {
		err = json.NewDecoder(conn).Decode(&answer)
	}
	if err == nil && answer.Error != nil {
		err = errors.New(fmt.Sprint(answer.Error))
	}
	if err != nil {
		return fmt.Errorf("asking at %s: %w", socket, err)
	}
	return nil
}
