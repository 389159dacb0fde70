#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Control of VMs on the fake engine: moves between states, registers, memory, limits. Each case is
a function; run one by name, or all. tests/cli/svmrund.bats lists them."""
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from rpc_lib import template
from rpc_streaming import (BROKEN, ENDLESS, SPIN, STOP, daemon, dropped_of, events_of, make, run,
                           until_state)

SOURCE = os.environ.get('SVMKIT_SRC', os.path.join(os.path.dirname(__file__), '..', '..'))


def man_table(first):
    """Rows of the column list in svmrund-rpc(7) whose first row begins with `first`."""
    with open(os.path.join(SOURCE, 'man', 'svmrund-rpc.7')) as page:
        lines = page.read().splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith('.It Sy ' + first + ' Ta'))
    rows = []
    while lines[at].startswith('.It '):
        rows.append([cell.replace('Sy ', '') for cell in lines[at][4:].split(' Ta ')])
        at += 1
    return rows


def in_state(client, state):
    vm = make(client, rdi=BROKEN if state == 'failed' else SPIN)
    if state != 'defined':
        client.call('vm.start', vm=vm)
    if state == 'paused':
        client.call('vm.pause', vm=vm)
    if state == 'stopped':
        client.call('vm.stop', vm=vm)
    if state == 'failed':
        client.call('vm.wait', vm=vm)
    assert client.call('vm.info', vm=vm)['state'] == state
    return vm


def every_move_in_every_state_does_what_the_man_page_says():
    head, *rows = man_table('state')
    assert len(rows) == 5 and len(head) == 6, rows
    with daemon() as d:
        c = d.client()
        for state, *results in rows:
            for move, result in zip(head[1:], results):
                vm = in_state(c, state)
                answer = c.raw(move, vm=vm)
                if result == '-':
                    error = answer['error']
                    assert error['code'] == 2, (state, move, answer)
                    assert 'VM %d is %s: no %s; ' % (vm, state, move) in error['message'], error
                    assert c.call('vm.info', vm=vm)['state'] == state
                elif result == 'gone':
                    assert answer['result'] == {'vm': vm}, (state, move, answer)
                    assert c.error('vm.info', vm=vm)['code'] == 1
                else:
                    assert answer['result'] == {'vm': vm, 'state': result}, (state, move, answer)
                    assert c.call('vm.info', vm=vm)['state'] == result


def a_confidential_guest_is_refused_by_name():
    with daemon() as d, tempfile.TemporaryDirectory() as directory:
        c = d.client()
        path = os.path.join(directory, 't.svmt')
        subprocess.run([os.path.join(os.environ['SVMKIT_BUILD'], 'svmc'), 'compile', '-o', path,
                        os.path.join(SOURCE, 'tests', 'golden', 'good', 'confidential-raw.yaml')],
                       check=True)
        with open(path, 'rb') as image:
            digest = c.load(image.read())
        assert c.call('template.list')['templates'][0]['template'] == digest
        error = c.error('vm.create', template=digest)
        assert 'the template is of a confidential guest (sev-es), which svmrt does not run' in \
            json.dumps(error), error
        assert c.call('vm.list')['vms'] == []
        c.call('template.unload', template=digest)


def a_paused_vm_stands_still_and_runs_on():
    with daemon() as d:
        c = d.client()
        vm = make(c, vcpus=3, states=[{'rbx': 1000000, 'rdi': SPIN}, {'rdi': ENDLESS},
                                      {'rdi': SPIN}])
        c.call('vm.start', vm=vm)
        for _ in range(3):
            assert c.call('vm.pause', vm=vm) == {'vm': vm, 'state': 'paused'}
            before = [v['events'] for v in c.call('stats.get', vm=vm)['vcpus']]
            assert c.call('vm.wait', vm=vm, timeout_ms=30)['state'] == 'paused'
            assert [v['events'] for v in c.call('stats.get', vm=vm)['vcpus']] == before
            assert c.call('vcpu.get', vm=vm, vcpu=2)['regs']['rip'] == '0x1000'
            number = c.call('events.subscribe', vm=vm, sample=1000)['subscription']
            assert c.call('vm.resume', vm=vm) == {'vm': vm, 'state': 'running'}
            assert c.note_of('exit')['seq'] >= 0
            c.call('events.unsubscribe', subscription=number)
        assert c.call('vm.stop', vm=vm)['state'] == 'stopped'


def a_pause_reaches_vcpus_that_wait_for_a_reader():
    with daemon() as d:
        slow, other = d.client(), d.client()
        vm = make(other, rbx=60000)
        slow.call('events.subscribe', vm=vm, mode='lossless')
        other.call('vm.start', vm=vm)
        assert other.call('vm.wait', vm=vm, timeout_ms=300)['state'] == 'running'
        assert other.call('vm.pause', vm=vm)['state'] == 'paused'
        assert other.call('vm.resume', vm=vm)['state'] == 'running'
        notes = until_state(slow)
        while notes[-1][1]['state'] in ('paused', 'running'):
            notes += until_state(slow)
        assert [e['seq'] for e in events_of(notes)] == list(range(60000)), dropped_of(notes)


def a_pause_of_a_run_that_ends_is_refused():
    with daemon() as d:
        c = d.client()
        for _ in range(20):
            vm = make(c, rbx=200, rdi=STOP)
            c.call('vm.start', vm=vm)
            answer = c.raw('vm.pause', vm=vm)
            if 'result' in answer:
                assert answer['result']['state'] == 'paused'
                c.call('vm.resume', vm=vm)
            else:
                assert answer['error']['code'] == 2, answer
            assert c.call('vm.wait', vm=vm)['state'] == 'stopped'
            c.call('vm.destroy', vm=vm)


def pause_and_resume_may_come_in_any_number():
    with daemon() as d:
        c = d.client()
        vm = make(c, vcpus=2, states=[{'rdi': SPIN}, {'rdi': ENDLESS}])
        c.call('vm.start', vm=vm)
        for _ in range(80):
            both = [c.request('vm.pause', vm=vm), c.request('vm.pause', vm=vm)]
            answer = c.answer(both[0])
            assert answer['result']['state'] == 'paused', answer
            other = c.answer(both[1])   # together with the first, or when that was done already
            assert 'result' in other or other['error']['code'] == 2, other
            c.call('vm.resume', vm=vm)
        assert c.call('vm.stop', vm=vm)['state'] == 'stopped'


def watchers_hear_of_pause_and_resume():
    with daemon() as d:
        c, watcher = d.client(), d.client()
        vm = make(c, rdi=SPIN)
        watcher.call('console.attach', vm=vm)
        c.call('vm.start', vm=vm)
        for move in ('pause', 'resume', 'pause', 'stop'):
            c.call('vm.' + move, vm=vm)
        states = [watcher.note_of('vm.state') for _ in range(4)]
        assert [s['state'] for s in states] == ['paused', 'running', 'paused', 'stopped'], states
        assert [bool(s['end']) for s in states] == [False, False, False, True], states


def sigterm_stops_a_paused_vm():
    with daemon() as d:
        c = d.client()
        vm = make(c, rdi=ENDLESS)
        c.call('vm.start', vm=vm)
        c.call('vm.pause', vm=vm)
        waiting = c.request('vm.wait', vm=vm)
        d.process.send_signal(signal.SIGTERM)
        assert c.answer(waiting)['result']['end']['reason'] == 'requested'
        assert d.process.wait(20) == 0


def registers_are_set_before_the_start_and_while_paused():
    with daemon() as d:
        c = d.client()
        vm = make(c, rdi=SPIN, r15=0xffffffffffffffff)
        assert c.call('vcpu.set', vm=vm, vcpu=0, regs={'rax': '0xffffffffffffffff', 'r8': 7}) == {
            'vm': vm, 'vcpu': 0}
        regs = c.call('vcpu.get', vm=vm, vcpu=0)['regs']
        assert regs['rax'] == regs['r15'] == '0xffffffffffffffff' and regs['r8'] == '0x7', regs
        assert regs['rip'] == '0x1000' and regs['rsp'] == '0x8000' and regs['rdi'] == '0x4', regs
        c.call('vm.start', vm=vm)
        assert c.error('vcpu.set', vm=vm, vcpu=0, regs={'rax': 1})['code'] == 2
        c.call('vm.pause', vm=vm)
        c.call('vcpu.set', vm=vm, vcpu=0, regs={'rip': 0x2000, 'rdi': STOP, 'rsp': 16})
        got = c.call('vcpu.get', vm=vm, vcpu=0)
        assert got['regs']['rip'] == got['vmcb']['rip'] == '0x2000', got['regs']
        assert got['regs']['rsp'] == '0x10' and got['regs']['r8'] == '0x7', got['regs']
        c.call('vm.resume', vm=vm)
        assert c.call('vm.wait', vm=vm)['end']['reason'] == 'stop'
        assert c.call('vcpu.get', vm=vm, vcpu=0)['regs']['r8'] == '0x7'
        assert 'stopped' in c.error('vcpu.set', vm=vm, vcpu=0, regs={'rax': 1})['message']


def registers_that_the_module_does_not_take_are_refused_whole():
    with daemon() as d:
        c = d.client()
        vm = make(c, rbx=5)
        for name in ('cr0', 'eax', 'RAX', 'dr4'):
            error = c.error('vcpu.set', vm=vm, vcpu=0, regs={'rbx': 9, name: 1})
            assert error['code'] == -32602 and error['data'] == {'param': 'regs'}, error
            assert name in error['message'] and 'rip' in error['message'], error
        assert c.call('vcpu.get', vm=vm, vcpu=0)['regs']['rbx'] == '0x5'
        assert c.error('vcpu.set', vm=vm, vcpu=1, regs={'rbx': 9})['code'] == 1


def memory_is_read_and_written():
    with daemon() as d:
        c = d.client()
        vm, other = make(c, rdi=SPIN), make(c, rdi=SPIN)
        assert read(c, vm, 0x1000, 3) == b'\x0f\x01\xd9'
        data = bytes(n * 7 & 255 for n in range(0x8000))
        for state in ('defined', 'running', 'paused', 'stopped'):
            if state != 'defined':
                c.call('vm.' + {'running': 'start', 'paused': 'pause', 'stopped': 'stop'}[state],
                       vm=vm)
            gpa = '0x2ffd'
            answer = c.call('memory.write', vm=vm, gpa=gpa, data=base64.b64encode(data).decode())
            assert answer == {'vm': vm, 'gpa': gpa, 'bytes': 0x8000}, answer
            assert read(c, vm, gpa, 0x8000) == data
            assert read(c, vm, 0x2ffc, 2) == b'\0' + data[:1]
            data = data[1:] + data[:1]
        assert read(c, other, 0x3000, 16) == bytes(16)


def read(client, vm, gpa, count):
    answer = client.call('memory.read', vm=vm, gpa=gpa, bytes=count)
    assert answer['bytes'] == count, answer
    return base64.b64decode(answer['data'])


def memory_that_is_not_there_is_named():
    with daemon() as d:
        c = d.client()
        vm = make(c)
        for gpa in (0x10000, 0xffff, '0xffffffffffffffff'):
            error = c.error('memory.read', vm=vm, gpa=gpa, bytes=2)
            assert error['code'] == -32602 and error['data'] == {'param': 'gpa'}, error
            assert 'no memory there' in error['message'], error
        for data in ('', 'A', '####'):
            error = c.error('memory.write', vm=vm, gpa=0, data=data)
            assert error['code'] == -32602 and error['data'] == {'param': 'data'}, error
        too_much = base64.b64encode(bytes(0x100001)).decode()
        error = c.error('memory.write', vm=vm, gpa=0, data=too_much + 'AAAA')
        assert error['code'] == 3 and error['data']['limit'] == 'access_bytes', error


def answers_that_nobody_reads_hold_back_the_next_requests():
    with daemon() as d:
        c = d.client()
        vm = make(c, memory=0x200000)
        asked = [c.request('memory.read', vm=vm, gpa=0, bytes=0x100000) for _ in range(40)]
        assert d.client().call('vm.info', vm=vm)['state'] == 'defined'
        for ident in asked:
            assert c.answer(ident)['result']['bytes'] == 0x100000
        assert c.notes == []


def limits_end_the_run_and_are_named():
    with daemon() as d:
        c = d.client()
        for limits, registers, name in [({'run_time_ms': 100}, {'rdi': SPIN}, 'run_time_ms'),
                                        ({'exits': 5000}, {'rdi': ENDLESS}, 'exits'),
                                        ({'exits': 10 ** 15, 'run_time_ms': 60}, {'rdi': ENDLESS},
                                         'run_time_ms')]:
            digest = c.load(template(**registers))
            vm = c.call('vm.create', template=digest, limits=limits)['vm']
            assert c.call('vm.info', vm=vm)['limits'] == limits
            answer = run(c, vm)
            assert answer['state'] == 'stopped', answer
            assert answer['end']['reason'] == 'limit' and answer['end']['limit'] == name, answer
            assert name in answer['end']['text'] and answer['end']['exit'] is None, answer
            exits = c.call('stats.get', vm=vm)['vcpus'][0]['exits'].get('RDTSC', 0)
            assert name != 'exits' or exits >= 5000


def a_run_within_its_limits_ends_by_itself():
    with daemon() as d:
        c = d.client()
        digest = c.load(template(rbx=100))
        vm = c.call('vm.create', template=digest, limits={'exits': 101})['vm']
        assert run(c, vm)['end']['reason'] == 'stop'
        assert 'limit' not in c.call('vm.info', vm=vm)['end']


def a_paused_vm_uses_no_run_time():
    """Whatever ran before the pause was less than what passed here: the rest comes after it."""
    with daemon() as d:
        c = d.client()
        digest = c.load(template(rdi=SPIN))
        vm = c.call('vm.create', template=digest, limits={'run_time_ms': 200})['vm']
        begin = time.monotonic()
        c.call('vm.start', vm=vm)
        c.call('vm.pause', vm=vm)
        before = time.monotonic() - begin
        assert c.call('vm.wait', vm=vm, timeout_ms=250)['state'] == 'paused'
        begin = time.monotonic()
        c.call('vm.resume', vm=vm)
        assert c.call('vm.wait', vm=vm)['end']['limit'] == 'run_time_ms'
        assert time.monotonic() - begin >= 0.19 - before



def limits_of_size_refuse_a_template():
    with daemon() as d:
        c = d.client()
        digest = c.load(template(vcpus=2))
        for limits, name in (({'vcpus': 1}, 'vcpus'), ({'memory_bytes': 4096}, 'memory_bytes')):
            error = c.error('vm.create', template=digest, limits=limits)
            assert error['code'] == 3, error
            assert error['data'] == {'limit': name, 'value': limits[name]}, error
        vm = c.call('vm.create', template=digest, limits={'vcpus': 2, 'memory_bytes': 1 << 16})
        assert c.call('vm.info', **vm)['limits'] == {'vcpus': 2, 'memory_bytes': 1 << 16}


def vcpus_run_where_and_how_urgently_it_was_asked():
    with daemon() as d:
        c = d.client()
        digest = c.load(template(rdi=SPIN))
        cpu = max(os.sched_getaffinity(d.process.pid))
        before = set(os.listdir('/proc/%d/task' % d.process.pid))
        nice = min(os.getpriority(os.PRIO_PROCESS, 0) + 7, 19)      # less may not be asked for
        vm = c.call('vm.create', template=digest, cpus=[cpu], nice=nice)['vm']
        info = c.call('vm.info', vm=vm)
        assert (info['cpus'], info['nice']) == ([cpu], nice), info
        c.call('vm.start', vm=vm)
        thread, = set(os.listdir('/proc/%d/task' % d.process.pid)) - before
        assert os.sched_getaffinity(int(thread)) == {cpu}
        deadline = time.monotonic() + 20
        while os.getpriority(os.PRIO_PROCESS, int(thread)) != nice:
            assert time.monotonic() < deadline
        c.call('vm.stop', vm=vm)
        error = c.error('vm.create', template=digest, cpus=[cpu, 1023])
        assert error['data'] == {'param': 'cpus'} and 'CPU 1023' in error['message'], error
        plain = c.call('vm.create', template=digest)['vm']
        info = c.call('vm.info', vm=plain)
        assert info['cpus'] is None and info['nice'] == os.getpriority(os.PRIO_PROCESS, 0), info


def console_input_is_taken_whole_or_not_at_all():
    with daemon() as d:
        c = d.client()
        vm = make(c, rdi=SPIN)
        assert c.call('console.write', vm=vm, data='hello\u20ac') == {'vm': vm, 'waiting_bytes': 8}
        assert c.call('console.write', vm=vm, base64='AP8=') == {'vm': vm, 'waiting_bytes': 10}
        error = c.error('console.write', vm=vm, data='x' * 65536)
        assert error['code'] == 3, error
        assert error['data'] == {'limit': 'console_input_bytes', 'value': 65536}, error
        assert c.call('console.write', vm=vm, data='x' * 65526)['waiting_bytes'] == 65536
        for params in ({}, {'data': 'x', 'base64': 'AAAA'}, {'base64': 'A'}):
            assert c.error('console.write', vm=vm, **params)['code'] == -32602, params
        c.call('vm.start', vm=vm)
        c.call('vm.stop', vm=vm)
        assert c.error('console.write', vm=vm, data='x')['code'] == 2
        bare = make(c, devices=())
        error = c.error('console.write', vm=bare, data='x')
        assert error['code'] == 2 and 'no serial port' in error['message'], error


def several_clients_watch_one_console():
    with daemon() as d:
        clients = [d.client() for _ in range(3)]
        vm = make(clients[0], rsi=1000, rbp=ord('0'))
        for c in clients[:2]:
            c.call('console.attach', vm=vm)
        assert clients[0].error('console.attach', vm=vm)['code'] == 2
        run(clients[2], vm)
        clients[2].call('console.attach', vm=vm)    # from the history

        def text(client, wanted):
            got = ''
            while len(got) < wanted:
                got += client.note_of('console.output')['data']
            return got

        texts = [text(c, 1000) for c in clients]
        assert texts[0] == texts[1] == texts[2] and len(texts[0]) == 1000
        for c in clients:
            assert c.call('console.detach', vm=vm) == {}
            assert c.error('console.detach', vm=vm)['code'] == 2


def the_whole_state_is_set_by_the_names_of_vcpu_get():
    with daemon() as d:
        c = d.client()
        vm = make(c, rdi=SPIN)
        c.call('vcpu.set', vm=vm, vcpu=0, regs={'rbx': 7})      # waits in the run page
        c.call('vcpu.set', vm=vm, vcpu=0,
               regs={'rflags': 0x202, 'dr1': '0xffffffff81000000', 'r9': 9},
               vmcb={'cr3': '0x5000', 'cs.selector': 8, 'fs.base': '0xffff888000000000'})
        got = c.call('vcpu.get', vm=vm, vcpu=0)
        assert got['regs']['rflags'] == '0x202' and got['regs']['dr1'] == '0xffffffff81000000'
        assert (got['regs']['rbx'], got['regs']['r9']) == ('0x7', '0x9'), got['regs']
        assert got['vmcb']['cr3'] == '0x5000' and got['vmcb']['cs.selector'] == '0x8'
        assert got['vmcb']['fs.base'] == '0xffff888000000000', got['vmcb']
        for params, param, words in [
                ({'vmcb': {'cs.selector': 0x10000}}, 'vmcb', '16 bits'),
                ({'vmcb': {'V_TPR': 1}}, 'vmcb', 'no field V_TPR'),
                ({'vmcb': {'cr9': 1}}, 'vmcb', 'no field cr9'), ({}, 'regs', 'must be given'),
                ({'regs': {'rflags': 0, 'r9': 1}}, 'regs', 'bit 1 must be one'),
                ({'fxsave': 'AAAA'}, 'fxsave', '512 bytes'), ({'fxsave': '?' * 684}, 'fxsave', '512 bytes'),
                ({'regs': {'r9': 1}, 'fxsave': got['fxsave'] + 'AAAA'}, 'fxsave', '512 bytes')]:
            error = c.error('vcpu.set', vm=vm, vcpu=0, **params)
            assert error['code'] == -32602 and error['data'] == {'param': param}, error
            assert words in error['message'], error
        assert c.call('vcpu.get', vm=vm, vcpu=0)['regs']['r9'] == '0x9'
        area = bytearray(base64.b64decode(got['fxsave']))
        assert len(area) == 512, got['fxsave']
        area[160:176] = range(16)                               # XMM0
        c.call('vcpu.set', vm=vm, vcpu=0, fxsave=base64.b64encode(area).decode())
        assert base64.b64decode(c.call('vcpu.get', vm=vm, vcpu=0)['fxsave']) == area


def a_debugger_pauses_the_vm_and_says_why():
    with daemon() as d:
        c = d.client()
        vm = make(c, vcpus=2, states=[{'rbx': 5, 'rdi': SPIN}, {'rdi': SPIN}])
        c.call('events.subscribe', vm=vm, exits=['HLT'])
        c.call('vcpu.debug', vm=vm, vcpu=0, step=True)
        assert c.call('vm.info', vm=vm)['debug'] is None
        c.call('vm.start', vm=vm)
        for _ in range(3):
            state = c.note_of('vm.state')
            while state['state'] != 'paused':
                state = c.note_of('vm.state')
            assert state['debug'] == {'vcpu': 0, 'step': True, 'break': False, 'hardware': []}
            assert c.call('vm.info', vm=vm)['debug'] == state['debug']
            c.call('vm.resume', vm=vm, vcpu=0)
        state = c.note_of('vm.state')
        while state['state'] != 'paused':
            state = c.note_of('vm.state')
        c.call('vcpu.debug', vm=vm, vcpu=0, hardware=[
            {'at': '0xffffffff81000000', 'kind': 'execute'},
            {'at': 0x2000, 'kind': 'write', 'bytes': 8}])
        c.call('vm.resume', vm=vm)
        state = c.note_of('vm.state')
        while state['state'] != 'paused':
            state = c.note_of('vm.state')
        assert state['debug'] == {'vcpu': 0, 'step': False, 'break': False, 'hardware': [0, 1]}
        for bad in ([{'at': 1, 'kind': 'write', 'bytes': 2}], [{'at': 0, 'kind': 'write', 'bytes': 3}],
                    [{'at': 0, 'kind': 'execute', 'bytes': 2}]):
            error = c.error('vcpu.debug', vm=vm, vcpu=0, hardware=bad)
            assert error['data'] == {'param': 'hardware'}, error
        c.call('vcpu.debug', vm=vm, vcpu=0)
        c.call('vm.resume', vm=vm, vcpu=1)      # the other one alone: it spins
        assert c.error('vcpu.debug', vm=vm, vcpu=0, step=True)['code'] == 2
        assert c.call('vm.pause', vm=vm)['state'] == 'paused'
        assert c.error('vm.resume', vm=vm, vcpu=2)['code'] == 1
        c.call('vm.resume', vm=vm)
        assert c.call('vm.stop', vm=vm)['state'] == 'stopped'


def page_tables_of_the_guest_are_walked():
    def entry(value):
        return value.to_bytes(8, 'little')

    def walk(c, vm, linear):
        page = c.call('memory.translate', vm=vm, vcpu=0, linear=linear)
        return int(page['gpa'], 16), page['page_bytes'], page['writable'], page['user'], \
            page['executable']

    with daemon() as d:
        c = d.client()
        vm = make(c)
        assert walk(c, vm, 0x1234) == (0x1234, 0, True, True, True)     # no paging yet
        tables = {0x2000: entry(0x3007), 0x2ff8: entry(0x3003), 0x3000: entry(0x4007),
                  0x3ff0: entry(0x40000083), 0x4000: entry(0x5005), 0x4008: entry(0xe00087),
                  0x5008: entry(0x7007 | 1 << 63), 0x5010: entry(0x8000000000003)}
        for gpa, data in tables.items():
            c.call('memory.write', vm=vm, gpa=gpa, data=base64.b64encode(data).decode())
        c.call('vcpu.set', vm=vm, vcpu=0, vmcb={'cr0': '0x80000011', 'cr4': 0x20, 'cr3': 0x2000,
                                                'efer': 0x1d00})
        assert walk(c, vm, 0x1abc) == (0x7abc, 4096, False, True, False)
        assert walk(c, vm, 0x200123) == (0xe00123, 1 << 21, True, True, True)
        assert walk(c, vm, '0xffffffff80000042') == (0x40000042, 1 << 30, True, False, True)
        assert walk(c, vm, 0x2000) == (0x8000000000000, 4096, False, False, True)
        for linear, level in ((0x3000, 'level 1'), (1 << 30, 'level 3'), (1 << 39, 'level 4')):
            error = c.error('memory.translate', vm=vm, vcpu=0, linear=linear)
            assert error['data'] == {'param': 'linear'} and level in error['message'], error
        # 32-bit tables, then PAE.
        for gpa, value in ((0x2000, 0x3003), (0x2004, 0x800083), (0x3004, 0x9001)):
            c.call('memory.write', vm=vm, gpa=gpa,
                   data=base64.b64encode(value.to_bytes(4, 'little')).decode())
        c.call('vcpu.set', vm=vm, vcpu=0, vmcb={'cr4': 0x10, 'efer': 0x1000})
        assert walk(c, vm, 0x1010) == (0x9010, 4096, False, False, True)
        assert walk(c, vm, 0x400020) == (0x800020, 1 << 22, True, False, True)
        c.call('memory.write', vm=vm, gpa=0x2000, data=base64.b64encode(entry(0x3001)).decode())
        c.call('memory.write', vm=vm, gpa=0x3000, data=base64.b64encode(entry(0xa00083)).decode())
        c.call('vcpu.set', vm=vm, vcpu=0, vmcb={'cr4': 0x20})
        assert walk(c, vm, 0x100) == (0xa00100, 1 << 21, True, False, True)


def dump_of(process, where):
    """A core of the daemon, which runs on."""
    subprocess.run(['gcore', '-o', os.path.join(where, 'core'), str(process.pid)],
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=True)
    with open(os.path.join(where, 'core.%d' % process.pid), 'rb') as file:
        return file.read()


def a_core_dump_has_nothing_of_a_template_or_its_guest():
    """All of what is here of it: loaded, loaded and refused, placed in memory, and unloaded."""
    secret, other, gone = os.urandom(32), os.urandom(32), os.urandom(32)
    with daemon() as d, tempfile.TemporaryDirectory() as where:
        c = d.client()
        identity = c.load(template(secret * 4, name='told-in-the-dump'))
        broken = base64.b64encode(template(other * 4)[:-1]).decode()
        assert c.error('template.load', data=broken)['code'] == 4
        c.call('template.unload', template=c.load(template(gone * 4)))
        vm = c.call('vm.create', template=identity)['vm']
        core = dump_of(d.process, where)
        assert b'told-in-the-dump' in core      # so it is a dump of that daemon
        found = [core.count(part) for part in (secret, other, gone)]
        assert found == [0, 0, 0], found
        c.call('vm.destroy', vm=vm)

if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
