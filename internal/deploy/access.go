// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"cmp"
	"context"
	"fmt"

	"go.yaml.in/yaml/v3"

	"macaw.example/internal/cloudsyaml"
	"macaw.example/internal/infra"
	"macaw.example/internal/neutron"
	"macaw.example/internal/nodeapi"
)

// access is the administrator's access to the cloud.
type access struct {
	Auth neutron.Auth
	path string // of the clouds.yaml that has the entry
	ca   string // path of the certificates to trust, empty for the system's
	// refused is why that is not the user's own clouds.yaml; nil if it is.
	refused error
}

// Env is how OpenStack's clients find a cloud.
type Env struct {
	Cloud     string `json:"cloud"`      // its name in CloudsYAML
	Clouds    string `json:"cloudsYAML"` // path
	Auth      string `json:"authURL"`    // Keystone's
	Dashboard string `json:"dashboard"`  // URL
	// CACert is the path of the certificates to trust the cloud by; empty for those of the system.
	CACert string `json:"cacert,omitempty"`
}

// Env fetches the administrator's credentials and puts them into clouds.yaml.
func (d *Deployment) Env(ctx context.Context) (env Env, err error) {
	err = d.onController(ctx, func(ctx context.Context, w *ways, h Node) error {
		acc, err := d.takeAccess(ctx, h)
		env = Env{
			Cloud:     d.Cloud.Name,
			Clouds:    acc.path,
			Auth:      acc.Auth.URL,
			Dashboard: d.dashboard(w.controller()),
			CACert:    acc.ca,
		}
		return err
	})
	return env, err
}

func (d *Deployment) dashboard(n infra.NodeOutput) string {
	return fmt.Sprintf("https://%s/", cmp.Or(d.Cloud.Management.Domain, n.ManagementPublic))
}

// takeAccess fetches the administrator's credentials from the controller and puts them into
// clouds.yaml.
func (d *Deployment) takeAccess(ctx context.Context, h Node) (access, error) {
	var acc access
	shared := cloudsyaml.File{Path: d.Home.CloudsYAML}.Shared()
	err := d.do(phaseHost, "fetch credentials", func() error {
		var err error
		acc, err = d.fetchAccess(ctx, h)
		return err
	})
	stays := cloudsyaml.File{Path: d.Home.CloudsYAML}.Shared()
	switch {
	case err != nil || acc.refused != nil || !shared && !stays:
	case stays:
		d.note(phaseHost, "%s has passwords, and other users may read it: its file system has no permissions",
			d.Home.CloudsYAML)
	default:
		d.note(phaseHost, "%s has passwords, and other users could read it: its mode is now 0600", d.Home.CloudsYAML)
	}
	if acc.refused != nil {
		d.note(phaseHost, "clouds.yaml stays as it is: %v", acc.refused)
		d.Progress.Note(phaseHost, "OpenStack's clients find the cloud with: export OS_CLIENT_CONFIG_FILE="+acc.path)
	}
	return acc, err
}

func (d *Deployment) fetchAccess(ctx context.Context, h Node) (access, error) {
	file, err := h.Output(ctx, "cat "+nodeapi.CloudsYAML)
	if err != nil {
		return access{}, fmt.Errorf("fetching the cloud's credentials: %w", err)
	}
	entry, err := cloudEntry([]byte(file), d.Cloud.Name)
	if err != nil {
		return access{}, err
	}
	auth, err := authOf(entry)
	if err != nil {
		return access{}, err
	}
	auth.Direct = d.Cloud.InLab() // no proxy reaches the addresses of this host's lab
	var ca string
	if auth.CA, ca, err = d.trusted(ctx, h); err != nil {
		return access{}, err
	}
	if ca != "" {
		trust(entry, ca)
	}
	path, refused, err := d.Home.putCloud(d.Cloud.Name, entry)
	if err != nil {
		return access{}, err
	}
	return access{Auth: auth, path: path, ca: ca, refused: refused}, nil
}

// trust makes an entry of clouds.yaml name a file with the authorities to trust.
func trust(entry *yaml.Node, path string) {
	entry.Content = append(entry.Content,
		&yaml.Node{Kind: yaml.ScalarNode, Value: "cacert"}, &yaml.Node{Kind: yaml.ScalarNode, Value: path})
}

// authOf decodes an entry of clouds.yaml.
func authOf(entry *yaml.Node) (neutron.Auth, error) {
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
	if err := entry.Decode(&e); err != nil {
		return neutron.Auth{}, err
	}
	return neutron.Auth{
		URL: e.Auth.URL, User: e.Auth.User, Password: e.Auth.Password, Project: e.Auth.Project,
		UserDomain: e.Auth.Domain, ProjectDomain: e.Auth.Domain, Region: e.Region,
	}, nil
}
