#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The metrics of svmrund, read as a scraper does it. Each case is a function; run one by name, or
all. tests/cli/svmrund.bats lists them."""
import os
import re
import socket
import subprocess
import sys
import tempfile
from rpc_lib import Daemon
from rpc_roles import FAKE, PROGRAM
from rpc_streaming import SPIN, make, run, until_state


class Measured(Daemon):
    def __init__(self, text=''):
        self.where = tempfile.TemporaryDirectory(prefix='svmrund-metrics-')
        self.metrics = os.path.join(self.where.name, 'metrics.sock')
        conf = os.path.join(self.where.name, 'conf')
        with open(conf, 'w') as file:
            file.write('[metrics]\nsocket = %s\n%s' % (self.metrics, text))
        super().__init__(FAKE, '--config', conf)

    def connect(self):
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(self.metrics)
        peer.settimeout(20)
        return peer


def answer_of(peer, request):
    peer.sendall(request)
    data = b''
    try:
        while part := peer.recv(1 << 20):
            data += part
    except ConnectionResetError:
        pass        # it did not read all of a request that is too long
    head, _, body = data.partition(b'\r\n\r\n')
    assert b'Content-Length: %d' % len(body) in head, head
    return head.decode(), body.decode()


def scrape(d):
    head, body = answer_of(d.connect(), b'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    assert head.startswith('HTTP/1.1 200 OK'), head
    assert 'application/openmetrics-text; version=1.0.0' in head, head
    return parse(body)


SAMPLE = re.compile(r'(svmrund_[a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? ([0-9.]+)')


def parse(body):
    """The rules of OpenMetrics: TYPE before its samples, families in one piece, EOF at the end."""
    assert body.endswith('\n# EOF\n'), body[-100:]
    families, samples, current = {}, {}, None
    for line in body.splitlines()[:-1]:
        if line.startswith('# TYPE '):
            _, _, current, kind = line.split(' ')
            assert current not in families, line
            families[current] = kind
        elif line.startswith('# '):
            assert line.split(' ')[2] == current, line
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            suffix = name[len(current):]
            assert name.startswith(current) and suffix in {
                'counter': ('_total',), 'gauge': ('',), 'info': ('_info',),
                'histogram': ('_bucket', '_count', '_sum')}[families[current]], line
            assert (name, labels) not in samples, line
            samples[name, labels] = float(value)
    return samples


def the_text_is_openmetrics_and_counts_what_happened():
    with Measured() as d:
        c = d.client()
        vm = make(c, rbx=1000, name='a "quoted\\" name')
        c.call('events.subscribe', vm=vm, mode='lossless')
        assert run(c, vm)['state'] == 'stopped'
        until_state(c)
        c.error('vm.info', vm=99)
        of = 'vm="1",name="a \\"quoted\\\\\\" name"'
        seen = scrape(d)
        for name, labels, value in [
                ('svmrund_clients', None, 1), ('svmrund_clients_accepted_total', None, 1),
                ('svmrund_events_total', None, 1000), ('svmrund_templates', None, 1),
                ('svmrund_vms', 'state="stopped"', 1), ('svmrund_vms', 'state="running"', 0),
                ('svmrund_vm_exits_total', of + ',vcpu="0",exit="RDTSC",code="0x6e"', 1000),
                ('svmrund_vm_events_total', of + ',vcpu="0"', 1000),
                ('svmrund_vm_ring_dropped_total', of + ',vcpu="0"', 0),
                ('svmrund_vm_memory_bytes', of, 0x10000),
                ('svmrund_rpc_errors_total', 'method="vm.info"', 1),
                ('svmrund_rpc_latency_seconds_count', 'method="vm.info"', 1),
                ('svmrund_rpc_latency_seconds_bucket', 'method="vm.info",le="+Inf"', 1),
                ('svmrund_rpc_latency_seconds_count', 'method="vm.create"', 1)]:
            assert seen[name, labels] == value, (name, labels, seen[name, labels])
        assert seen['svmrund_sent_bytes_total', None] > 200000
        assert seen['svmrund_resident_memory_bytes', None] > 1 << 20
        assert ('svmrund_vm_run_seconds_total', of) in seen
        other = d.client()
        other.close()
        vm = make(c, rdi=SPIN)
        c.call('vm.start', vm=vm)
        again = scrape(d)
        assert again['svmrund_clients_accepted_total', None] == 2
        assert again['svmrund_vms', 'state="running"'] == 1


def what_is_no_request_for_metrics_is_refused():
    with Measured() as d:
        for request, status in [(b'POST /metrics HTTP/1.1\r\n\r\n', '405'),
                                (b'GET / HTTP/1.1\r\n\r\n', '404'),
                                (b'GET /metricsx HTTP/1.1\r\n\r\n', '404'),
                                (b'\xff' * 100 + b'\n\n', '405'), (b'x' * 8200, '431')]:
            head, _ = answer_of(d.connect(), request)
            assert head.startswith('HTTP/1.1 ' + status), (request[:40], head)
        halves = [d.connect() for _ in range(15)]
        for peer in halves:
            peer.sendall(b'GET /metr')
        assert scrape(d)
        late = d.connect()      # one too many with the next
        late.sendall(b'GET ')
        assert d.connect().recv(100) == b''
        for peer in halves:
            peer.close()
        late.close()
        d.client().call('vm.list')


def a_port_of_the_loopback_serves_the_same():
    free = socket.socket()
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
    free.close()
    with Measured('port = %d\n' % port) as d:
        peer = socket.create_connection(('127.0.0.1', port), 20)
        head, body = answer_of(peer, b'GET /metrics HTTP/1.0\r\n\r\n')
        assert head.startswith('HTTP/1.1 200') and parse(body)
        assert scrape(d)
    assert not os.path.exists(d.metrics)


def a_place_that_cannot_be_had_is_named():
    with tempfile.TemporaryDirectory() as where:
        conf = os.path.join(where, 'conf')
        with open(conf, 'w') as file:
            file.write('[metrics]\nsocket = /nonexistent/metrics.sock\n')
        result = subprocess.run([PROGRAM, '--socket', os.path.join(where, 's'), '--config', conf],
                                capture_output=True, timeout=20, check=False, text=True)
        assert result.returncode == 1, result
        assert '[metrics] socket = /nonexistent/metrics.sock: ' in result.stderr, result


if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
