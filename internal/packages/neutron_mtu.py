"""The MTU of a network whose owner has not asked for one: 1500.

Neutron gives such a network the largest that its segment carries, 8942 in a VPC. The Internet carries 1500,
and a router that has to tell a sender outside of a smaller network tells it by an address that the sender
does not know. Who wants more asks for it: openstack network create --mtu 8942.

Neutron loads it as an extension driver of ML2, "macaw_mtu" in ml2_conf.ini.
"""

from neutron.db import models_v2
from neutron_lib.plugins.ml2 import api

UNASKED = 1500


class MTU(api.ExtensionDriver):
    extension_alias = None  # adds nothing to the API

    def initialize(self):
        pass

    def process_create_network(self, plugin_context, data, result):
        if data.get('mtu') or result['mtu'] <= UNASKED:
            return
        plugin_context.session.get(models_v2.Network, result['id']).mtu = UNASKED
        result['mtu'] = UNASKED
