// SPDX-License-Identifier: Apache-2.0

package mounts

import "os"

// Private makes directories that only their owner can enter or list, and fixes the mode of
// existing ones.
func Private(dirs ...string) error {
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
		if err := os.Chmod(d, 0o700); err != nil {
			return err
		}
	}
	return nil
}
