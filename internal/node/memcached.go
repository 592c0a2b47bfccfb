package node

var memcached = service{
	name:  "memcached",
	roles: []Role{Controller},
	files: []configFile{
		{template: "memcached.conf", path: "/etc/memcached.conf", readers: []string{"memcached.service"}},
	},
	units: []string{"memcached.service"},
}
