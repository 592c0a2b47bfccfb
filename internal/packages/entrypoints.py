"""Looks once for the entry points of all Python packages, as every daemon would at its own first start.

Stevedore, by which OpenStack's services find their plugins, keeps what it has found under the interpreter's
name and search path. Both are set here to what the daemons have.

usage: entrypoints.py, with the cache's directory in XDG_CACHE_HOME
"""

import os
import sys

from stevedore import _cache

system = [entry for entry in sys.path if entry.startswith('/usr')]
os.chdir('/usr/lib/python3')  # as in uwsgi.ini
for executable, path in (
        ('/usr/bin/python3', ['/usr/bin', *system]),
        ('/usr/bin/uwsgi-core', ['.', '', *system])):
    sys.executable = executable
    _cache.Cache().get_group_all('', path=tuple(path))
