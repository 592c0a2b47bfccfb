// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
	"macaw.example/internal/packages"
)

// nodeTags are the tags for every file of a node.
func nodeTags(s nodeapi.OpenStack, sec secrets, f facts) tags {
	t := tags{
		"cloud":            s.Cloud,
		"region":           s.Region,
		"node":             s.Node,
		"physical-network": s.PhysicalNetwork,
		"address":          s.Management.Address.String(),
		"public":           public(s),
		"controller":       s.Controller.String(),

		"password admin":   sec.Admin,
		"secret rabbit":    sec.Rabbit,
		"secret metadata":  sec.Metadata,
		"secret dashboard": sec.Dashboard,
		"transport":        fmt.Sprintf("rabbit://openstack:%s@%s:%d/", sec.Rabbit, s.Controller, nodeapi.RabbitMQPort),
		"gateway-role":     gatewayRole,

		"ovn-authorities": ovnAuthorities,
		"ovn-certificate": ovnCertificate,
		"ovn-key":         ovnKey,

		"guests-directory":   guestsDirectory,
		"guests-authorities": guestsAuthorities,
		"guests-certificate": guestsCertificate,
		"guests-key":         guestsKey,

		"disks client private": sec.Disks.Client,
		"disks client public":  publicSSHKey(sec.Disks.Client),
		"disks host private":   sec.Disks.Host,
		"disks host public":    publicSSHKey(sec.Disks.Host),

		"neutron-server": neutronServer(s, sec),
		"nova-server":    novaServer(s, sec),
		"nova-migration": novaMigration(s),
		"virtualization": virtualization(f),
		"tunnel":         tunnelTag(f.Tunnel),
	}
	maps.Copy(t, natTags(s))
	maps.Copy(t, gatewayTags(s))
	maps.Copy(t, keeperTags(s))
	maps.Copy(t, computeTags(s))
	for _, a := range accounts {
		t["password "+a.user] = sec.Accounts[a.user]
		t["auth "+a.user] = auth(s, sec, a.user)
		t["authtoken "+a.user] = authtoken(s, sec, a.user)
	}
	for _, d := range databases {
		for _, schema := range d.schemas {
			t["database "+d.user+" "+schema] = databaseURL(s, sec, d.user, schema)
		}
	}
	return t
}

// computeTags list the nodes that run guests.
func computeTags(s nodeapi.OpenStack) tags {
	var hosts, addresses, names []string
	for _, p := range s.Peers(model.Compute) {
		hosts = append(hosts, p.Address.String(), p.Name)
		addresses = append(addresses, p.Address.String())
		names = append(names, strconv.Quote("CN="+p.Name))
	}
	return tags{
		"computes":          strings.Join(hosts, " "), // as patterns of ssh_config(5)
		"compute-addresses": strings.Join(addresses, ","),
		"compute-names":     strings.Join(names, ", "), // of certificates
	}
}

// unitTags are the tags for systemd's files of a service, which are the same on every node.
func unitTags(svc service) tags {
	return tags{"after": strings.Join(svc.after, " "), "cache": packages.PythonCache}
}

// apiTags are the additional tags for the files of an API that uWSGI runs.
func apiTags(a api) tags {
	return tags{
		"unit":    a.Unit,
		"project": a.Project,
		"port":    strconv.Itoa(a.Port),
		"wsgi":    a.WSGI,
		"threads": strconv.Itoa(a.Threads),
		"env":     option("env", a.Env),
		"pyargv":  option("pyargv", a.Args),
	}
}

// option is a line of a file, or empty if the value is empty.
func option(name, value string) string {
	if value == "" {
		return ""
	}
	return name + " = " + value
}

// auth is the configuration with which user logs in to Keystone.
func auth(s nodeapi.OpenStack, sec secrets, user string) string {
	return strings.Join([]string{
		"auth_url = " + keystoneURL(s),
		"auth_type = password",
		"project_domain_name = Default",
		"user_domain_name = Default",
		"project_name = service",
		"username = " + user,
		"password = " + sec.Accounts[user],
		"region_name = " + s.Region,
	}, "\n")
}

// authtoken is the configuration with which user's API validates its callers' tokens.
func authtoken(s nodeapi.OpenStack, sec secrets, user string) string {
	return strings.Join([]string{
		auth(s, sec, user),
		fmt.Sprintf("www_authenticate_uri = https://%s/identity/v3", public(s)),
		fmt.Sprintf("memcached_servers = %s:%d", s.Controller, nodeapi.MemcachedPort),
		"service_token_roles = service",
		"service_token_roles_required = true",
		"interface = internal",
	}, "\n")
}

// databaseURL is user's URL of a schema. The port is explicit because Nova's cells are templates of
// this URL.
func databaseURL(s nodeapi.OpenStack, sec secrets, user, schema string) string {
	return fmt.Sprintf("mysql+pymysql://%s:%s@%s:%d/%s?charset=utf8", user, sec.Databases[user], s.Controller,
		nodeapi.MariaDBPort, schema)
}
