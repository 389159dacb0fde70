#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The fault matrix: what svmkit does when the world around it fails, in every phase of its work.

`faults.py` runs every cell that needs no lab and prints TAP; `faults.py FAULT PHASE` runs one;
`faults.py --table` writes docs/faults.md from the cells, `--table --check` compares. The cells with the
lab (CPU offlined, lab killed) are those of tests/faults/run-lab-faults.

Every cell holds: the step does its work, or says by an error, a message or an exit status that it did
not; nobody hangs; no half-written file is left; and afterwards (where it ended: started again) the
daemon does a whole run with exactly the right events, with as many descriptors as before.
"""
import contextlib
import hashlib
import mmap
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, '..', '..')
sys.path.insert(0, os.path.join(TOP, 'tests', 'e2e'))
from rpc_lib import Client, Daemon, template  # noqa: E402
from svmkit import RpcError  # noqa: E402

BUILD = os.environ.get('SVMKIT_BUILD', os.path.join(TOP, 'build', 'gcc'))
SVMC = os.path.join(BUILD, 'svmc')
SVMC_SHARED = os.path.join(BUILD, 'tests', 'faults', 'svmc')      # inject.so reaches it
FAKE = os.path.join(BUILD, 'tests', 'unit', 'svmrund_fake')
INJECT = os.path.join(BUILD, 'tests', 'faults', 'inject.so')
EVENTS = 3000
LIMIT = 20              # seconds, against a hang only
SPEC = """svmspec: 1
name: faults
extends: long64
memory: [ { at: 0, size: 2MiB } ]
payload: { asm: "mov $1, %eax\\nvmmcall" }
"""
# What may be interrupted, by its manual page, and is asked by our programs.
INTERRUPTIBLE = ('read,write,writev,readv,open,openat,poll,epoll_wait,epoll_pwait,accept4,accept,connect,recvmsg,'
                 'recvfrom,sendmsg,sendto,wait4,flock,fcntl')

PHASES = ['compile', 'load', 'create', 'run', 'stream', 'record', 'shut down']
FAULTS = ['allocation fails', 'disk full', 'EINTR everywhere', 'fork of a helper fails', 'socket peer dies',
          'template replaced while mapped', 'clock jumps', 'CPU offlined', 'signal storm', 'lab killed']
LAB_FAULTS = ('CPU offlined', 'lab killed')
NO_CELL = {
    ('socket peer dies', 'compile'): 'svmc has no socket',
    ('CPU offlined', 'compile'): 'svmc pins nothing to a processor',
    ('lab killed', 'compile'): 'svmc does not use the lab',
    ('lab killed', 'record'): 'the recording is in the appliance, and gone with it',
}
for phase in PHASES[1:]:
    NO_CELL['fork of a helper fails', phase] = 'svmrund starts no process'
HOLDS = {
    'allocation fails': 'the step works, or fails with "out of memory"; svmrund may end with that message, and its successor works',
    'disk full': 'svmc says so and leaves no file; svmrund goes on when its log cannot be written, and says when a recording ends there',
    'EINTR everywhere': 'the step works',
    'fork of a helper fails': 'svmc names the assembler that could not be started',
    'socket peer dies': 'the VM and other clients go on; the dead client\'s subscriptions and descriptors are gone',
    'template replaced while mapped': 'the old template or the new one, whole, or a rejection',
    'clock jumps': 'the step works; nothing waits for the wall clock',
    'CPU offlined': 'the step works on the processor that is left',
    'signal storm': 'the step works; SIGHUP reads the configuration again each time',
    'lab killed': 'svmctl says that the connection was lost and fails; the next `svmlab up` works',
}


class Faults:
    """The page that inject.so reads."""
    NAMES = ['allocation', 'allocations', 'disk_full', 'writes_refused', 'clock_offset']

    def __init__(self, directory):
        self.path = os.path.join(directory, 'faults')
        with open(self.path, 'wb') as f:
            f.truncate(4096)
        with open(self.path, 'r+b') as f:
            self.page = mmap.mmap(f.fileno(), 4096)

    def get(self, name):
        return struct.unpack_from('<q', self.page, 8 * self.NAMES.index(name))[0]

    def set(self, name, value):
        struct.pack_into('<q', self.page, 8 * self.NAMES.index(name), value)

    def environment(self):
        # ASan wants to be the first library; without it this changes nothing.
        preload = ':'.join(filter(None, [os.environ.get('LD_PRELOAD'), INJECT]))
        return dict(os.environ, SVMKIT_FAULTS=self.path, LD_PRELOAD=preload)


class Ended(Exception):
    """The daemon ended, as it may when memory is short."""


class Scene:
    """A daemon on the fake engine that faults can reach, a client, and what a step needs."""

    def __init__(self, phase):
        self.phase = phase
        self.directory = tempfile.mkdtemp(prefix='svmkit-faults-')
        self.faults = Faults(self.directory)
        self.file = os.path.join(self.directory, 'template.svmt')
        self.log = os.path.join(self.directory, 'events.log')
        self.image = template(rbx=EVENTS, rdx=1)
        with open(self.file, 'wb') as f:
            f.write(self.image)
        config = os.path.join(self.directory, 'svmrund.conf')
        with open(config, 'w', encoding='ascii') as f:
            f.write('[templates]\ndirectory = %s\n' % self.directory)
        os.environ.update(self.faults.environment())
        try:
            self.daemon = Daemon(FAKE, '--config', config, *(['--record', self.log] if phase == 'record' else []),
                                 path=os.path.join(self.directory, 'control.sock'))
        finally:
            for name in ('SVMKIT_FAULTS', 'LD_PRELOAD'):
                os.environ.pop(name)
        self.daemon.__enter__()
        self.client = Client(self.daemon.path, limit=LIMIT)
        self.template = self.vm = None
        self.status = 0
        if phase not in ('load', 'shut down'):
            self.template = self.load()
        if phase in ('run', 'stream', 'record'):
            self.vm = self.create()

    def pid(self):
        return self.daemon.process.pid

    def descriptors(self):
        return len(os.listdir('/proc/%d/fd' % self.pid()))

    def load(self, client=None):
        return (client or self.client).call('template.load', path=self.file)['template']

    def create(self, client=None):
        return (client or self.client).call('vm.create', template=self.template)['vm']

    def act(self):
        """The step of the phase; raises what went wrong."""
        client = self.client
        if self.phase == 'load':
            self.template = self.load()
        elif self.phase == 'create':
            self.vm = self.create()
        elif self.phase == 'run':
            client.call('vm.start', vm=self.vm)
            assert client.call('vm.wait', vm=self.vm)['end']['reason'] == 'stop'
        elif self.phase in ('stream', 'record'):
            check_stream(client, self.vm)
        else:
            self.stop()

    def stop(self):
        self.daemon.process.send_signal(signal.SIGTERM)
        assert self.daemon.process.wait(LIMIT) == 0, self.daemon.text()

    def healthy(self):
        """A whole run by another client, and no descriptor more than before it."""
        before = self.settled()
        client = Client(self.daemon.path, limit=LIMIT)
        vm = client.call('vm.create', template=client.load(template(name='healthy', rbx=EVENTS, rdx=1)))['vm']
        check_stream(client, vm)
        identity = client.call('vm.info', vm=vm)['template']
        client.call('vm.destroy', vm=vm)
        client.call('template.unload', template=identity)
        client.close()
        until = time.monotonic() + LIMIT
        while self.descriptors() > before:
            assert time.monotonic() < until, (before, self.descriptors())
            time.sleep(0.01)

    def settled(self):
        """Descriptors, once two looks agree: a closed connection is noticed a moment later."""
        last = -1
        for _ in range(200):
            now = self.descriptors()
            if now == last:
                return now
            last = now
            time.sleep(0.02)
        return last

    def ended(self, error):
        """Whether the daemon is gone; it is waited for when `error` says that it hung up."""
        if isinstance(error, (EOFError, OSError)):
            self.daemon.process.wait(LIMIT)
        return self.daemon.process.poll() is not None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        """Ends the daemon, if it has not ended; after a failure by force."""
        self.client.close()
        process = self.daemon.process
        if process.poll() is None:
            process.send_signal(signal.SIGKILL if kind else signal.SIGTERM)
            status = process.wait(LIMIT)
            assert kind or status == self.status, (status, self.daemon.text())
        self.daemon.directory.cleanup()
        subprocess.run(['rm', '-rf', self.directory], check=True)


def check_stream(client, vm):
    """Every event of the guest, in order, nothing twice."""
    number = client.call('events.subscribe', vm=vm, mode='lossless')['subscription']
    client.call('vm.start', vm=vm)
    seen = []
    while True:
        note = client.notes.pop(0) if client.notes else client.line()
        if note.get('method') == 'exit' and note['params']['subscription'] == number:
            seen.append(note['params']['seq'])
        assert note.get('method') != 'events.dropped', note
        if note.get('method') == 'vm.state' and note['params']['vm'] == vm:
            break
    assert seen == list(range(EVENTS)), (len(seen), seen[:3], seen[-3:])


def replay(path):
    """The recording tells all of it again, or says where it ends."""
    done = subprocess.run([os.path.join(BUILD, 'svmctl'), 'replay', path], capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode in (0, 1) and done.returncode >= 0, done
    return done


# --- compile -------------------------------------------------------------------------------------

def compiled(faults=None, wrap=(), during=None):
    """svmc once: its status and messages. Either the whole file is there, or none and a reason."""
    with tempfile.TemporaryDirectory(prefix='svmkit-faults-') as directory:
        spec, out = os.path.join(directory, 'spec.yaml'), os.path.join(directory, 'out.svmt')
        with open(spec, 'w', encoding='ascii') as f:
            f.write(SPEC)
        process = subprocess.Popen([*wrap, SVMC_SHARED if faults else SVMC, 'compile', '-o', out, spec], stderr=subprocess.PIPE, text=True,
                                   env=faults.environment() if faults else None)
        stop = threading.Event()
        thread = threading.Thread(target=during, args=(process, spec, stop)) if during else None
        if thread:
            thread.start()
        messages = process.communicate(timeout=LIMIT)[1]
        stop.set()
        if thread:
            thread.join()
        left = sorted(set(os.listdir(directory)) - {'spec.yaml', 'new'})
        if process.returncode == 0:
            assert left == ['out.svmt'], left
            with open(out, 'rb') as f:
                return 0, f.read()
        assert process.returncode in (1, 3), (process.returncode, messages)
        assert left == [], left
        assert messages.strip(), 'status %d without a message' % process.returncode
        return process.returncode, messages


def compile_cell(fault):
    good = compiled()[1]
    with tempfile.TemporaryDirectory(prefix='svmkit-faults-') as directory:
        faults = Faults(directory)
        if fault == 'allocation fails':
            number = 1
            while True:
                faults.set('allocation', number)
                status, said = compiled(faults)
                if faults.get('allocation') > 0:
                    assert status == 0 and said == good
                    return
                assert said == good if status == 0 else 'memory' in said, (number, said)
                number += 1 if number < 60 else number // 8
        elif fault == 'disk full':
            faults.set('disk_full', 1)
            status, said = compiled(faults)
            assert status == 3 and 'No space left on device' in said, said
        elif fault == 'EINTR everywhere':
            status, said = compiled(wrap=strace('error=EINTR:when=1+2', follow=False))
            assert status == 0 and said == good, said
        elif fault == 'fork of a helper fails':
            status, said = compiled(wrap=['strace', '-f', '-o', os.devnull, '-e',
                                          'inject=fork,vfork,clone,clone3:error=EAGAIN'])
            assert status == 3 and 'Resource temporarily unavailable' in said, said
        elif fault == 'template replaced while mapped':
            def replace(process, spec, stop):
                while not stop.is_set() and process.poll() is None:
                    with open(os.path.join(os.path.dirname(spec), 'new'), 'w', encoding='ascii') as f:
                        f.write(SPEC)
                    os.rename(f.name, spec)
            for _ in range(10):
                status, said = compiled(during=replace)
                assert status == 0 and said == good, said
        elif fault == 'clock jumps':
            for jump in (-10 ** 9, 10 ** 9):
                faults.set('clock_offset', jump)
                assert compiled(faults) == (0, good)
        else:
            def storm(process, _spec, stop):
                signals(process.pid, (signal.SIGWINCH, signal.SIGCONT, signal.SIGCHLD, signal.SIGURG), stop)
            for _ in range(10):
                assert compiled(during=storm) == (0, good)


def strace(inject, follow=True):
    """Without `follow` the assembler, which libc starts and which is not ours, is left alone."""
    return ['strace', *(['-f'] if follow else []), '-q', '-o', os.devnull, '-e', 'inject=%s:%s' % (INTERRUPTIBLE, inject)]


def signals(pid, numbers, stop):
    while not stop.is_set():
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        time.sleep(0.0002)


# --- the daemon's phases -------------------------------------------------------------------------

@contextlib.contextmanager
def background(target, *arguments):
    stop = threading.Event()
    thread = threading.Thread(target=target, args=(*arguments, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def attached(scene, inject):
    """Calls of the daemon fail as strace is told, from now on."""
    tracer = subprocess.Popen([*strace(inject), '-p', str(scene.pid())], stderr=subprocess.PIPE)
    while 'TracerPid:\t0' in open('/proc/%d/status' % scene.pid(), encoding='ascii').read():
        assert tracer.poll() is None, tracer.stderr.read()
        time.sleep(0.01)
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait(LIMIT)
        tracer.stderr.close()


def out_of_memory(phase):
    """One allocation after another fails, each in a scene of its own."""
    number, done = 1, False
    while not done:
        with Scene(phase) as scene:
            done = one_allocation_fails(scene, number)
        number += 1 if number < 12 else number // 3


def one_allocation_fails(scene, number):
    """Whether the step made fewer allocations than that."""
    scene.faults.set('allocation', number)
    try:
        scene.act()
    except (AssertionError, RpcError, EOFError, OSError) as error:
        if scene.ended(error):
            assert 'out of memory' in scene.daemon.text(), (number, scene.daemon.text())
            assert scene.daemon.process.returncode in (-signal.SIGABRT, 1), scene.daemon.process.returncode
        else:
            assert 'memory' in str(error) or 'ENOMEM' in str(error), (number, error)
    done = scene.faults.get('allocation') > 0
    scene.faults.set('allocation', 0)
    if scene.daemon.process.poll() is None:
        scene.healthy()
    return done


def disk_full(scene):
    scene.faults.set('disk_full', 2 if scene.phase == 'record' else 1)
    scene.act()
    scene.faults.set('disk_full', 0)
    if scene.phase == 'record':
        assert scene.faults.get('writes_refused') > 0
        assert 'No space left on device' in scene.daemon.text(), scene.daemon.text()
        replay(scene.log)
        scene.status = 1        # a recording was asked for, and is not whole


def peer_dies(scene):
    """A second client asks for the step and is gone before the answer."""
    for cut in (10, None):
        dying = Client(scene.daemon.path, limit=LIMIT)
        request = {'load': '{"jsonrpc":"2.0","id":1,"method":"template.load","params":{"path":"%s"}}\n' % scene.file,
                   'create': '{"jsonrpc":"2.0","id":1,"method":"vm.create","params":{"template":"%s"}}\n' % scene.template,
                   'shut down': '{"jsonrpc":"2.0","id":1,"method":"system.shutdown"}\n'}.get(
                       scene.phase, '{"jsonrpc":"2.0","id":1,"method":"vm.start","params":{"vm":%s}}\n' % scene.vm)
        if scene.phase in ('stream', 'record'):
            dying.call('events.subscribe', vm=scene.vm, mode='lossless')
        dying.send(request.encode()[:cut])
        dying.close()
    if scene.phase == 'shut down':
        assert scene.daemon.process.wait(LIMIT) == 0, scene.daemon.text()
    elif scene.vm:
        assert scene.client.call('vm.wait', vm=scene.vm)['end']['reason'] == 'stop'


def replaced(scene):
    if scene.phase == 'load':
        new = template(name='new', rbx=EVENTS, rdx=1)

        def swap(stop):
            turn = 0
            while not stop.is_set():
                turn += 1
                with open(scene.file, 'wb') as f:           # truncated, then written: the worst way
                    f.write((new, scene.image)[turn % 2])
        whole = [hashlib.sha256(image[128:]).hexdigest() for image in (new, scene.image)]
        with background(swap):
            for _ in range(300):                            # how many of them are whole is chance
                try:
                    identity = scene.load()
                    scene.client.call('template.unload', template=identity)
                    assert identity in whole, identity
                except RpcError as error:
                    assert 'emplate' in str(error), error
        with open(scene.file, 'wb') as f:
            f.write(scene.image)
        scene.act()
    else:
        with open(scene.file, 'r+b') as f:
            f.truncate(10)
        scene.act()


def clock_jumps(scene):
    def jump(stop):
        turn = 0
        while not stop.is_set():
            turn += 1
            scene.faults.set('clock_offset', (86400, -86400, 10 ** 9)[turn % 3])
            time.sleep(0.001)
    with background(jump):
        scene.act()


def signal_storm(scene):
    with background(lambda stop: signals(scene.pid(), (signal.SIGHUP, signal.SIGWINCH, signal.SIGCONT, signal.SIGCHLD,
                                                        signal.SIGURG, signal.SIGPIPE), stop)):
        scene.act()
    if scene.phase != 'shut down':
        assert scene.daemon.text().count('onfiguration') > 0, scene.daemon.text()


def interrupted(scene):
    with attached(scene, 'error=EINTR:when=1+2'):
        scene.act()


CELLS = {'allocation fails': out_of_memory, 'disk full': disk_full, 'EINTR everywhere': interrupted, 'socket peer dies': peer_dies,
         'template replaced while mapped': replaced, 'clock jumps': clock_jumps, 'signal storm': signal_storm}


def cell(fault, phase):
    if phase == 'compile':
        compile_cell(fault)
        return
    if fault == 'allocation fails':
        out_of_memory(phase)
        return
    with Scene(phase) as scene:
        CELLS[fault](scene)
        if phase != 'shut down':
            scene.healthy()


def table():
    out = ['<!-- Generated by tests/faults/faults.py --table: edit that file, not this one. -->', '# Fault matrix', '',
           'What svmkit does when the world around it fails, in every phase of its work. Each cell that says `test` is',
           'one of `tests/faults/faults.py` (`./check`) or, with the lab, of `tests/faults/run-lab-faults` (`./check --full`).', '',
           'In every cell the step works, or an error, a message or an exit status says that it did not; nobody hangs; no',
           'half-written file is left; and afterwards a whole run has exactly the right events and no descriptor is lost.', '',
           '| fault | what holds | ' + ' | '.join(PHASES) + ' |', '|---' * (2 + len(PHASES)) + '|']
    for fault in FAULTS:
        cells = ['n/a: ' + NO_CELL[fault, phase] if (fault, phase) in NO_CELL else
                 'test, lab' if fault in LAB_FAULTS else 'test' for phase in PHASES]
        out.append('| %s | %s | %s |' % (fault, HOLDS[fault], ' | '.join(cells)))
    return '\n'.join(out) + '\n'


def main(arguments):
    page = os.path.join(TOP, 'docs', 'faults.md')
    if arguments[:1] == ['--table']:
        if arguments[1:] == ['--check']:
            with open(page, encoding='utf-8') as f:
                if f.read() != table():
                    sys.exit('docs/faults.md is not what the cells give: run tests/faults/faults.py --table')
        else:
            with open(page, 'w', encoding='utf-8') as f:
                f.write(table())
        return 0
    cells = [(f, p) for f in FAULTS for p in PHASES if f not in LAB_FAULTS and (f, p) not in NO_CELL]
    if arguments:
        cells = [c for c in cells if list(c)[:len(arguments)] == arguments]
    print('1..%d' % len(cells))
    failed = 0
    for number, (fault, phase) in enumerate(cells, 1):
        try:
            cell(fault, phase)
            print('ok %d - %s: %s' % (number, phase, fault), flush=True)
        except Exception as error:  # every cell is told
            failed += 1
            print('not ok %d - %s: %s' % (number, phase, fault))
            print('# ' + repr(error)[:600], flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
