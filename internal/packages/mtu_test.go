// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"os/exec"
	"strings"
	"testing"
)

// mtuCheck runs the driver with the parts of Neutron that it uses.
const mtuCheck = `
import sys, types

class Network: pass
rows = {}

def module(name, **content):
    m = sys.modules[name] = types.ModuleType(name)
    m.__dict__.update(content)
    return m

models = module('neutron.db.models_v2', Network=Network)
module('neutron'); module('neutron.db', models_v2=models)
api = module('neutron_lib.plugins.ml2.api', ExtensionDriver=object)
module('neutron_lib'); module('neutron_lib.plugins'); module('neutron_lib.plugins.ml2', api=api)

scope = {}
exec(sys.stdin.read(), scope)

class Session:
    def get(self, kind, id):
        assert kind is Network
        return rows[id]

for asked, largest, want in ((None, 8942, 1500), (0, 8942, 1500), (8942, 8942, 8942), (1280, 8942, 1280),
                             (None, 1442, 1442), (1500, 8942, 1500)):
    rows['n'] = types.SimpleNamespace(mtu=asked or largest)
    context, result = types.SimpleNamespace(session=Session()), {'id': 'n', 'mtu': asked or largest}
    data = {} if asked is None else {'mtu': asked}
    scope['MTU']().process_create_network(context, data, result)
    got = rows['n'].mtu, result['mtu']
    assert got == (want, want), (asked, largest, got)
print('checked')
`

func TestMTUOfANetworkThatAsksForNone(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	cmd := exec.Command(python, "-c", mtuCheck)
	cmd.Stdin = strings.NewReader(string(mtuDriver))
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "checked\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
