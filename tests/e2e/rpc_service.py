#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""svmrund as a service of systemd, with this program in the manager's place. Each case is a
function; run one by name, or all. tests/cli/svmrund.bats lists them."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
from rpc_lib import Client

SVMRUND = os.path.join(os.environ.get('SVMKIT_BUILD', '.'), 'svmrund')


class Manager:
    """A socket for notifications, and one that listens to hand over."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix='svmrund-service-')
        self.path = os.path.join(self.directory.name, 'control.sock')
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(self.directory.name, 'notify'))
        self.notify.settimeout(20)

    def start(self, listeners=(), **variables):
        environment = {**os.environ, 'NOTIFY_SOCKET': self.notify.getsockname(), **variables}
        command = [SVMRUND, '--socket', self.path]
        if listeners:
            environment['LISTEN_FDS'] = str(len(listeners))
            command = ['sh', '-c', 'export LISTEN_PID=$$; exec "$@"', 'sh', *command]

        def hand_over():
            for number, listener in enumerate(listeners):
                os.dup2(listener, 3 + number)

        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE,
                                preexec_fn=hand_over, pass_fds=range(3, 3 + len(listeners)))

    def hears(self, text):
        """Waits for that notification; the watchdog's may come in between."""
        while True:
            told = self.notify.recv(4096).decode()
            if told == text:
                return
            assert told == 'WATCHDOG=1', told


def leaves(process, status=0):
    error = process.communicate(timeout=20)[1]
    assert process.returncode == status, (process.returncode, error)
    return error.decode()


def readiness_and_watchdog_and_leaving_are_told():
    manager = Manager()
    process = manager.start(WATCHDOG_USEC='100000')
    manager.hears('READY=1')
    client = Client(manager.path)   # at once: ready means that it listens
    for _ in range(3):
        manager.hears('WATCHDOG=1')
    assert client.call('vm.list') == {'vms': []}
    process.send_signal(signal.SIGTERM)
    manager.hears('STOPPING=1')
    leaves(process)


def a_socket_of_the_manager_is_served_and_left():
    manager = Manager()
    path = os.path.join(manager.directory.name, 'handed-over')
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    process = manager.start([listener.fileno()])
    client = Client(path)           # even before it is ready
    assert client.call('vm.list') == {'vms': []}
    assert not os.path.exists(manager.path)
    process.send_signal(signal.SIGTERM)
    assert "the service manager's socket" in leaves(process)
    assert os.path.exists(path)


def what_is_no_listening_socket_is_refused():
    manager = Manager()
    idle = socket.socket(socket.AF_UNIX)
    other = socket.socket(socket.AF_UNIX)
    for listeners in ([idle], [idle, other]):
        process = manager.start([s.fileno() for s in listeners])
        assert 'want one listening Unix stream socket' in leaves(process, 1)


if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
