// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"macaw.example/internal/deploy"
	"macaw.example/internal/hint"
)

// operatorHome returns the locations of this user's files: below $XDG_DATA_HOME (XDG Base Directory
// Specification), and the path where OpenStack's clients look for clouds.yaml (openstacksdk,
// "Configuration").
func operatorHome() (deploy.Home, error) {
	user, err := os.UserHomeDir()
	below := func(variable string, otherwise ...string) string {
		if dir := os.Getenv(variable); filepath.IsAbs(dir) {
			return dir
		}
		return filepath.Join(append([]string{user}, otherwise...)...)
	}
	home := deploy.Home{
		Dir:        filepath.Join(below("XDG_DATA_HOME", ".local", "share"), "macaw"),
		CloudsYAML: filepath.Join(below("XDG_CONFIG_HOME", ".config"), "openstack", "clouds.yaml"),
		Cache:      filepath.Join(below("XDG_CACHE_HOME", ".cache"), "macaw"),
	}
	if file := os.Getenv("OS_CLIENT_CONFIG_FILE"); file != "" {
		home.CloudsYAML = file
	}
	if !filepath.IsAbs(home.Cache) {
		home.Cache = "" // without HOME
	}
	if !filepath.IsAbs(home.Dir) || !filepath.IsAbs(home.CloudsYAML) && os.Getenv("OS_CLIENT_CONFIG_FILE") == "" {
		if err == nil {
			err = fmt.Errorf("the home directory %q is no absolute path", user)
		}
		return deploy.Home{}, hint.With(
			fmt.Errorf("finding the directory for the keys of clouds, and clouds.yaml: %w", err),
			"set HOME to an absolute path; or XDG_DATA_HOME and XDG_CONFIG_HOME, to directories that only you can read")
	}
	return home, nil
}
