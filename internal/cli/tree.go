package cli

import (
	"fmt"
	"io"
)

// node is a line of a tree.
type node struct {
	text     string
	children []node
}

func (n *node) add(child node) { n.children = append(n.children, child) }

// write draws the tree: head stands before the node's own line, body before
// those of its children.
func (n node) write(w io.Writer, head, body string) error {
	if _, err := fmt.Fprintf(w, "%s%s\n", head, n.text); err != nil {
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
