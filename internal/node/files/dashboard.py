# Read after local_settings.py.
ALLOWED_HOSTS = ['*']
SECRET_KEY = '{{secret dashboard}}'
OPENSTACK_HOST = '{{controller}}'
OPENSTACK_KEYSTONE_URL = 'http://{{controller}}:5000/v3'
OPENSTACK_KEYSTONE_DEFAULT_ROLE = 'member'
OPENSTACK_ENDPOINT_TYPE = 'internalURL'
DEFAULT_SERVICE_REGIONS = {'*': '{{region}}'}
WEBROOT = '/horizon/'
LOGIN_URL = '/horizon/auth/login/'
LOGOUT_URL = '/horizon/auth/logout/'
LOGIN_REDIRECT_URL = '/horizon/'
STATIC_URL = '/horizon/static/'
SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_ENGINE = 'django.contrib.sessions.backends.cache'
CACHES = {
    'default': {
        'BACKEND': 'django.core.cache.backends.memcached.PyMemcacheCache',
        'LOCATION': '{{controller}}:11211',
    },
}
OPENSTACK_NEUTRON_NETWORK = {
    'enable_router': True,
    'enable_quotas': True,
    'enable_distributed_router': False,
    'enable_ha_router': False,
    'enable_fip_topology_check': True,
}
