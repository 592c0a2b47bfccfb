// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"macaw.example/internal/model"
	"macaw.example/internal/nodeapi"
)

// A guest that is resized, or migrated while it is stopped, moves to another node by files: the source's
// nova-compute runs ssh, as its user nova, to make the guest's directory on the destination, and scp to copy
// the disks (nova/virt/libvirt/driver.py, migrate_disk_and_power_off; volume/remotefs.py has rsync as the
// only other transport, which goes through ssh too). So computes run a second SSH server for nothing else:
// as the user nova, without a way to more rights, at a port for computes, with keys of its own. It sees the
// file system read-only but for the guests' directory, and runs the few commands of [DiskCommand].

// disks is that server. What a guest's disk does while the guest runs is libvirtTLS's.
var disks = service{
	name:  "disks",
	roles: []model.Role{model.Compute},
	when:  migrates,
	files: []configFile{
		{template: "disks-sshd.conf", path: disksDir + "sshd.conf", readers: []string{"macaw-disks.service"}},
		{template: "disks-host-key", path: disksDir + "host.key", group: "nova", readers: []string{"macaw-disks.service"}},
		{template: "disks-authorized-keys", path: disksDir + "authorized_keys"},
		{template: "disks-client-key", path: disksDir + "client.key", group: "nova"},
		{template: "disks-known-hosts", path: disksDir + "known_hosts"},
		{template: "disks-ssh.conf", path: "/var/lib/nova/.ssh/config"},
	},
	units: []string{"macaw-disks.service"},
	systemd: []configFile{{
		template: "macaw-disks.service",
		path:     "/etc/systemd/system/macaw-disks.service",
		readers:  []string{"macaw-disks.service"},
	}},
}

const disksDir = "/etc/macaw/disks/"

// migrates reports whether guests can move between this node and another one.
func migrates(s nodeapi.OpenStack) bool {
	return s.Has(model.Compute) && len(s.Peers(model.Compute)) > 1
}

// diskKeys are the private SSH keys of all computes' servers for disks, in PEM. Each compute has the broker's
// password, by which it can have nova-compute on any other one do more than this server would, so keys of each
// node's own would protect nothing.
type diskKeys struct {
	Client string `json:"client,omitempty"`
	Host   string `json:"host,omitempty"`
}

func (k diskKeys) isZero() bool { return k.Client == "" || k.Host == "" }

func (k *diskKeys) fill() error {
	for _, key := range []*string{&k.Client, &k.Host} {
		if *key != "" {
			continue
		}
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		if *key, err = encodeSSHKey(private); err != nil {
			return err
		}
	}
	return nil
}

// encodeSSHKey returns a key in PKCS #8, which OpenSSH reads, in PEM without the last end of line.
func encodeSSHKey(private ed25519.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))), nil
}

// publicSSHKey returns the public key of a private one, as in authorized_keys; nothing if there is none.
func publicSSHKey(private string) string {
	block, _ := pem.Decode([]byte(private))
	if block == nil {
		return ""
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return ""
	}
	own, ok := key.(ed25519.PrivateKey)
	if !ok {
		return ""
	}
	// RFC 8709, section 4: the name of the format, and the key, each after its length.
	const format = "ssh-ed25519"
	var wire []byte
	for _, part := range []string{format, string(own.Public().(ed25519.PublicKey))} {
		wire = binary.BigEndian.AppendUint32(wire, uint32(len(part)))
		wire = append(wire, part...)
	}
	return format + " " + base64.StdEncoding.EncodeToString(wire)
}

// diskPath is a guest's directory, the one beside it of a guest that is being resized, or a file in either.
var diskPath = regexp.MustCompile(`^/var/lib/nova/instances/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(_resize)?` +
	`(/[A-Za-z0-9_][A-Za-z0-9_.-]*)?$`)

// sftpServer serves scp, which uses SFTP since OpenSSH 9.0.
const sftpServer = "/usr/lib/openssh/sftp-server"

// DiskCommand returns the program, with its arguments, for a command that another node's nova-compute sends
// to the server for disks: scp, or one of the four of nova/virt/libvirt/volume/remotefs.py, SshDriver.
func DiskCommand(sent string) ([]string, error) {
	if sent == sftpServer {
		return []string{sftpServer}, nil
	}
	words := strings.Split(sent, " ")
	path := words[len(words)-1]
	before := strings.Join(words[:len(words)-1], " ")
	if !slices.Contains([]string{"mkdir -p", "touch", "rm", "rm -rf"}, before) || !diskPath.MatchString(path) {
		return nil, fmt.Errorf("refusing to run %q: this server is for the disks of guests", sent)
	}
	return append(strings.Split("/usr/bin/"+before, " "), path), nil
}
