#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""svmrund as a service of systemd, with this program in the manager's place. Each case is a
function; run one by name, or all. tests/cli/svmrund.bats lists them."""
import os
import re
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


def a_required_device_that_is_missing_is_the_last_word():
    with tempfile.TemporaryDirectory() as where:
        missing = os.path.join(where, 'svmrt')
        result = subprocess.run([SVMRUND, '--socket', missing + '.sock', '--device', missing,
                                 '--require-device'], capture_output=True, timeout=20,
                                check=False, text=True)
        assert result.returncode == os.EX_UNAVAILABLE, result
        assert result.stderr.count('\n') == 1 and 'modprobe svmrt' in result.stderr, result
        open(missing, 'w').close()      # something else is there
        result = subprocess.run([SVMRUND, '--socket', missing + '.sock', '--device', missing,
                                 '--require-device'], capture_output=True, timeout=20,
                                check=False, text=True)
        assert result.returncode == os.EX_UNAVAILABLE, result
        assert 'SVMRT_INFO' in result.stderr and 'modprobe' not in result.stderr, result
        assert not os.path.exists(missing + '.sock')


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



def a_reload_is_told_to_the_manager():
    manager = Manager()
    process = manager.start()
    manager.hears('READY=1')
    process.send_signal(signal.SIGHUP)
    told = manager.notify.recv(4096).decode()
    assert re.fullmatch('RELOADING=1\nMONOTONIC_USEC=[0-9]+', told), told
    manager.hears('READY=1')
    process.terminate()
    leaves(process)


# In a mount namespace of its own, so that the socket of the journal is this program's.
UNDER_JOURNAL = """
mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/test && exec "$0" "$@"
"""


def as_root_the_journal_gets_priorities_and_fields():
    command = ['unshare', '--mount', 'sh', '-c', UNDER_JOURNAL, sys.executable, __file__, 'journal']
    subprocess.run(command, check=True, timeout=60)


def journal():
    """Runs alone in the namespace: reads what svmrund sends to the journal's socket."""
    reader = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    reader.bind('/run/systemd/journal/socket')
    reader.settimeout(20)
    path = '/run/test/control.sock'
    errors = os.open('/run/test/stream', os.O_CREAT | os.O_WRONLY)
    status = os.fstat(errors)
    environment = {**os.environ, 'JOURNAL_STREAM': '%d:%d' % (status.st_dev, status.st_ino)}
    with open('/run/test/conf', 'w') as conf:
        conf.write('[limits]\noutput_bytes = 1MiB\noutput_high_bytes = 512KiB\n'
                   'output_low_bytes = 1KiB\nbatch = 200\n')
    process = subprocess.Popen([SVMRUND, '--socket', path, '--config', '/run/test/conf'],
                               env=environment, stderr=errors)

    def entry(word):
        while True:
            fields = dict(line.split('=', 1) for line in
                          reader.recv(65536).decode().splitlines() if '=' in line)
            if word in fields['MESSAGE']:
                return fields

    assert entry('listening on')['PRIORITY'] == '6'
    client = Client(path)
    client.send(b'[' + b','.join([b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}'] * 200) + b']\n')
    fields = entry('its output queue is full')
    assert fields['PRIORITY'] == '4' and fields['SVMKIT_CLIENT'] == '1', fields
    assert fields['SVMKIT_CLIENT_PID'] == str(os.getpid()), fields
    assert fields['SVMKIT_CLIENT_UID'] == str(os.getuid()) and 'SVMKIT_VM' not in fields, fields
    process.terminate()
    assert entry('SIGTERM')['PRIORITY'] == '6'
    assert process.wait(20) == 0
    assert os.path.getsize('/run/test/stream') == 0


if __name__ == '__main__' and sys.argv[1:] == ['journal']:
    journal()
    sys.exit()

if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
