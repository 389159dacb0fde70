#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Life cycle, events and console of svmrund on the fake engine (tests/unit/fake_engine.h says what
the registers of a fake guest mean). Each case is a function; run one by name, or all."""
import base64
import os
import signal
import socket
import sys
import time
from rpc_lib import Daemon, template

PROGRAM = os.path.join(os.environ.get('SVMKIT_BUILD', '.'), 'tests', 'unit', 'svmrund_fake')
(STOP, SHUTDOWN, INVALID, BROKEN, SPIN, DEBUG_EXIT, NO_HANDLER, STRING_IO, MOV, PUSH,
 ENDLESS) = range(11)


def daemon():
    return Daemon(PROGRAM)


def make(client, **options):
    return client.call('vm.create', template=client.load(template(**options)))['vm']


def run(client, vm):
    client.call('vm.start', vm=vm)
    return client.call('vm.wait', vm=vm)


def until_state(client):
    """All notifications up to vm.state; the last one is vm.state's params."""
    notes = []
    while True:
        note = client.notes.pop(0) if client.notes else client.line()
        if 'method' not in note:
            continue
        notes.append((note['method'], note['params']))
        if note['method'] == 'vm.state':
            return notes


def events_of(notes):
    return [p for m, p in notes if m == 'exit']


def dropped_of(notes):
    return sum(p['count'] for m, p in notes if m == 'events.dropped')


def every_end_has_its_reason_and_state():
    ends = [(STOP, 'stop', 'stopped', 'VMMCALL', '0x81', 'stop'),
            (SHUTDOWN, 'shutdown', 'stopped', 'SHUTDOWN', '0x7f', 'triple fault'),
            (INVALID, 'invalid', 'failed', 'INVALID', '0xffffffffffffffff', 'VMRUN'),
            (BROKEN, 'broken', 'failed', 'CR0_READ', '0x0', 'the fake is broken'),
            (DEBUG_EXIT, 'debug-exit', 'stopped', 'IOIO', '0x7b', '0xf4'),
            (NO_HANDLER, 'error', 'failed', 'RDTSC', '0x6e', 'has policy `user`'),
            (STRING_IO, 'error', 'failed', 'IOIO', '0x7b', 'REP OUTS on port 0x3f8'),
            (MOV, 'stop', 'stopped', 'VMMCALL', '0x81', ''),
            (PUSH, 'error', 'failed', 'NPF', '0x400', 'push [bx]')]
    with daemon() as d:
        c = d.client()
        for end, reason, state, exit_name, code, text in ends:
            vm = make(c, rdi=end, rbp=0x42)
            answer = run(c, vm)
            assert answer['state'] == state, (end, answer)
            assert answer['end']['reason'] == reason and answer['end']['vcpu'] == 0, answer
            assert answer['end']['exit'] == exit_name and answer['end']['code'] == code, answer
            assert text in answer['end']['text'], answer
            assert ('status' in answer['end']) == (end == DEBUG_EXIT)
            if end == DEBUG_EXIT:
                assert answer['end']['status'] == 0x42, answer
            if end == PUSH:
                assert '0x1000' in answer['end']['text'] and '0xfee00000' in answer['end']['text']
            info = c.call('vm.info', vm=vm)
            assert info['state'] == state and info['end'] == answer['end'], info
            assert c.call('vm.destroy', vm=vm) == {'vm': vm}
        assert c.call('vm.list') == {'vms': []}


def states_refuse_what_does_not_fit():
    with daemon() as d:
        c = d.client()
        vm = make(c, rdi=SPIN, name='spinner')
        digest = c.call('template.list')['templates'][0]['template']
        assert c.call('vm.list')['vms'] == [
            {'vm': vm, 'name': 'spinner', 'state': 'defined', 'template': digest}]
        assert c.call('vcpu.get', vm=vm, vcpu=0)['regs']['rip'] == '0x1000'
        assert c.error('vcpu.get', vm=vm, vcpu=1)['code'] == 1
        assert c.error('vm.stop', vm=vm)['code'] == 2
        assert c.call('vm.wait', vm=vm, timeout_ms=1)['state'] == 'defined'
        assert c.call('vm.start', vm=vm) == {'vm': vm, 'state': 'running'}
        assert c.error('vm.start', vm=vm)['code'] == 2
        assert c.error('vm.destroy', vm=vm)['code'] == 2
        assert c.error('vcpu.get', vm=vm, vcpu=0)['code'] == 2
        assert c.error('template.unload', template=digest)['code'] == 2
        answer = c.call('vm.wait', vm=vm, timeout_ms=60)
        assert answer == {'vm': vm, 'state': 'running', 'end': None}
        assert c.call('vm.info', vm=vm)['end'] is None
        assert c.call('vm.stop', vm=vm) == {'vm': vm, 'state': 'stopped'}
        assert c.call('vm.stop', vm=vm) == {'vm': vm, 'state': 'stopped'}
        assert c.call('vm.wait', vm=vm)['end']['reason'] == 'requested'
        assert c.error('vm.start', vm=vm)['code'] == 2
        c.call('vm.destroy', vm=vm)
        c.call('template.unload', template=digest)
        vm = make(c)
        waiting = c.request('vm.wait', vm=vm)
        c.call('vm.destroy', vm=vm)
        assert c.answer(waiting)['error']['code'] == 1


def vcpu_get_has_every_register_and_field():
    with daemon() as d:
        c = d.client()
        vm = make(c, rbx=3, r15=0xffffffffffffffff, rdi=SHUTDOWN)
        got = c.call('vcpu.get', vm=vm, vcpu=0)
        assert got['regs']['r15'] == '0xffffffffffffffff' and got['regs']['rsp'] == '0x8000'
        assert got['regs']['xcr0'] == '0x1' and got['regs']['rflags'] == '0x2'
        assert len(got['regs']) == 23, got['regs']
        assert got['vmcb']['cs.attrib'] == '0x9b' and got['vmcb']['efer'] == '0x1000'
        assert len(got['vmcb']) > 150 and all(v.startswith('0x') for v in got['vmcb'].values())


def a_lossless_subscriber_gets_every_event_in_order():
    with daemon() as d:
        c = d.client()
        vm = make(c, rbx=200000, rsi=10, rbp=0x30)
        subscription = c.call('events.subscribe', vm=vm, mode='lossless')['subscription']
        c.call('console.attach', vm=vm)
        c.call('vm.start', vm=vm)
        notes = until_state(c)
        events = events_of(notes)
        assert [e['seq'] for e in events] == list(range(200000)), len(events)
        assert dropped_of(notes) == 0
        assert events[5] == {
            'subscription': subscription, 'vm': vm, 'vcpu': 0, 'seq': 5, 'exit': 'RDTSC',
            'code': '0x6e', 'info1': '0x0', 'info2': '0x0', 'intinfo': '0x0', 'rip': '0x1000',
            'rax': '0x5', 'tsc': '0x1770', 'cpl': 0, 'mode': 'real', 'shadow': False,
            'action': 'skip'}, events[5]
        text = ''.join(p['data'] for m, p in notes if m == 'console.output')
        assert text == '9876543210', text
        assert notes[-1][1]['state'] == 'stopped'


def several_vcpus_stream_side_by_side():
    with daemon() as d:
        c = d.client()
        states = [{'rbx': 20000 + n, 'rdi': SPIN if n else STOP} for n in range(4)]
        states[0]['rbx'] = 60000
        vm = make(c, vcpus=4, states=states)
        c.call('events.subscribe', vm=vm, mode='lossless')
        c.call('vm.start', vm=vm)
        events = events_of(until_state(c))
        for vcpu in range(4):
            numbers = [e['seq'] for e in events if e['vcpu'] == vcpu]
            assert numbers == list(range(len(numbers))), vcpu
        assert sum(e['vcpu'] == 0 for e in events) == 60000
        assert c.call('vm.wait', vm=vm)['end']['vcpu'] == 0
        assert len(c.call('stats.get', vm=vm)['vcpus']) == 4


def a_lossy_subscriber_learns_how_many_were_dropped():
    with daemon() as d:
        slow, other = d.client(), d.client()
        vm = make(other, rbx=400000)
        slow.call('events.subscribe', vm=vm)
        slow.call('events.subscribe', vm=vm)
        assert run(other, vm)['state'] == 'stopped'
        notes = until_state(slow)
        assert dropped_of(notes) > 0
        assert len(events_of(notes)) + dropped_of(notes) == 800000
        for number in {p['subscription'] for _, p in notes[:-1]}:
            following = 0
            for method, params in notes[:-1]:
                if params['subscription'] != number:
                    continue
                if method == 'events.dropped':
                    following += params['count']
                else:
                    assert params['seq'] == following, (params, following)
                    following += 1


def a_lossless_reader_that_pauses_holds_its_vcpus_only():
    with daemon() as d:
        slow, other = d.client(), d.client()
        held, free = make(other, rbx=300000), make(other, rbx=50000)
        slow.call('events.subscribe', vm=held, mode='lossless')
        other.call('vm.start', vm=held)
        assert other.call('vm.wait', vm=held, timeout_ms=1000)['state'] == 'running'
        assert run(other, free)['state'] == 'stopped'
        notes = until_state(slow)
        assert [e['seq'] for e in events_of(notes)] == list(range(300000)), dropped_of(notes)
        assert other.call('vm.wait', vm=held)['state'] == 'stopped'


def a_client_that_vanishes_mid_stream_frees_its_hold():
    with daemon() as d:
        gone, other = d.client(), d.client()
        vm = make(other, rbx=500000)
        gone.call('events.subscribe', vm=vm, mode='lossless')
        other.call('vm.start', vm=vm)
        assert other.call('vm.wait', vm=vm, timeout_ms=500)['state'] == 'running'
        gone.close()
        assert other.call('vm.wait', vm=vm, timeout_ms=9000)['state'] == 'stopped'


def a_half_open_subscriber_that_vanishes_is_noticed():
    with daemon() as d:
        gone, other = d.client(), d.client()
        vm = make(other, rdi=SPIN)
        gone.call('events.subscribe', vm=vm)
        gone.socket.shutdown(socket.SHUT_WR)
        other.call('vm.list')
        before = len(os.listdir('/proc/%d/fd' % d.process.pid))
        gone.close()
        deadline = time.monotonic() + 10
        while len(os.listdir('/proc/%d/fd' % d.process.pid)) != before - 1:
            assert time.monotonic() < deadline
            other.call('vm.list')


def a_stalled_lossless_reader_loses_its_hold_and_is_told():
    with daemon() as d:
        slow, other = d.client(), d.client()
        vm = make(other, rbx=300000)
        slow.call('events.subscribe', vm=vm, mode='lossless')
        other.call('vm.start', vm=vm)
        assert other.call('vm.wait', vm=vm, timeout_ms=19000)['state'] == 'stopped'
        notes = until_state(slow)
        assert dropped_of(notes) > 0
        assert len(events_of(notes)) + dropped_of(notes) == 300000
        assert 'is lossy from now on' in d.text()


def unsubscribing_ends_the_hold_and_the_stream():
    with daemon() as d:
        c = d.client()
        vm = make(c, rdi=ENDLESS)
        number = c.call('events.subscribe', vm=vm, mode='lossless')['subscription']
        c.call('vm.start', vm=vm)
        c.note_of('exit')
        assert c.call('events.unsubscribe', subscription=number) == {}
        c.notes.clear()
        c.call('vm.info', vm=vm)
        assert c.notes == []
        assert c.error('events.unsubscribe', subscription=number)['code'] == 1
        other = d.client()
        number = c.call('events.subscribe', vm=vm)['subscription']
        assert other.error('events.unsubscribe', subscription=number)['code'] == 1
        assert other.call('vm.stop', vm=vm)['state'] == 'stopped'


def console_history_is_bounded_and_says_what_it_lost():
    with daemon() as d:
        c = d.client()
        vm = make(c, rsi=100000, rbp=0x30)
        run(c, vm)
        assert c.call('console.attach', vm=vm) == {'vm': vm, 'lost_bytes': 100000 - 65536}
        text = c.note_of('console.output')['data']
        whole = ''.join(chr(0x30 + (99999 - n) % 10) for n in range(100000))
        assert text == whole[-65536:]
        assert c.error('console.attach', vm=vm)['code'] == 2


def console_bytes_that_are_no_text_come_in_base64():
    with daemon() as d:
        c = d.client()
        for start in (0xf0, 0x00):
            vm = make(c, rsi=20, rbp=start)
            c.call('console.attach', vm=vm)
            c.call('vm.start', vm=vm)
            got = b''
            for method, params in until_state(c):
                if method == 'console.output':
                    got += (base64.b64decode(params['base64']) if 'base64' in params
                            else params['data'].encode())
            assert got == bytes(start + (19 - n) % 10 for n in range(20)), got


def subscriptions_have_a_limit():
    with daemon() as d:
        c = d.client()
        vm = make(c)
        for _ in range(64):
            c.call('events.subscribe', vm=vm)
        for method in ('events.subscribe', 'console.attach'):
            error = c.error(method, vm=vm)
            assert error['code'] == 3, error
            assert error['data'] == {'limit': 'subscriptions', 'value': 64}, error
        c.call('vm.destroy', vm=vm)
        c.call('events.subscribe', vm=make(c))


def vms_have_a_limit_and_share_one_template():
    with daemon() as d:
        c = d.client()
        digest = c.load(template(rdi=SPIN))
        vms = [c.call('vm.create', template=digest, name='vm%d' % n)['vm'] for n in range(64)]
        error = c.error('vm.create', template=digest)
        assert error['code'] == 3 and error['data'] == {'limit': 'vms', 'value': 64}, error
        assert c.call('template.list')['templates'][0]['vms'] == 64
        for vm in vms:
            c.call('vm.start', vm=vm)
        for vm in vms:
            assert c.call('vm.stop', vm=vm)['state'] == 'stopped'
            c.call('vm.destroy', vm=vm)
        assert c.call('template.list')['templates'][0]['vms'] == 0


def waiting_requests_have_a_limit_and_go_with_their_client():
    with daemon() as d:
        c, other = d.client(), d.client()
        vm = make(c, rdi=SPIN)
        c.call('vm.start', vm=vm)
        for _ in range(256):
            c.request('vm.wait', vm=vm)
        error = c.error('vm.list')
        assert error['code'] == 3 and error['data']['limit'] == 'pending', error
        c.close()
        other.call('vm.stop', vm=vm)
        batch = b'[{"jsonrpc":"2.0","id":1,"method":"vm.wait",' \
                b'"params":{"vm":%d,"timeout_ms":100}},' \
                b'{"jsonrpc":"2.0","id":2,"method":"vm.list"}]\n'
        vm = make(other, rdi=SPIN)
        other.call('vm.start', vm=vm)
        other.send(batch % vm)
        answers = other.line()
        assert sorted(a['id'] for a in answers) == [1, 2], answers
        other.send(batch % vm)
        other.close()
        d.client().call('vm.stop', vm=vm)


def sigterm_stops_running_vms_and_says_so():
    with daemon() as d:
        c = d.client()
        vm = make(c, rdi=ENDLESS)
        c.call('events.subscribe', vm=vm, mode='lossless')
        c.call('vm.start', vm=vm)
        waiting = c.request('vm.wait', vm=vm)
        c.note_of('exit')
        d.process.send_signal(signal.SIGTERM)
        assert c.answer(waiting)['result']['end']['reason'] == 'requested'
        assert until_state(c)[-1][1]['state'] == 'stopped'
        assert c.note_of('system.shutdown') == {'reason': 'SIGTERM'}
        assert d.process.wait(20) == 0


def sigterm_does_not_wait_for_readers_for_ever():
    with daemon() as d:
        c = d.client()
        vm = make(c, rdi=ENDLESS)
        c.call('events.subscribe', vm=vm, mode='lossless')
        c.call('vm.start', vm=vm)
        assert d.client().call('vm.wait', vm=vm, timeout_ms=300)['state'] == 'running'
        d.process.send_signal(signal.SIGTERM)
        assert d.process.wait(15) == 0


if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
