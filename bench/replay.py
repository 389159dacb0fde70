# SPDX-License-Identifier: MIT
"""What the benches of streaming share: svmrund on a recording, bench/stream_tool, and room for sockets."""
import json
import os
import re
import resource
import socket
import subprocess
import time

CONF = '[limits]\nclients = 2000\n[metrics]\nsocket = %s\n'


def many_files():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def tool_path(build):
    return os.path.join(build, 'bench', 'stream_tool')


def tool(build, *args):
    out = subprocess.run([tool_path(build), *map(str, args)], check=True, capture_output=True, timeout=1200)
    return json.loads(out.stdout.splitlines()[-1]) if out.stdout else None


def resident(pid):
    """KiB of a process's own memory."""
    with open('/proc/%d/smaps_rollup' % pid) as file:
        return sum(int(n) for n in re.findall(r'^Private_\w+:\s+(\d+) kB', file.read(), re.M))


class Daemon:
    """svmrund on a recording, perhaps under callgrind."""

    def __init__(self, build, log, where, wrap=()):
        self.path, self.metrics = os.path.join(where, 's'), os.path.join(where, 'm')
        conf = os.path.join(where, 'conf')
        with open(conf, 'w') as file:
            file.write(CONF % self.metrics)
        self.errors = open(os.path.join(where, 'errors'), 'w')
        self.process = subprocess.Popen([*wrap, os.path.join(build, 'svmrund'), '--config', conf, '--socket', self.path,
                                         '--engine', 'replay:' + log], stderr=self.errors)
        while True:
            try:
                self.control = self.connect()
                break
            except OSError:
                assert self.process.poll() is None, 'svmrund does not start'
                time.sleep(0.02)
        self.ids = 0

    def connect(self):
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(self.path)
        return peer

    def call(self, method, **params):
        self.ids += 1
        self.control.sendall(json.dumps({'jsonrpc': '2.0', 'id': self.ids, 'method': method,
                                         'params': params}).encode() + b'\n')
        data = b''
        while not data.endswith(b'\n'):
            data += self.control.recv(1 << 20)
        answer = json.loads(data)
        assert 'result' in answer, answer
        return answer['result']

    def counters(self):
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(self.metrics)
        peer.sendall(b'GET /metrics HTTP/1.0\r\n\r\n')
        data = b''
        while part := peer.recv(1 << 20):
            data += part
        return {name: float(value) for name, value in
                re.findall(r'^(svmrund_[a-z_]+) ([0-9.]+)$', data.decode(), re.M)}

    def cpu(self):
        with open('/proc/%d/schedstat' % self.process.pid) as stat:
            main = int(stat.read().split()[0])
        return main / 1e9       # the loop's thread: the one that encodes and sends

    def stop(self):
        self.process.terminate()
        self.process.wait(600)
        self.errors.close()
