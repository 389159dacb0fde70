#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Filters and views of event subscriptions, on the fake engine's mixture of exits. Each case is a
function; run one by name, or all. tests/cli/svmrund.bats lists them."""
import json
import struct
import sys
from rpc_streaming import ENDLESS, SPIN, daemon, dropped_of, events_of, make, run, until_state

KINDS = ['RDTSC', 'IOIO', 'NPF', 'CPUID', 'MSR']
COUNT = 1000


def mixture():
    """What the fake engine promises: (seq, kind, port, gpa, msr, rip) of each event."""
    return [(n, KINDS[n % 5], 0x3f8 + n // 5 % 8 if n % 5 == 1 else None,
             0xfee00000 + n // 5 % 16 * 0x1000 if n % 5 == 2 else None,
             0xc0000080 + n // 5 % 7 if n % 5 == 4 else None, 0x1000 + n % 10)
            for n in range(COUNT)]


def inside(ranges, value):
    return any(int(str(r['first']), 0) <= value <= int(str(r['last']), 0) for r in ranges)


def wanted(exits=None, ports=None, gpas=None, msrs=None, rips=None, sample=1):
    """The same rules as in svmrund-rpc(7), written down once more."""
    kinds = set(exits or ()) | ({'IOIO'} if ports else set()) | ({'NPF'} if gpas else set()) | \
        ({'MSR'} if msrs else set())
    fit = [n for n, kind, port, gpa, msr, rip in mixture()
           if (not kinds or kind in kinds) and (not rips or inside(rips, rip)) and
           (kind != 'IOIO' or not ports or inside(ports, port)) and
           (kind != 'NPF' or not gpas or inside(gpas, gpa)) and
           (kind != 'MSR' or not msrs or inside(msrs, msr))]
    return fit[::sample]


def ranges(*pairs):
    return [{'first': first, 'last': last} for first, last in pairs]


FILTERS = [
    {}, {'exits': ['IOIO']}, {'exits': ['CPUID', 'NPF']}, {'exits': ['HLT']},
    {'ports': ranges((0x3f8, 0x3f9), ('0x3fc', '0x3fc'))},
    {'gpas': ranges(('0xfee01000', '0xfee02fff'))},
    {'ports': ranges((0x3f8, 0x3f8)), 'gpas': ranges((0xfee00000, 0xfee00fff))},
    {'ports': ranges((0x3f8, 0x3f8)), 'exits': ['RDTSC']},
    {'exits': ['IOIO', 'CPUID'], 'ports': ranges((0, 0x3fa)), 'rips': ranges((0x1003, 0x1007))},
    {'rips': ranges((0x1000, 0x1000), (0x1009, '0xffffffffffffffff'))},
    {'msrs': ranges(('0xc0000081', '0xc0000083'))},
    {'msrs': ranges((0xc0000080, 0xc0000080)), 'ports': ranges((0x3f8, 0x3f8))},
    {'sample': 7}, {'exits': ['NPF'], 'sample': 10}, {'sample': 100000},
]


def every_filter_lets_through_what_it_says():
    with daemon() as d:
        c = d.client()
        vm = make(c, rbx=COUNT, rdx=1)
        numbers = [c.call('events.subscribe', vm=vm, mode='lossless', **f)['subscription']
                   for f in FILTERS]
        c.call('vm.start', vm=vm)
        notes = until_state(c)
        assert dropped_of(notes) == 0
        for number, parameters in zip(numbers, FILTERS):
            got = [e['seq'] for e in events_of(notes) if e['subscription'] == number]
            assert got == wanted(**parameters), (parameters, got[:20])


def one_vcpu_is_told_alone():
    with daemon() as d:
        c = d.client()
        vm = make(c, vcpus=3, states=[{'rbx': 300}, {'rbx': 50, 'rdi': 4}, {'rbx': 50, 'rdi': 4}])
        c.call('events.subscribe', vm=vm, vcpu=0)
        error = c.error('events.subscribe', vm=vm, vcpu=3)
        assert error['code'] == 1 and 'has no vCPU 3' in error['message'], error
        c.call('vm.start', vm=vm)
        events = events_of(until_state(c))
        assert [(e['vcpu'], e['seq']) for e in events] == [(0, n) for n in range(300)]


def a_view_has_its_fields_and_the_same_values():
    views = [None, ['rip'], ['exit', 'code', 'seq'], ['cpl', 'mode', 'shadow', 'action'], ['vm'],
             ['info1', 'info2', 'intinfo', 'rax', 'tsc'], ['rip', 'rip']]
    with daemon() as d:
        c = d.client()
        vm = make(c, rbx=100, rdx=1)
        numbers = [c.call('events.subscribe', vm=vm, **({'fields': v} if v else {}))['subscription']
                   for v in views]
        c.call('vm.start', vm=vm)
        events = events_of(until_state(c))
        whole = [e for e in events if e['subscription'] == numbers[0]]
        for number, view in zip(numbers[1:], views[1:]):
            got = [e for e in events if e['subscription'] == number]
            names = {'subscription', 'vm', 'vcpu', 'seq'} | set(view)
            assert got == [{**{k: v for k, v in e.items() if k in names}, 'subscription': number}
                           for e in whole], got[:2]


def names_that_do_not_exist_are_refused():
    with daemon() as d:
        c = d.client()
        vm = make(c)
        for param, names in [('exits', ['IOIO', 'IOIOIO']), ('fields', ['rip', 'rbp'])]:
            error = c.error('events.subscribe', vm=vm, **{param: names})
            assert error['code'] == -32602 and error['data'] == {'param': param}, error
            assert names[1] in error['message'], error
        for _ in range(64):     # a refused subscription takes no place
            c.call('events.subscribe', vm=vm)


def drops_of_a_filtered_subscription_are_its_own():
    """A reader that stops reading: every event that passes is told or counted, and none other."""
    with daemon() as d:
        slow, other = d.client(), d.client()
        vm = make(other, rbx=200000, rdx=1)
        guard = d.client()      # lossless and nearly silent: the ring loses nothing
        guard.call('events.subscribe', vm=vm, mode='lossless', exits=['HLT'])
        some = slow.call('events.subscribe', vm=vm, exits=['NPF', 'IOIO'])['subscription']
        slow.call('events.subscribe', vm=vm)
        other.call('vm.start', vm=vm)
        assert other.call('vm.wait', vm=vm)['state'] == 'stopped'
        notes = until_state(slow)
        assert all('unseen' not in p for _, p in notes)
        mine = [n for n in notes[:-1] if n[1]['subscription'] == some]
        assert dropped_of(mine) > 0
        following = iter(n for n in range(200000) if n % 5 in (1, 2))
        for method, params in mine:
            if method == 'events.dropped':
                for _ in range(params['count']):
                    next(following)
            else:
                assert params['seq'] == next(following), params
        assert next(following, None) is None


def what_the_ring_loses_is_told_as_unseen():
    with daemon() as d:
        c, other = d.client(), d.client()
        vm = make(other, rdi=ENDLESS, rdx=1)
        c.call('events.subscribe', vm=vm, exits=['HLT'])
        plain = d.client()
        plain.call('events.subscribe', vm=vm, fields=['vm'])
        other.call('vm.start', vm=vm)
        while other.call('stats.get', vm=vm)['vcpus'][0]['events'] < 400000:
            pass
        other.call('vm.stop', vm=vm)
        events = other.call('stats.get', vm=vm)['vcpus'][0]['events']
        filtered, whole = until_state(c)[:-1], until_state(plain)
        assert all(m == 'events.dropped' and p['count'] == 0 and p['unseen'] > 0
                   for m, p in filtered), filtered
        assert len(events_of(whole)) + dropped_of(whole) == events



FRAME, RECORD = struct.Struct('<BBHIQQII'), struct.Struct('<QQQQQQQII')


def frames_of(client):
    """What came up to vm.state in its order: ('line', message), ('frame', header, records)."""
    got, data = [], client.pending

    def more():
        nonlocal data
        part = client.socket.recv(1 << 20)
        assert part
        data += part

    while True:
        while not data:
            more()
        if data[0]:
            while b'\n' not in data:
                more()
            line, _, data = data.partition(b'\n')
            message = json.loads(line)
            got.append(('line', message))
            if message.get('method') == 'vm.state':
                client.pending = data
                return got
            continue
        while len(data) < FRAME.size:
            more()
        header = FRAME.unpack_from(data)
        zero, version, header_bytes, length, _, _, _, count = header
        assert (zero, version, header_bytes) == (0, 1, 32) and length == 32 + 64 * count, header
        while len(data) < length:
            more()
        got.append(('frame', header, [RECORD.unpack_from(data, at)
                                      for at in range(32, length, 64)]))
        data = data[length:]


def binary_frames_have_the_same_events():
    with daemon() as d:
        c, text = d.client(), d.client()
        vm = make(c, vcpus=2, states=[{'rbx': 5000, 'rdx': 1}, {'rbx': 300}])
        filters = [{}, {'exits': ['NPF', 'MSR']}, {'vcpu': 0, 'sample': 3}]
        numbers = [c.call('events.subscribe', vm=vm, mode='lossless', format='binary', **f)
                   ['subscription'] for f in filters]
        others = [text.call('events.subscribe', vm=vm, mode='lossless', format='json', **f)
                  ['subscription'] for f in filters]
        text.call('vm.start', vm=vm)
        got = frames_of(c)
        lines = events_of(until_state(text))
        for number, other in zip(numbers, others):
            mine = [(header[6], r) for kind, header, *rest in got if kind == 'frame' and
                    header[4] == number and header[5] == vm for r in rest[0]]
            for vcpu in (0, 1):
                want = [[e['seq']] + [int(e[k], 16) for k in (
                    'tsc', 'info1', 'info2', 'rip', 'rax', 'intinfo', 'code')]
                    for e in lines if e['subscription'] == other and e['vcpu'] == vcpu]
                assert [list(r[:8]) for v, r in mine if v == vcpu] == want, (number, vcpu)
        error = c.error('events.subscribe', vm=vm, format='binary', fields=['rip'])
        assert error['data'] == {'param': 'fields'}, error


def binary_frames_and_drops_add_up():
    with daemon() as d:
        slow, other = d.client(), d.client()
        vm = make(other, rbx=400000)
        guard = d.client()
        guard.call('events.subscribe', vm=vm, mode='lossless', exits=['HLT'])
        slow.call('events.subscribe', vm=vm, format='binary')
        other.call('vm.start', vm=vm)
        assert other.call('vm.wait', vm=vm)['state'] == 'stopped'
        following = drops = 0
        for kind, what, *rest in frames_of(slow)[:-1]:
            if kind == 'frame':
                for record in rest[0]:
                    assert record[0] == following, (record, following)
                    following += 1
            elif what.get('method') == 'events.dropped':
                following += what['params']['count']
                drops += 1
        assert following == 400000 and drops, (following, drops)


def told_again(client, vm, count, **params):
    """Subscribes and reads until `count` events were told or counted."""
    number = client.call('events.subscribe', vm=vm, **params)['subscription']
    seen, missing = [], 0
    while len(seen) + missing < count:
        note = client.notes.pop(0) if client.notes else client.line()
        assert note['params']['subscription'] == number
        if note['method'] == 'events.dropped':
            assert not seen or missing
            missing += note['params']['count'] + note['params'].get('unseen', 0)
        else:
            seen.append(note['params']['seq'])
    client.call('events.unsubscribe', subscription=number)
    return missing, seen


def old_events_are_told_again_while_the_ring_has_them():
    with daemon() as d:
        c = d.client()
        vm = make(c, rbx=20000, rdx=1)
        c.call('events.subscribe', vm=vm, mode='lossless', exits=['HLT'])
        assert run(c, vm)['state'] == 'stopped'
        until_state(c)
        # The ring has 8192 records; the slot that is filled next counts as gone.
        for start in (20000 - 100, 20000 - 8191, '0x4e1f', 19999):
            first = int(str(start), 0)
            assert told_again(c, vm, 20000 - first, from_seq=start) == \
                (0, list(range(first, 20000))), start
        missing, seen = told_again(c, vm, 20000, from_seq=0)
        assert seen == list(range(20000 - len(seen), 20000)) and 8190 < len(seen) <= 8192
        assert missing == 20000 - len(seen)
        missing, seen = told_again(c, vm, missing + sum(n % 5 == 4 for n in seen),
                                   from_seq=0, exits=['MSR'],
                                   vcpu=0)
        assert all(n % 5 == 4 for n in seen) and len(seen) > 1600
        c.call('events.subscribe', vm=vm, from_seq=20000)
        c.call('events.subscribe', vm=vm, from_seq='0xffffffffffffffff')
        c.call('vm.info', vm=vm)
        assert not c.notes, c.notes


def events_told_again_join_the_stream_without_a_gap():
    """A reader that comes again in the middle of a run goes on where it was; what the ring does not
    have any more is counted."""
    with daemon() as d:
        reader, other = d.client(), d.client()
        vm = make(other, rbx=60000)
        reader.call('events.subscribe', vm=vm, mode='lossless')
        other.call('vm.start', vm=vm)
        following = 0
        while following < 60000:
            for _ in range(500):
                if following >= 60000:
                    break
                message = reader.line()
                if message['method'] == 'vm.state':
                    break
                if message['method'] == 'events.dropped':
                    following += message['params']['count']
                else:
                    assert message['params']['seq'] == following, (message, following)
                    following += 1
            again = d.client()
            again.call('events.subscribe', vm=vm, mode='lossless', from_seq=following)
            reader.close()
            reader = again
        assert following == 60000, following


def of_several_vcpus_one_must_be_named():
    with daemon() as d:
        c = d.client()
        vm = make(c, vcpus=2, states=[{'rbx': 50, 'rdi': SPIN}, {'rbx': 70}])
        assert run(c, vm)['state'] == 'stopped'
        error = c.error('events.subscribe', vm=vm, from_seq=0)
        assert error['data'] == {'param': 'vcpu'}, error
        assert told_again(c, vm, 70, from_seq=0, vcpu=1) == (0, list(range(70)))


def an_event_before_from_seq_is_not_told():
    with daemon() as d:
        c = d.client()
        vm = make(c, rbx=1000)
        c.call('events.subscribe', vm=vm, from_seq=990)
        c.call('vm.start', vm=vm)
        assert [e['seq'] for e in events_of(until_state(c))] == list(range(990, 1000))

if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
