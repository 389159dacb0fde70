#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Crowds: many clients with valid and invalid calls against replayed VMs, thousands of connections,
and peers that never read or never end. Descriptors and memory return to where they began. The daemon
is the one of SVMKIT_BUILD: run it with a build for ASan or TSan, too. Each case is a function; run one
by name, or all. tests/cli/svmrund.bats lists them."""
import os
import random
import resource
import socket
import sys
import tempfile
import threading
import time
from rpc_lib import Client, Daemon
from rpc_replay import SVMRUND, recording
from rpc_streaming import make

SEED = int(os.environ.get('SVMKIT_SEED', '1'))
CLIENTS, CALLS, VMS = 100, 60, 20


class Replay(Daemon):
    def __init__(self, where):
        log, conf = os.path.join(where, 'log'), os.path.join(where, 'conf')
        with recording(log) as d:
            c = d.client()
            for number in range(VMS):
                vm = make(c, name='vm%d' % number, rbx=2000 + number, rdx=1)
                c.call('vm.start', vm=vm)
                c.call('vm.wait', vm=vm)
        with open(conf, 'w') as file:
            file.write('[limits]\nclients = 300\nstall_ms = 500ms\n')
        super().__init__(SVMRUND, '--engine', 'replay:' + log, '--config', conf)

    def descriptors(self):
        return len(os.listdir('/proc/%d/fd' % self.process.pid))

    def resident(self):
        with open('/proc/%d/statm' % self.process.pid) as statm:
            return int(statm.read().split()[1]) * 4096

    def settles_at(self, descriptors):
        deadline = time.monotonic() + 60
        while self.descriptors() > descriptors:
            assert time.monotonic() < deadline, (self.descriptors(), descriptors)
            self.client().call('vm.list')


def replay():
    return tempfile.TemporaryDirectory(prefix='svmrund-crowd-')


def any_call(rng):
    vm = rng.choice([rng.randrange(1, VMS + 1)] * 9 + [0, 99, '1', None, -1])
    return rng.choice([
        ('vm.list', {}), ('vm.info', {'vm': vm}), ('stats.get', {'vm': vm}), ('vm.start', {'vm': vm}),
        ('vm.pause', {'vm': vm}), ('vm.resume', {'vm': vm}), ('vm.stop', {'vm': vm}),
        ('vm.wait', {'vm': vm, 'timeout_ms': rng.randrange(20)}), ('rpc.discover', {}),
        ('vcpu.get', {'vm': vm, 'vcpu': 0}), ('vcpu.debug', {'vm': vm, 'vcpu': 0, 'step': True}),
        ('memory.read', {'vm': vm, 'gpa': 0, 'bytes': 8}), ('console.attach', {'vm': vm}),
        ('events.subscribe', {'vm': vm, 'mode': rng.choice(['lossy', 'lossless', 'lost'])}),
        ('events.subscribe', {'vm': vm, 'format': 'json', 'from_seq': rng.randrange(3000)}),
        ('events.subscribe', {'vm': vm, 'exits': ['NPF'], 'sample': 3, 'fields': ['rip']}),
        ('events.unsubscribe', {'subscription': rng.randrange(1, 4)}), ('nonsense', {}),
        ('console.write', {'vm': vm, 'data': 'x'}), ('template.load', {'data': 'AAAA'}),
        ('template.load', {'path': '/etc/passwd'}), ('vm.destroy', {'vm': 10 ** 6})])


def visit(path, number, failures):
    rng = random.Random(SEED * 1000 + number)
    try:
        c = Client(path, limit=120)
        for _ in range(CALLS):
            method, params = any_call(rng)
            answer = c.raw(method, **params)
            assert 'result' in answer or isinstance(answer['error']['code'], int), answer
            c.notes.clear()
        if rng.randrange(2):
            c.send(b'{"jsonrpc":')      # and leaves in the middle of a line
        c.close()
    except Exception as error:      # noqa: B902, a thread's failure must reach the test
        failures.append((number, repr(error)))


def a_crowd_of_clients_leaves_nothing_behind():
    with replay() as where, Replay(where) as d:
        first = d.client()
        assert len(first.call('vm.list')['vms']) == VMS
        begin, failures = d.descriptors(), []
        threads = [threading.Thread(target=visit, args=(d.path, n, failures))
                   for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures[:3]
        d.settles_at(begin)
        assert len(first.call('vm.list')['vms']) == VMS


def ten_thousand_connections_leave_nothing_behind():
    with replay() as where, Replay(where) as d:
        c = d.client()
        c.call('vm.list')
        begin = d.descriptors()
        sizes = []
        for number in range(10000):
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(d.path)
            if number % 3 == 0:
                peer.sendall(b'{"jsonrpc":"2.0","id":1,"method":"vm.list"}\n')
            if number % 50 == 0:
                c.call('vm.list')       # the daemon keeps up: nobody waits in the backlog for long
            peer.close()
            if number in (2000, 9999):
                c.call('vm.list')
                sizes.append(d.resident())
        d.settles_at(begin)
        assert sizes[1] < sizes[0] + (8 << 20), sizes


def a_gigabyte_in_one_line_is_skipped_in_bounded_memory():
    chunk = b'x' * (1 << 20)
    with replay() as where, Replay(where) as d:
        c, other = d.client(), d.client()
        other.call('vm.list')
        begin = d.resident()
        for number in range(1024):
            c.send(chunk)
            if number % 256 == 0:
                other.call('vm.list')
        c.send(b'\n')
        assert c.line()['error']['data']['limit'] == 'line_bytes'
        assert len(c.call('vm.list')['vms']) == VMS
        assert d.resident() < begin + (80 << 20), (begin, d.resident())


if __name__ == '__main__':
    MOST = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST, MOST))
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
