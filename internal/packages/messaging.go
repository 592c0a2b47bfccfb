// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"macaw.example/internal/configfile"
	"macaw.example/internal/execute"
	"macaw.example/internal/graph"
)

const (
	messagingPath = "/usr/lib/python3/dist-packages/oslo_messaging/_drivers/amqpdriver.py"
	slowReply     = "            except queue.Empty:\n                time.sleep(0.5)\n"
	quickReply    = "            except queue.Empty:\n                time.sleep(0.01)\n"
)

// quickenReplies makes OpenStack's services look for the reply to a remote call every 10 ms instead
// of every half second. oslo.messaging has no option for it. Each call takes as long as the pause,
// and nova-compute's and guests' starts consist mostly of such calls. A package upgrade reverts it,
// which is harmless.
func (m *Machine) quickenReplies(ctx context.Context) error {
	path := filepath.Join(m.Root, messagingPath)
	source, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(source), slowReply) {
		return graph.ErrNothingToDo // another version, which may not need it
	}
	source = []byte(strings.Replace(string(source), slowReply, quickReply, 1))
	if _, err := (configfile.File{Path: messagingPath, Mode: 0o644, Content: source}).Write(m.Root); err != nil {
		return err
	}
	if _, err := m.Run(ctx, execute.Command{Args: []string{"python3", "-m", "compileall", "-q", path}}); err != nil {
		return fmt.Errorf("compiling %s: %w", messagingPath, err)
	}
	return nil
}
