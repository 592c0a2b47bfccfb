# SPDX-License-Identifier: Apache-2.0

# What a tenant of a Macaw cloud makes: a network with a router, and a guest with a floating IP. The
# cloud is that of OS_CLOUD; its entry in clouds.yaml has the authority's certificate.
terraform {
  required_providers {
    openstack = { source = "terraform-provider-openstack/openstack" }
  }
}

provider "openstack" {}

data "openstack_networking_network_v2" "public" {
  name     = "public"
  external = true
}

data "openstack_images_image_v2" "tiny" {
  name = "tiny"
}

resource "openstack_networking_network_v2" "web" {
  name = "terraform"
}

resource "openstack_networking_subnet_v2" "web" {
  name            = "terraform"
  network_id      = openstack_networking_network_v2.web.id
  cidr            = "192.168.77.0/24"
  dns_nameservers = ["8.8.8.8"]
}

resource "openstack_networking_router_v2" "web" {
  name                = "terraform"
  external_network_id = data.openstack_networking_network_v2.public.id
}

resource "openstack_networking_router_interface_v2" "web" {
  router_id = openstack_networking_router_v2.web.id
  subnet_id = openstack_networking_subnet_v2.web.id
}

resource "openstack_networking_secgroup_v2" "web" {
  name = "terraform"
}

resource "openstack_networking_secgroup_rule_v2" "ssh" {
  security_group_id = openstack_networking_secgroup_v2.web.id
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = "tcp"
  port_range_min    = 22
  port_range_max    = 22
  remote_ip_prefix  = "0.0.0.0/0"
}

resource "openstack_compute_keypair_v2" "web" {
  name       = "terraform"
  public_key = var.public_key
}

variable "public_key" {
  type = string
}

resource "openstack_networking_port_v2" "web" {
  name               = "terraform"
  network_id         = openstack_networking_network_v2.web.id
  security_group_ids = [openstack_networking_secgroup_v2.web.id]
  fixed_ip {
    subnet_id = openstack_networking_subnet_v2.web.id
  }
}

resource "openstack_compute_instance_v2" "web" {
  name        = "terraform"
  image_id    = data.openstack_images_image_v2.tiny.id
  flavor_name = "m1.nano"
  key_pair    = openstack_compute_keypair_v2.web.name
  network {
    port = openstack_networking_port_v2.web.id
  }
}

resource "openstack_networking_floatingip_v2" "web" {
  pool       = data.openstack_networking_network_v2.public.name
  port_id    = openstack_networking_port_v2.web.id
  depends_on = [openstack_networking_router_interface_v2.web]
}

output "address" {
  value = openstack_networking_floatingip_v2.web.address
}
