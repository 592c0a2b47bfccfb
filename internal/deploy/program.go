package deploy

import (
	"embed"
	"errors"
	"io/fs"

	"macaw.example/internal/hint"
)

// program has the node's program, compressed; "make build" puts it there.
//
//go:embed program
var program embed.FS

const programFile = "program/macaw-node.gz"

// embeddedProgram is the node's program, built for linux/amd64, that this program
// carries, compressed.
func embeddedProgram() ([]byte, error) {
	packed, err := program.ReadFile(programFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.With(errors.New("this macaw was built without the node's program, macaw-node"),
			"make build builds both")
	}
	return packed, err
}
