package node

import (
	"context"
	"fmt"
)

// flavor is a size of guest. Disk is in GiB, and at least 1: a disk as large as the image is for administrators only.
type flavor struct {
	Name  string `json:"name"`
	VCPUs int    `json:"vcpus"`
	RAM   int    `json:"ram"` // MiB
	Disk  int    `json:"disk"`
}

var flavors = []flavor{
	{"m1.nano", 1, 160, 1},
	{"m1.tiny", 1, 512, 1},
	{"m1.small", 1, 2048, 20},
	{"m1.medium", 2, 4096, 40},
	{"m1.large", 4, 8192, 80},
}

// ensureFlavors makes the usual sizes that are missing. What people have made of them is left alone.
func ensureFlavors(ctx context.Context, c *client) error {
	var seen struct{ Flavors []flavor }
	if err := c.do(ctx, "GET", 8774, "/v2.1/flavors?is_public=None", nil, &seen); err != nil {
		return fmt.Errorf("listing flavors: %w", err)
	}
	missing := missingFlavors(seen.Flavors)
	if len(missing) == 0 {
		return errNothingToDo
	}
	for _, f := range missing {
		if err := c.do(ctx, "POST", 8774, "/v2.1/flavors", map[string]flavor{"flavor": f}, nil); err != nil && !hasStatus(err, 409) {
			return fmt.Errorf("making flavor %s: %w", f.Name, err)
		}
	}
	return nil
}

func missingFlavors(seen []flavor) []flavor {
	have := map[string]bool{}
	for _, f := range seen {
		have[f.Name] = true
	}
	var missing []flavor
	for _, f := range flavors {
		if !have[f.Name] {
			missing = append(missing, f)
		}
	}
	return missing
}
