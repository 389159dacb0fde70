#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recordings and the engine `replay`: what one daemon recorded, another tells again. Each case is a
function; run one by name, or all. tests/cli/svmrund.bats lists them."""
import csv
import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from rpc_lib import Daemon, template
from rpc_streaming import ENDLESS, SPIN, PROGRAM, dropped_of, events_of, make, until_state

SVMRUND = os.path.join(os.environ.get('SVMKIT_BUILD', '.'), 'svmrund')
MILLION = 1000000


def recording(path):
    return Daemon(PROGRAM, '--record', path)


def replaying(path):
    return Daemon(SVMRUND, '--engine', 'replay:' + path)


def started(path):
    """The result of a replaying daemon that cannot even start."""
    socket = path + '.sock'
    return subprocess.run([SVMRUND, '--socket', socket, '--engine', 'replay:' + path],
                          capture_output=True, timeout=20, check=False)


def directory():
    return tempfile.TemporaryDirectory(prefix='svmrund-replay-')


def watch(client, vm):
    number = client.call('events.subscribe', vm=vm, mode='lossless')['subscription']
    client.call('vm.start', vm=vm)
    return [{**e, 'subscription': 0} for e in events_of(until_state(client))
            if e['subscription'] == number]


def a_recording_tells_what_was_told():
    with directory() as where:
        path = os.path.join(where, 'log')
        live = []
        with recording(path) as d:
            c = d.client()
            digest = None
            for registers in ({'rbx': 3000, 'rdx': 1}, {'rbx': 10}, {'vcpus': 3, 'states': [
                    {'rbx': 2500}, {'rbx': 40, 'rdi': SPIN}, {'rbx': 700, 'rdx': 1, 'rdi': SPIN}]}):
                live.append(watch(c, make(c, name='guest', **registers)))
                digest = c.call('vm.info', vm=len(live))['template']
        with replaying(path) as d:
            c = d.client()
            vms = c.call('vm.list')['vms']
            assert [v['vm'] for v in vms] == [1, 2, 3] and vms[2]['template'] == digest, vms
            assert all(v['name'] == 'guest' and v['state'] == 'defined' for v in vms), vms
            for vm, before in enumerate(live, 1):
                again = watch(c, vm)
                for vcpu in range(3):
                    assert [e for e in again if e['vcpu'] == vcpu] == \
                        [e for e in before if e['vcpu'] == vcpu], (vm, vcpu)
                end = c.call('vm.wait', vm=vm)['end']
                assert (end['reason'], end['text']) == ('stop', 'the recording ends here'), end


def a_replay_refuses_what_a_recording_does_not_have():
    with directory() as where:
        path = os.path.join(where, 'log')
        with recording(path) as d:
            c = d.client()
            make(c, rbx=10)
        with replaying(path) as d:
            c = d.client()
            info = c.call('system.info')
            assert info['engine'] == 'replay' and info['svmrt'] is None, info
            for method, params in [('vcpu.get', {'vcpu': 0}),
                                   ('memory.read', {'gpa': 0, 'bytes': 1}),
                                   ('vcpu.set', {'vcpu': 0, 'regs': {'rax': 1}})]:
                assert c.error(method, vm=1, **params)['code'] == 5
            assert c.error('vm.create', template=c.load(template()))['code'] == 5
            c.call('vm.start', vm=1)
            assert c.call('vm.wait', vm=1)['state'] == 'stopped'
            c.call('vm.destroy', vm=1)
            assert c.call('vm.list') == {'vms': []}


def a_million_events_lose_none_or_say_so():
    """One vCPU at full speed, a reader that takes all, and one that reads when all is over."""
    with directory() as where:
        path = os.path.join(where, 'log')
        with recording(path) as d:
            c = d.client()
            vm = make(c, rbx=MILLION)
            c.call('vm.start', vm=vm)
            assert c.call('vm.wait', vm=vm)['state'] == 'stopped'
            assert c.call('stats.get', vm=vm)['vcpus'][0]['events'] == MILLION
        assert os.path.getsize(path) < 65 * MILLION
        with replaying(path) as d:
            fast, slow, other = d.client(), d.client(), d.client()
            fast.call('events.subscribe', vm=1, mode='lossless', fields=['vm'])
            slow.call('events.subscribe', vm=1, fields=['vm'])
            other.call('vm.start', vm=1)
            told = []
            reader = threading.Thread(target=lambda: told.append(read_all(fast)))
            reader.start()
            assert other.call('vm.wait', vm=1)['state'] == 'stopped'
            reader.join()
            numbers, dropped = told[0]
            assert numbers == list(range(MILLION)) and not dropped
            check_account(slow)
            exits = other.call('stats.get', vm=1)['vcpus'][0]['exits']
            assert sum(exits.values()) == MILLION, exits


def read_all(client):
    """All sequence numbers and counts of drops up to vm.state, without parsing every line."""
    data = bytearray(client.pending)
    while b'"vm.state"' not in data[-4096:]:
        data += client.socket.recv(1 << 20)
    return ([int(n) for n in re.findall(rb'"seq":(\d+)', data)],
            [int(n) for n in re.findall(rb'"count":(\d+)', data)])


def check_account(client):
    notes = until_state(client)
    following = 0
    for method, params in notes[:-1]:
        if method == 'events.dropped':
            following += params['count']
        else:
            assert params['seq'] == following, (params, following)
            following += 1
    assert following == MILLION and dropped_of(notes) > 0, following


def a_paused_replay_stands_still_and_a_stop_ends_it():
    with directory() as where:
        path = os.path.join(where, 'log')
        with recording(path) as d:
            c = d.client()
            vm = make(c, vcpus=2, states=[{'rbx': 200000}, {'rbx': 5, 'rdi': SPIN}])
            c.call('vm.start', vm=vm)
            c.call('vm.wait', vm=vm)
        with replaying(path) as d:
            c = d.client()
            c.call('events.subscribe', vm=1, mode='lossless')   # holds vCPU 0, vCPU 1 waits for it
            other = d.client()
            other.call('vm.start', vm=1)
            assert other.call('vm.pause', vm=1)['state'] == 'paused'
            assert other.call('vm.resume', vm=1)['state'] == 'running'
            c.close()
            assert other.call('vm.stop', vm=1)['state'] == 'stopped'


def a_recording_of_a_killed_daemon_can_be_read():
    with directory() as where:
        path = os.path.join(where, 'log')
        d = recording(path)
        d.__enter__()
        c = d.client()
        vm = make(c, rdi=ENDLESS)
        c.call('vm.start', vm=vm)
        while c.call('stats.get', vm=vm)['vcpus'][0]['events'] < 20000:
            pass
        d.process.send_signal(signal.SIGKILL)
        d.process.wait(20)
        d.directory.cleanup()
        with open(path, 'rb') as log:
            data = log.read()
        for cut in (len(data), len(data) - 1, 20000, 32 + 32 + 152 + 100):
            with open(path, 'wb') as log:
                log.write(data[:cut])
            with replaying(path) as replay:
                assert 'its end is missing' in replay.text()
                numbers = [e['seq'] for e in watch(replay.client(), 1)]
                assert numbers == list(range(len(numbers)))
                assert len(numbers) % 1024 == 0 and bool(numbers) == (cut > 70000), len(numbers)


def files_that_are_no_whole_recording_are_refused():
    with directory() as where:
        path = os.path.join(where, 'log')
        assert b'No such file' in started(path).stderr
        with recording(path) as d:
            c = d.client()
            watch(c, make(c, rbx=2000))
        assert b'File exists' in subprocess.run(
            [SVMRUND, '--socket', path + '.sock', '--record', path], capture_output=True,
            timeout=20, check=False).stderr
        with open(path, 'rb') as log:
            whole = log.read()
        events = 32 + 32 + 152
        for at, change, text in [
                (0, b'X', b'not an event log'), (8, b'\2', b'version'),
                (events + 40, b'\xff', b'damaged'), (events, b'\7', b'damaged'),
                (events + 16, b'\xff' * 8, b'damaged'),
                (events + 4, struct.pack('<I', 2), b'does not have'),
                (events + 8, struct.pack('<I', 1), b'does not have'), (32 + 4, b'\2', b'in order')]:
            with open(path, 'wb') as log:
                log.write(whole[:at] + change + whole[at + len(change):])
            result = started(path)
            assert result.returncode == 1 and text in result.stderr, (at, result)
        with open(path, 'wb'):
            pass
        assert b'not an event log' in started(path).stderr



def exported(path, *options):
    return subprocess.run([os.path.join(os.path.dirname(SVMRUND), 'svmctl'), 'export', *options, path],
                          capture_output=True, timeout=60, check=False, text=True)


def an_export_has_every_event_of_the_recording():
    with directory() as where:
        path = os.path.join(where, 'log')
        with recording(path) as d:
            c = d.client()
            live = [watch(c, make(c, name='a "b"', rbx=2500, rdx=1)), watch(c, make(c, rbx=10))]
        rows = list(csv.DictReader(io.StringIO(exported(path).stdout)))
        assert len(rows) == 2510
        for row, event in zip(rows, live[0] + live[1]):
            assert (int(row['vm']), int(row['vcpu']), int(row['seq']), row['exit']) == (
                event['vm'], event['vcpu'], event['seq'], event['exit']), (row, event)
            assert all(row[k] == event[k] for k in ('rip', 'rax', 'info1', 'info2', 'mode', 'action'))
        assert len(exported(path, '--vm=2').stdout.splitlines()) == 11
        target = os.path.join(where, 'trace.json')
        assert exported(path, '-f', 'trace', '-t', '2000', '-o', target).returncode == 0
        with open(target) as file:
            trace = json.load(file)['traceEvents']
        instants = [e for e in trace if e['ph'] == 'i']
        assert [(e['pid'], e['tid'], e['name'], e['args']['seq']) for e in instants] == [
            (e['vm'], e['vcpu'] + 1, e['exit'], e['seq']) for e in live[0] + live[1]]
        first = min(int(e['tsc'], 16) for e in live[0] + live[1])
        assert all(abs(i['ts'] - (int(e['tsc'], 16) - first) / 2000) < 0.002
                   for i, e in zip(instants, live[0] + live[1]))
        assert [e['args']['name'] for e in trace if e['name'] == 'process_name'] == ['a "b"', 'test']
        assert sorted(os.listdir(where)) == ['log', 'trace.json']


def a_recording_prints_what_was_told():
    with directory() as where:
        path = os.path.join(where, 'log')
        with recording(path) as d:
            c = d.client()
            live = [watch(c, make(c, rbx=2500, rdx=1)), watch(c, make(c, rbx=10))]
        svmctl = os.path.join(os.path.dirname(SVMRUND), 'svmctl')

        def replayed(*options, status=0):
            run = subprocess.run([svmctl, 'replay', *options], capture_output=True, timeout=60, text=True,
                                 check=False)
            assert run.returncode == status, run
            return run.stdout.splitlines() if status == 0 else run.stderr

        notes = [json.loads(line) for line in replayed('--json', path)]
        told = [{k: v for k, v in event.items() if k != 'subscription'} for event in live[0] + live[1]]
        assert [note['params'] for note in notes] == told
        assert all(note['method'] == 'exit' for note in notes)
        assert len(replayed(path)) == 2510 and 'out 0x3f8' in ' '.join(replayed(path))
        assert len(replayed('--vm=2', path)) == 10
        assert len(replayed('--count=7', path)) == 7
        with open(path, 'r+b') as log:
            log.seek(300)
            log.write(b'\xff')
        assert 'damaged' in replayed(path, status=1)
        assert 'No such file' in replayed(path + '.missing', status=1)


def an_export_of_what_is_no_recording_says_so():
    with directory() as where:
        path = os.path.join(where, 'log')
        with recording(path) as d:
            c = d.client()
            watch(c, make(c, rbx=3000))
        with open(path, 'rb') as log:
            whole = log.read()
        for data, status, words in [(b'', 1, 'empty'), (b'x' * 100, 1, 'not an event log'),
                                    (whole[:-32], 0, 'its end is missing'),
                                    (whole[:300] + b'\xff' + whole[301:], 1, 'damaged')]:
            with open(path, 'wb') as log:
                log.write(data)
            result = exported(path, '-o', os.path.join(where, 'out'))
            assert result.returncode == status and words in result.stderr, (words, result)
            assert os.path.exists(os.path.join(where, 'out')) == (status == 0) and \
                not os.path.exists(os.path.join(where, 'out.part'))
            if status == 0:
                os.unlink(os.path.join(where, 'out'))
        assert exported(path, '-f', 'xml').returncode == 2
        assert 'No such file' in exported(path + '.missing').stderr

if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
