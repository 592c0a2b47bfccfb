// Package openstack turns a Debian machine into a node of an OpenStack cloud: it runs on the node, as root.
package node
