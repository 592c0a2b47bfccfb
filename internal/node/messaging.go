// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
func (n *node) quickenReplies(ctx context.Context) error {
	path := filepath.Join(n.root, messagingPath)
	source, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(source), slowReply) {
		return errNothingToDo // another version, which may not need it
	}
	source = []byte(strings.Replace(string(source), slowReply, quickReply, 1))
	if _, err := (file{Path: messagingPath, Mode: 0o644, Content: source}).write(n.root); err != nil {
		return err
	}
	if _, err := n.run(ctx, command{Args: []string{"python3", "-m", "compileall", "-q", path}}); err != nil {
		return fmt.Errorf("compiling %s: %w", messagingPath, err)
	}
	return nil
}
