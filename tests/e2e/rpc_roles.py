#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""svmrund.conf: roles of peers, limits, templates by path and by descriptor, reload on SIGHUP. Each
case is a function; run one by name, or all. tests/cli/svmrund.bats lists them. Those that begin
with as_root connect as other users, so they need root."""
import array
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from rpc_lib import Client, Daemon, template
from svmkit import RpcError

BUILD = os.environ.get('SVMKIT_BUILD', '.')
PROGRAM = os.path.join(BUILD, 'svmrund')
FAKE = os.path.join(BUILD, 'tests', 'unit', 'svmrund_fake')
STRANGER, FRIEND, GROUP = 40001, 40002, 40003


class Configured(Daemon):
    """A daemon with a configuration file that can be changed."""

    def __init__(self, text, program=PROGRAM):
        self.where = tempfile.TemporaryDirectory(prefix='svmrund-conf-')
        os.chmod(self.where.name, 0o755)
        self.conf = os.path.join(self.where.name, 'svmrund.conf')
        self.write(text)
        super().__init__(program, '--config', self.conf,
                         path=os.path.join(self.where.name, 'control.sock'))

    def __enter__(self):
        super().__enter__()
        os.chmod(self.path, 0o666)
        return self

    def write(self, text):
        with open(self.conf, 'w') as conf:
            conf.write(text)

    def reload(self, text, said='was read again'):
        self.write(text)
        before = self.text().count(said)
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while self.text().count(said) == before:
            assert time.monotonic() < deadline, self.text()


@contextmanager
def user(uid, *groups):
    """Connections made meanwhile are that user's."""
    os.setgroups(groups)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setgroups([])


def client_of(d, uid, *groups):
    with user(uid, *groups):
        return Client(d.path)


def denied(answer, role, needs='operator'):
    assert answer['code'] == 6 and answer['data'] == {'role': role, 'needs': needs}, answer
    assert 'svmrund.conf' in answer['message'], answer


ROLES = '[roles]\ndefault = none\nobserver_user = %d\noperator_group = %d\n' % (FRIEND, GROUP)


def as_root_observers_read_and_operators_change():
    with Configured(ROLES, FAKE) as d:
        root = d.client()
        vm = root.call('vm.create', template=root.load(template(rdi=4)))['vm']
        c = client_of(d, FRIEND)
        assert c.call('vm.list')['vms'][0]['vm'] == vm
        assert c.call('vcpu.get', vm=vm, vcpu=0)['vm'] == vm
        c.call('events.subscribe', vm=vm)
        c.call('console.attach', vm=vm)
        denied(c.error('events.subscribe', vm=vm, mode='lossless'), 'observer')
        for method in c.call('rpc.discover')['methods']:
            if method['x-role'] == 'operator':
                denied(c.error(method['name']), 'observer')
        member = client_of(d, STRANGER, GROUP)
        assert member.call('vm.start', vm=vm)['state'] == 'running'
        assert member.call('vm.stop', vm=vm)['state'] == 'stopped'


def as_root_a_stranger_is_told_why_it_is_refused():
    with Configured(ROLES) as d:
        for groups in ((), (GROUP + 1,)):
            c = client_of(d, STRANGER, *groups)
            error = c.line()['error']
            assert error['code'] == 6 and error['data'] == {'role': 'none'}, error
            assert str(STRANGER) in error['message'] and 'svmrund.conf' in error['message'], error
            try:
                c.line()
                raise AssertionError('not closed')
            except (EOFError, ConnectionResetError):
                pass
        assert d.client().call('vm.list') == {'vms': []}


def as_root_observers_leave_room_for_operators():
    """Half of the connections, and of the room for unfinished lines, is not for them."""
    with Configured('[roles]\ndefault = observer\n[limits]\nclients = 7\nline_bytes = 1MiB\n'
                    'input_bytes = 4MiB\n') as d:
        observers = [client_of(d, STRANGER + n) for n in range(4)]
        for c in observers:
            c.call('vm.list')
        error = client_of(d, STRANGER + 9).line()['error']
        assert error['data'] == {'limit': 'clients', 'value': 4} and 'observers' in error['message'], error
        operators = [d.client() for _ in range(3)]
        assert d.client().line()['error']['data'] == {'limit': 'clients', 'value': 7}
        for c in observers:
            c.send(b' ' * 900000)
        operators[0].send(b' ' * 900000 + b'{"jsonrpc": "2.0", "id": "late", "method": "vm.list"}\n')
        assert operators[0].line()['id'] == 'late'
        for c in observers:
            c.send(b'\n')
        errors = [c.line()['error'] for c in observers]
        refused = [e['data'] for e in errors if e['code'] == 3]
        assert 2 <= len(refused) < 4 and all(d == {'limit': 'input_bytes', 'value': 2 << 20} for d in refused), errors
        observers[0].close()
        while True:
            c = client_of(d, STRANGER)
            try:
                assert c.call('vm.list') == {'vms': []}
                break
            except (EOFError, RpcError):
                c.close()


def as_root_a_reload_changes_the_roles_of_who_is_connected():
    with Configured('', FAKE) as d:
        c = client_of(d, STRANGER)
        vm = c.call('vm.create', template=c.load(template(rdi=4)))['vm']
        c.call('events.subscribe', vm=vm, mode='lossless')
        d.reload('[roles]\ndefault = observer\n')
        denied(c.error('vm.start', vm=vm), 'observer')
        assert 'is lossy from now on' in d.text()
        d.reload('[roles]\ndefalt = none\n', 'stays as it was')
        assert 'svmrund.conf:2:' in d.text() and 'did you mean `default`?' in d.text(), d.text()
        assert c.call('vm.list')['vms'][0]['vm'] == vm
        d.reload('[roles]\ndefault = none\n')
        try:
            while True:
                c.line()
        except (EOFError, ConnectionResetError):
            pass
        d.client().call('vm.destroy', vm=vm)


def the_own_user_is_an_operator_whatever_the_file_says():
    with Configured('[roles]\ndefault = none\n') as d:
        assert d.client().load(template())


def limits_of_the_file_are_enforced_and_change_with_it():
    with Configured('[limits]\nclients = 2\nbatch = 3\nline_bytes = 4KiB\nsubscriptions=1\n'
                    'templates = 1\n', FAKE) as d:
        c, other = d.client(), d.client()
        one = {'jsonrpc': '2.0', 'id': 1, 'method': 'vm.list'}
        for limit, value, line in (('batch', 3, json.dumps([one] * 4).encode()),
                                   ('line_bytes', 4096, b'x' * 5000)):
            c.send(line + b'\n')
            assert c.line()['error']['data'] == {'limit': limit, 'value': value}
        assert d.client().line()['error']['data'] == {'limit': 'clients', 'value': 2}
        d.reload('[limits]\nsubscriptions = 1\ntemplates = 1\n')
        third = d.client()
        vm = third.call('vm.create', template=third.load(template()))['vm']
        third.call('events.subscribe', vm=vm)
        assert third.error('events.subscribe', vm=vm)['data'] == {'limit': 'subscriptions',
                                                                  'value': 1}
        error = third.error('template.load', data='')
        assert error['code'] == 4, error
        assert other.call('vm.list')['vms'][0]['vm'] == vm


BAD = [
    ('clients = 1\n', 1, 'stands before the first [section]'),
    ('[limit]\n', 1, 'did you mean `limits`?'),
    ('[nonsense]\n', 1, 'there are [limits], [roles], [templates], [drives], [links] and [metrics]'),
    ('[limits\n', 1, 'a name in brackets'),
    ('[limits]\nclient = 1\n', 2, 'did you mean `clients`?'),
    ('[limits]\nqqqqqqqqqq = 1\n', 2, 'svmrund.conf(5) lists them'),
    ('[limits]\n# good\n\nclients = 0\n', 4, 'a number from 1 to 65536'),
    ('[limits]\nclients = 08\n', 2, 'a number from 1 to 65536'),
    ('[limits]\nclients = 99999999999999999999999\n', 2, 'a number from 1 to 65536'),
    ('[limits]\nline_bytes = 1MB\n', 2, 'KiB, MiB or GiB'),
    ('[limits]\nstall_ms = 5m\n', 2, 'ms, s or min'),
    ('[limits]\nclients\n', 2, '`KEY = VALUE`'),
    ('[limits]\nclients =\n', 2, 'has no value'),
    ('[limits]\nclients = 1\nclients = 2\n', 3, 'the first is in line 2'),
    ('[roles]\nobserver_user = no such user\n', 2, 'write its number'),
    ('[roles]\noperator_group = no such group\n', 2, 'write its number'),
    ('[roles]\noperator_user = 4294967295\n', 2, 'there is no such user'),
    ('[roles]\ndefault = root\n', 2, 'none, observer or operator'),
    ('[templates]\ndirectory = templates\n', 2, 'an absolute path'),
    ('[drives]\ndirectory = /nonexistent/here\n', 2, 'make it, or take the line out'),
    ('[links]\ntap = ../tap0\n', 2, 'the name of an interface'),
    ('[links]\ntap =\n', 2, 'tap has no value'),
    ('[links]\ndirectory = /\n', 2, 'there is no key directory in [links]'),
    ('[templates]\ndirectory = /nonexistent/here\n', 2, 'make it, or take the line out'),
    ('[metrics]\nport = 65536\n', 2, 'a number from 1 to 65535'),
    ('[metrics]\nsocket = ' + '/' * 200 + '\n', 2, 'at most 107 bytes'),
    ('[limits]\noutput_high_bytes = 32MiB\n', 2, 'less than output_bytes'),
    ('[limits]\nline_bytes = 1GiB\n', 2, 'input_bytes must be at least line_bytes'),
    ('#' * 5000 + '\n', 1, 'longer than'), ('[limits]\n\0\n', 2, 'NUL'),
]


def check(path):
    return subprocess.run([PROGRAM, '--check-config', '--config', path], capture_output=True,
                          timeout=20, check=False, text=True)


def a_malformed_file_names_line_and_remedy():
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, 'svmrund.conf')
        for text, line, words in BAD:
            with open(path, 'w') as conf:
                conf.write(text)
            result = check(path)
            assert result.returncode == 1 and not result.stdout, (text, result)
            assert result.stderr.startswith('svmrund: %s:%d: ' % (path, line)), (text, result)
            assert words in result.stderr and result.stderr.count('\n') == 1, (text, result)
        result = subprocess.run([PROGRAM, '--socket', path + '.sock', '--config', path],
                                capture_output=True, timeout=20, check=False, text=True)
        assert result.returncode == os.EX_CONFIG and 'NUL' in result.stderr, result
        result = check(path + '.missing')
        assert result.returncode == 1 and 'No such file' in result.stderr, result


def a_good_file_is_called_good():
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, 'svmrund.conf')
        with open(path, 'w') as conf:
            conf.write('; all that there is\n[limits]\nclients = 100\nline_bytes = 64MiB\n'
                       'stall_ms = 5s\n[roles]\noperator_user = root\noperator_user = 0\n'
                       'observer_group=0\ndefault = observer\n[templates]\ndirectory = %s\n'
                       'directory = /\n[drives]\ndirectory = /tmp\n[links]\ntap = tap*\ntap = br?\n'
                       '[metrics]\nsocket = /run/x\nport = 9000' % where)
        result = check(path)
        assert (result.returncode, result.stdout) == (0, path + ': good\n'), result


def templates_come_by_path_below_the_directories_only():
    with tempfile.TemporaryDirectory() as where:
        real = os.path.realpath(where)
        inside, outside = os.path.join(real, 'in'), os.path.join(real, 'out')
        os.mkdir(inside)
        os.mkdir(outside)
        os.mkdir(os.path.join(inside, 'deeper'))
        for path in ('in/a.svmt', 'in/deeper/b.svmt', 'out/c.svmt'):
            with open(os.path.join(real, path), 'wb') as image:
                image.write(template(name=path))
        os.symlink('a.svmt', os.path.join(inside, 'link'))
        os.symlink('../out/c.svmt', os.path.join(inside, 'escape'))
        os.symlink(outside, os.path.join(inside, 'way'))
        os.mkfifo(os.path.join(inside, 'fifo'))
        with open(os.path.join(inside, 'big'), 'wb') as big:
            big.truncate(2 << 20)
        with Configured('[templates]\ndirectory = %s\n[limits]\ntemplate_bytes = 1MiB\n'
                        % inside) as d:
            c = d.client()
            for path in (inside + '/a.svmt', 'a.svmt', 'link', inside + '/./a.svmt',
                         inside + '//deeper/../a.svmt'):
                assert c.call('template.load', path=path)['name'] == 'in/a.svmt', path
            assert c.call('template.load', path='deeper/b.svmt')['name'] == 'in/deeper/b.svmt'
            for path, words in (('escape', 'leads out'), ('way/c.svmt', 'leads out'),
                                ('../out/c.svmt', 'leads out'), (outside + '/c.svmt', 'not below'),
                                (inside + 'x/a.svmt', 'not below'), (inside, 'not below'),
                                ('fifo', 'no regular file'), ('deeper', 'no regular file'),
                                ('missing', 'No such file'), ('big', 'template_bytes'),
                                ('/etc/passwd', 'not below'), (inside + '/../out/c.svmt', 'out')):
                error = c.error('template.load', path=path)
                assert error['code'] == -32602 and error['data'] == {'param': 'path'}, error
                assert words in error['message'], (path, error)
        with Configured('') as d:
            assert 'none is named' in d.client().error('template.load', path='a')['message']


def with_descriptors(client, line, *descriptors):
    client.socket.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                    array.array('i', descriptors))])


def load_line(ident):
    return json.dumps({'jsonrpc': '2.0', 'id': ident, 'method': 'template.load',
                       'params': {'descriptor': True}}).encode() + b'\n'


def templates_come_by_descriptor():
    with Daemon(PROGRAM) as d, tempfile.TemporaryFile() as one, tempfile.TemporaryFile() as two:
        c = d.client()
        one.write(template(name='one'))
        two.write(template(name='two'))
        one.flush()
        two.flush()
        assert c.call('vm.list') == {'vms': []}
        before = len(os.listdir('/proc/%d/fd' % d.process.pid))
        with_descriptors(c, load_line(1), one.fileno())
        assert c.line()['result']['name'] == 'one'
        with_descriptors(c, load_line(2) + load_line(3), one.fileno(), two.fileno())
        assert [c.line()['result']['name'] for _ in range(2)] == ['one', 'two']
        error = c.error('template.load', descriptor=True)
        assert error['data'] == {'param': 'descriptor'} and 'SCM_RIGHTS' in error['message'], error
        reading, writing = os.pipe()
        for number in (reading, c.socket.fileno(), os.open('/', os.O_RDONLY)):
            with_descriptors(c, load_line(4), number)
            assert 'no regular file' in c.line()['error']['message']
        error = c.error('template.load', data='AAAA', descriptor=True)
        assert error['code'] == -32602 and 'exactly one' in error['message'], error
        # Nobody asks for these: the daemon keeps few, and none after the client has gone.
        other = d.client()
        for _ in range(30):
            with_descriptors(other, b'\n', *[one.fileno()] * 10)
        assert other.call('vm.list') == {'vms': []}
        assert len(os.listdir('/proc/%d/fd' % d.process.pid)) <= before + 1 + 16
        other.close()
        deadline = time.monotonic() + 20
        while len(os.listdir('/proc/%d/fd' % d.process.pid)) > before:
            assert time.monotonic() < deadline
        os.close(reading)
        os.close(writing)


if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
