// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"fmt"
	"io"
)

// Tree is a line with the lines below it.
type Tree struct {
	Text     string
	children []Tree
}

// Add adds a line below this one.
func (n *Tree) Add(child Tree) { n.children = append(n.children, child) }

// Write draws the tree.
func (n Tree) Write(w io.Writer) error { return n.write(w, "", "") }

// write draws the tree: head is the prefix of the node's own line, body that of its children's.
func (n Tree) write(w io.Writer, head, body string) error {
	if _, err := fmt.Fprintf(w, "%s%s\n", head, n.Text); err != nil {
		return err
	}
	for i, child := range n.children {
		mark, space := "├─ ", "│  "
		if i == len(n.children)-1 {
			mark, space = "└─ ", "   "
		}
		if err := child.write(w, body+mark, body+space); err != nil {
			return err
		}
	}
	return nil
}
