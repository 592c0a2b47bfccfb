// SPDX-License-Identifier: Apache-2.0

package terraform

import (
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestOpenStack applies testdata/openstack.tf with Terraform's OpenStack provider to the cloud that
// OS_CLOUD names in clouds.yaml, and destroys it. A plan in between must find no difference: Macaw's
// tags on a floating IP are none of Terraform's.
func TestOpenStack(t *testing.T) {
	if !*apply || os.Getenv("OS_CLOUD") == "" {
		t.Skip("runs with -apply and OS_CLOUD (make test-terraform)")
	}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	tf := terraform{t, program(t), t.TempDir(), []string{"TF_VAR_public_key=" + string(ssh.MarshalAuthorizedKey(key))}}
	tf.configure("openstack.tf")
	tf.init()
	defer tf.run("destroy", "-auto-approve")
	tf.run("apply", "-auto-approve")
	tf.run("plan", "-detailed-exitcode") // fails if there is a difference
	tf.run("apply", "-auto-approve", "-refresh-only")
}
