package cli

import (
	"context"
	"fmt"

	"github.com/goccy/go-yaml"

	"macaw.example/internal/host"
	"macaw.example/internal/terminal"
	"macaw.example/internal/verify"
)

// access is how the cloud's administrator reaches it.
type access struct {
	Auth verify.Auth
	path string // of the clouds.yaml that it is in
	// Why that is not the user's own.
	refused error
}

// takeAccess fetches the administrator's credentials from the controller and
// puts them into clouds.yaml.
func (a *App) takeAccess(ctx context.Context, s *site, h *host.Host, steps *terminal.Steps) (access, error) {
	var acc access
	err := steps.Do("host", "fetch credentials", func() error {
		var err error
		acc, err = fetchAccess(ctx, s, h)
		return err
	})
	if acc.refused != nil {
		steps.Note("host", fmt.Sprintf("clouds.yaml stays as it is: %v", acc.refused))
		steps.Note("host", "OpenStack's clients find the cloud with: export OS_CLIENT_CONFIG_FILE="+acc.path)
	}
	return acc, err
}

func fetchAccess(ctx context.Context, s *site, h *host.Host) (access, error) {
	file, err := h.Output(ctx, "cat /etc/macaw/clouds.yaml")
	if err != nil {
		return access{}, fmt.Errorf("fetching the cloud's credentials: %w", err)
	}
	entry, err := cloudEntry([]byte(file), s.cloud.Name)
	if err != nil {
		return access{}, err
	}
	auth, err := authOf(entry)
	if err != nil {
		return access{}, err
	}
	path, refused, err := putCloud(s.cloud.Name, entry)
	if err != nil {
		return access{}, err
	}
	return access{Auth: auth, path: path, refused: refused}, nil
}

// authOf reads an entry of clouds.yaml.
func authOf(entry yaml.MapSlice) (verify.Auth, error) {
	b, err := yaml.Marshal(entry)
	if err != nil {
		return verify.Auth{}, err
	}
	var e struct {
		Auth struct {
			URL      string `yaml:"auth_url"`
			User     string `yaml:"username"`
			Password string `yaml:"password"`
			Project  string `yaml:"project_name"`
			Domain   string `yaml:"user_domain_name"`
		} `yaml:"auth"`
		Region string `yaml:"region_name"`
	}
	if err := yaml.Unmarshal(b, &e); err != nil {
		return verify.Auth{}, err
	}
	return verify.Auth{
		URL: e.Auth.URL, User: e.Auth.User, Password: e.Auth.Password, Project: e.Auth.Project,
		Domain: e.Auth.Domain, Region: e.Region,
	}, nil
}
