"""Makes the tables of OpenStack's databases, all of them at once.

Every service has its own program for this, and each spends two seconds importing what they all import.
So one process imports that and then forks for every chain of calls. It runs as root, whom the database
server knows by its socket: there is no password, and nothing of this depends on the cloud.

Keystone's gets its first content too: roles, projects, the users of services and the names of what will be
in the catalog, but no password and no address.

usage: schema.py SOCKET IDENTITY
IDENTITY is JSON: {"accounts": {user: [role]}, "services": {name: type}}
"""

import base64
import json
import os
import secrets
import sys
import tempfile
import time
import uuid

import alembic.command
import oslo_config.cfg
import oslo_db.sqlalchemy.enginefacade
import oslo_log.log
import pymysql
import sqlalchemy.dialects.mysql.pymysql
import sqlalchemy.orm

SOCKET = sys.argv[1]
IDENTITY = json.loads(sys.argv[2])
BEGIN = time.time()

# Nova fills these in from its own configuration, so one image serves every cloud.
CELL = '{scheme}://{username}:{password}@{hostname}:{port}/%s?{query}'
QUEUE = '{scheme}://{username}:{password}@{hostname}:{port}/'
EXAMPLE = 'rabbit://user:password@localhost:5672/'  # only to see that QUEUE is well made


def url(schema):
    return 'mysql+pymysql://root@localhost/%s?unix_socket=%s&charset=utf8' % (schema, SOCKET)


def config(name, **sections):
    path = os.path.join(DIRECTORY, name + '.conf')
    with open(path, 'w') as f:
        for section, options in sections.items():
            f.write('[%s]\n' % section)
            for key, value in options.items():
                f.write('%s = %s\n' % (key, value))
    return path


def fork(name, call):
    """Runs call in a child, with its output in a file that is shown if it fails."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid, name
    code = 1
    try:
        log = os.open(os.path.join(DIRECTORY, name + '.log'), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        try:
            code = call() or 0
        except SystemExit as e:
            code = e.code
            if code is not None and not isinstance(code, int):
                sys.stderr.write(str(code) + '\n')
                code = 1
        except BaseException:
            import traceback
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code or 0)


def wait(children):
    failed = []
    for pid, name in children:
        _, status = os.waitpid(pid, 0)
        if status:
            failed.append(name)
            sys.stderr.write('%s failed:\n' % name)
            with open(os.path.join(DIRECTORY, name + '.log')) as f:
                sys.stderr.writelines(f.readlines()[-15:])
        else:
            print('%5.1f %s' % (time.time() - BEGIN, name))
    return 1 if failed else 0


def manage(main, program, conf, *args):
    sys.argv = [program, '--config-file', conf, *args]
    return main()


def keystone():
    import keystone.cmd.manage as m
    # It wants keys to be there, though it needs none yet; the cloud's own are made with its passwords.
    keys = os.path.join(DIRECTORY, 'keys')
    os.mkdir(keys, 0o700)
    for name in '01':
        with open(os.path.join(keys, name), 'wb') as f:
            f.write(base64.urlsafe_b64encode(secrets.token_bytes(32)))
    conf = config('keystone', database={'connection': url('keystone')},
                  **{section: {'key_repository': keys} for section in ('fernet_tokens', 'fernet_receipts', 'credential')})
    return (wait([fork('keystone-db', lambda: manage(m.main, 'keystone-manage', conf, 'db_sync'))]) or
            wait([fork('keystone-identity', lambda: identity(m.main, conf))]))


def identity(main, conf):
    with pymysql.connect(unix_socket=SOCKET, user='root', database='keystone', autocommit=True) as c:
        fresh = not c.cursor().execute("SELECT 1 FROM local_user WHERE name = 'admin'")
        # It also sets the administrator's password, so never in a cloud that is in use.
        if fresh:
            os.environ['OS_BOOTSTRAP_PASSWORD'] = secrets.token_hex()
            manage(main, 'keystone-manage', conf, 'bootstrap')
            c.cursor().execute('DELETE FROM password')
        else:
            import keystone.conf
            import keystone.server
            keystone.conf.configure()
            keystone.conf.CONF(['--config-file', conf], project='keystone')
            keystone.server.setup_backends()
    from keystone.common import provider_api
    fill(provider_api.ProviderAPIs)


def fill(keystone):
    """Makes what is missing, by Keystone's own hand."""
    def new(name, **fields):
        return dict(fields, id=uuid.uuid4().hex, name=name)

    projects = {p['name']: p for p in keystone.resource_api.list_projects()}
    roles = {r['name']: r for r in keystone.role_api.list_roles()}
    users = {u['name']: u for u in keystone.identity_api.list_users(domain_scope='default')}
    services = {s['name'] for s in keystone.catalog_api.list_services()}
    if 'service' not in projects:
        p = new('service', domain_id='default', enabled=True, description='', is_domain=False)
        projects['service'] = keystone.resource_api.create_project(p['id'], p)
    for name, kind in IDENTITY['services'].items():
        if name not in services:
            s = new(name, type=kind, enabled=True)
            keystone.catalog_api.create_service(s['id'], s)
    for user, wanted in IDENTITY['accounts'].items():
        if user not in users:
            users[user] = keystone.identity_api.create_user({'name': user, 'domain_id': 'default', 'enabled': True})
        have = keystone.assignment_api.get_roles_for_user_and_project(users[user]['id'], projects['service']['id'])
        for role in wanted:
            if role not in roles:
                r = new(role)
                roles[role] = keystone.role_api.create_role(r['id'], r)
            if roles[role]['id'] not in have:
                keystone.assignment_api.add_role_to_user_and_project(
                    users[user]['id'], projects['service']['id'], roles[role]['id'])


def glance():
    import glance.cmd.manage as m
    return manage(m.main, 'glance-manage', config('glance', database={'connection': url('glance')}), 'db_sync')


def placement():
    import placement.cmd.manage as m
    return manage(m.main, 'placement-manage', config('placement', placement_database={'connection': url('placement')}), 'db', 'sync')


def neutron():
    import neutron.db.migration.cli as m
    conf = config('neutron', DEFAULT={'core_plugin': 'ml2'}, database={'connection': url('neutron')})
    return manage(m.main, 'neutron-db-manage', conf, 'upgrade', 'heads')


def nova():
    import nova.cmd.manage as m

    def conf(schema):
        return config('nova-' + schema, DEFAULT={'transport_url': EXAMPLE},
                      api_database={'connection': url('nova_api')}, database={'connection': url(schema)})

    def call(*args, schema='nova'):
        return lambda: manage(m.main, 'nova-manage', conf(schema), *args)

    def cells():
        return (wait([fork('nova-cell0', call('cell_v2', 'map_cell0', '--database_connection', CELL % 'nova_cell0'))]) or
                wait([fork('nova-cell1', known_cell1() or call(
                    'cell_v2', 'create_cell', '--name', 'cell1',
                    '--database_connection', CELL % 'nova', '--transport-url', QUEUE))]))

    return wait([fork('nova-api', lambda: wait([fork('nova-api-db', call('api_db', 'sync'))]) or cells()),
                 fork('nova-cell0-db', call('db', 'sync', '--local_cell', schema='nova_cell0')),
                 fork('nova-cell1-db', call('db', 'sync', '--local_cell'))])


def known_cell1():
    """create_cell refuses to make a cell twice, and says so like an error."""
    with pymysql.connect(unix_socket=SOCKET, user='root', database='nova_api') as c:
        with c.cursor() as cursor:
            return (lambda: 0) if cursor.execute("SELECT 1 FROM cell_mappings WHERE name = 'cell1'") else None


with tempfile.TemporaryDirectory(prefix='macaw-schema-') as DIRECTORY:
    # The longest first.
    sys.exit(wait([fork(f.__name__, f) for f in (nova, neutron, keystone, glance, placement)]))
