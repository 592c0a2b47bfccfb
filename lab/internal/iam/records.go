// SPDX-License-Identifier: Apache-2.0

package iam

import (
	"crypto/rand"
	"strings"
	"time"

	awsapi "macaw.example/internal/aws"
)

// entity is the common part of users, roles, profiles and policies.
type entity struct {
	Name    string
	Path    string // begins and ends with a slash
	ID      string
	Created time.Time
	Tags    map[string]string `json:",omitempty"`
}

// holder is an entity with policies.
type holder struct {
	Inline   map[string]string `json:",omitempty"` // documents by name
	Attached []string          `json:",omitempty"` // ARNs
}

type userRecord struct {
	entity
	holder
}

type roleRecord struct {
	entity
	holder
	Trust       string // document
	Description string
	MaxSession  time.Duration
}

type profileRecord struct {
	entity
	Role string // name, or empty
}

type policyRecord struct {
	entity
	ARN         string
	Description string
	Versions    []policyVersion // the oldest first
	Default     int             // the number of the version in force
	Latest      int             // the highest number ever assigned
	Updated     time.Time
}

type policyVersion struct {
	Number   int
	Document string
	Created  time.Time
}

// document returns the default version.
func (p *policyRecord) document() string {
	for _, v := range p.Versions {
		if v.Number == p.Default {
			return v.Document
		}
	}
	return ""
}

type keyRecord struct {
	ID      string
	Secret  string
	User    string // name
	Status  string // Active or Inactive
	Created time.Time
}

const (
	keyActive   = "Active"
	keyInactive = "Inactive"
)

// The prefixes of unique IDs (IAM User Guide, reference_identifiers).
const (
	prefixKey       = "AKIA"
	prefixSession   = "ASIA"
	prefixUser      = "AIDA"
	prefixRole      = "AROA"
	prefixProfile   = "AIPA"
	prefixPolicy    = "ANPA"
	uniqueIDLetters = 16
)

func newID(prefix string) string { return prefix + rand.Text()[:uniqueIDLetters] }

func newSecret() string { return (rand.Text() + rand.Text())[:40] }

// arn returns the ARN of an IAM resource, which has no region.
func (c *Config) arn(kind, path, name string) string {
	return "arn:" + c.partition() + ":iam::" + c.Account + ":" + kind + path + name
}

// sessionARN returns the ARN of a role's session.
func (c *Config) sessionARN(role, session string) string {
	return "arn:" + c.partition() + ":sts::" + c.Account + ":assumed-role/" + role + "/" + session
}

func (c *Config) partition() string { return awsapi.Partition(c.Region) }

func (t *tx) userARN(u *userRecord) string { return t.cfg.arn("user", u.Path, u.Name) }
func (t *tx) roleARN(r *roleRecord) string { return t.cfg.arn("role", r.Path, r.Name) }
func (t *tx) profileARN(p *profileRecord) string {
	return t.cfg.arn("instance-profile", p.Path, p.Name)
}

// lastPart returns the name at the end of an ARN.
func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
