#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Filters and views of event subscriptions, on the fake engine's mixture of exits. Each case is a
function; run one by name, or all. tests/cli/svmrund.bats lists them."""
import sys
from rpc_streaming import ENDLESS, daemon, dropped_of, events_of, make, until_state

KINDS = ['RDTSC', 'IOIO', 'NPF', 'CPUID']
COUNT = 1000


def mixture():
    """What the fake engine promises: (seq, kind, port, gpa, rip) of each event."""
    return [(n, KINDS[n % 4], 0x3f8 + n // 4 % 8 if n % 4 == 1 else None,
             0xfee00000 + n // 4 % 16 * 0x1000 if n % 4 == 2 else None, 0x1000 + n % 10)
            for n in range(COUNT)]


def inside(ranges, value):
    return any(int(str(r['first']), 0) <= value <= int(str(r['last']), 0) for r in ranges)


def wanted(exits=None, ports=None, gpas=None, rips=None, sample=1):
    """The same rules as in svmrund-rpc(7), written down once more."""
    kinds = set(exits or ()) | ({'IOIO'} if ports else set()) | ({'NPF'} if gpas else set())
    fit = [n for n, kind, port, gpa, rip in mixture()
           if (not kinds or kind in kinds) and (not rips or inside(rips, rip)) and
           (kind != 'IOIO' or not ports or inside(ports, port)) and
           (kind != 'NPF' or not gpas or inside(gpas, gpa))]
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
        following = iter(n for n in range(200000) if n % 4 in (1, 2))
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


if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
