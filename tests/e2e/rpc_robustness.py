#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What svmrund's socket does with bad input and bad clients, on a daemon without a device. Each
case is a function; run one by name, or all. tests/cli/svmrund.bats lists them."""
import base64
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from rpc_lib import Client, Daemon, PAGE, seal, template

PROGRAM = os.path.join(os.environ.get('SVMKIT_BUILD', '.'), 'svmrund')
SEED = int(os.environ.get('SVMKIT_SEED', '1'))
DIGEST = '0' * 64


def daemon(**options):
    return Daemon(PROGRAM, '--device', '/nonexistent/svmrt', **options)


def expect(client, line, code, *words):
    """Sends bytes that belong to no request; the answer has id null and says the words."""
    client.send(line + b'\n')
    answer = client.line()
    assert answer['id'] is None and answer['error']['code'] == code, answer
    for word in words:
        assert word in answer['error']['message'], (word, answer)
    return answer['error']


def alive(client):
    assert client.call('vm.list') == {'vms': []}


def system_info_says_why_there_is_no_module():
    with daemon() as d:
        info = d.client().call('system.info')
        assert info['svmrt'] is None and info['engine'] == 'svmrt'
        assert info['svmrt_error'] == '/nonexistent/svmrt: No such file or directory', info
        assert info['pid'] == d.process.pid


def vm_create_without_a_module_gives_the_remedy():
    with daemon() as d:
        c = d.client()
        error = c.error('vm.create', template=c.load(template()))
        assert error['code'] == 5 and 'svmrt.ko' in error['message'], error
        assert 'lab' in error['message'] and c.call('vm.list') == {'vms': []}
        assert c.call('template.list')['templates'][0]['vms'] == 0


def send(client, message):
    client.send(json.dumps(message).encode() + b'\n')
    return client.line()


def objects_that_do_not_exist_are_error_1():
    with daemon() as d:
        c = d.client()
        for method, params in [('vm.start', {'vm': 7}), ('vm.stop', {'vm': 7}),
                               ('vm.destroy', {'vm': 7}), ('vm.info', {'vm': 7}),
                               ('vm.wait', {'vm': 7}), ('vcpu.get', {'vm': 7, 'vcpu': 0}),
                               ('events.subscribe', {'vm': 7}), ('stats.get', {'vm': 7}),
                               ('events.unsubscribe', {'subscription': 7}),
                               ('console.attach', {'vm': 7}), ('vm.pause', {'vm': 7}),
                               ('vm.resume', {'vm': 7}),
                               ('memory.read', {'vm': 7, 'gpa': 0, 'bytes': 1}),
                               ('memory.write', {'vm': 7, 'gpa': 0, 'data': 'AAAA'}),
                               ('vcpu.set', {'vm': 7, 'vcpu': 0, 'regs': {'rax': 1}}),
                               ('vm.create', {'template': DIGEST}),
                               ('template.unload', {'template': DIGEST})]:
            error = c.error(method, **params)
            assert error['code'] == 1 and error['message'].startswith(('no ', 'this ')), error
        assert c.error('vm.explode')['code'] == -32601


def garbage_is_answered_with_its_place():
    with daemon() as d:
        c = d.client()
        assert expect(c, b'GARBAGE', -32700, 'byte 0')['data'] == {'offset': 0}
        assert expect(c, b'{"jsonrpc":"2.0",', -32700)['data'] == {'offset': 17}
        for line in [b'\x00', b'"', b'{', b'[', b'}', b'{"a":1,}', b'[1,]', b'01', b'1.', b'-',
                     b'+1', b'.5', b'1e', b'nul', b'tru', b'{"a" 1}', b'{a:1}', b'"\x01"', b'"\\x"',
                     b'"\\u12"', b'"\\ud800"', b'"\\udc00"', b'"\\u0000"', b'[1 2]', b'{} {}',
                     b"{'a':1}", b'NaN', b'Infinity', b'[' * 31, b'\xef\xbb\xbf{}']:
            expect(c, line, -32700)
        for line in [b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"',
                     b'"\xe2\x82"']:
            expect(c, line, -32700, 'UTF-8')
        c.send(b'\n\r\n')
        for line in [b'1', b'"x"', b'null', b'{}', b'[]', b'{"jsonrpc":"1.0","method":"vm.list"}',
                     b'{"jsonrpc":"2.0","method":1}',
                     b'{"jsonrpc":"2.0","method":"vm.list","id":{}}',
                     b'{"jsonrpc":"2.0","method":"vm.list","id":true}',
                     b'{"jsonrpc":"2.0","method":"vm.list","more":1}',
                     b'{"jsonrpc":"2.0","method":"vm.list","method":"vm.info"}',
                     b'{"jsonrpc":"2.0","method":"vm.list","\\u0069d":1}']:
            expect(c, line, -32600)
        alive(c)


def random_garbage_never_hurts_the_other_clients():
    rng = random.Random(SEED)
    seeds = [b'{"jsonrpc":"2.0","id":1,"method":"vm.info","params":{"vm":1}}',
             b'[{"jsonrpc":"2.0","id":"a","method":"vm.list"},{"jsonrpc":"2.0","method":"x"}]',
             b'{"jsonrpc":"2.0","id":null,"method":"template.load","params":{"data":"AAAA"}}']
    with daemon() as d:
        quiet, noisy = d.client(), d.client()
        for _ in range(3000):
            line = bytearray(rng.choice(seeds))
            for _ in range(rng.randrange(1, 5)):
                where = rng.randrange(len(line))
                line[where:where + rng.randrange(3)] = bytes(
                    rng.randrange(256) for _ in range(rng.randrange(3)))
            noisy.send(bytes(line).replace(b'\n', b'') + b'\n')
        noisy.send(b'{"jsonrpc":"2.0","id":"end","method":"vm.list"}\n')
        while True:
            answer = noisy.line()
            if isinstance(answer, dict) and answer.get('id') == 'end':
                break
        alive(quiet)


def ids_come_back_as_they_were_sent():
    with daemon() as d:
        c = d.client()
        for ident in ['1', '-0', '1e3', '12345678901234567890123', '0.10', '"x"', '"\\u00e9\\n"',
                      'null', '""']:
            c.send(b'{"id":%s,"jsonrpc":"2.0","method":"vm.list"}\n' % ident.encode())
            while b'\n' not in c.pending:
                c.pending += c.socket.recv(4096)
            line, _, c.pending = c.pending.partition(b'\n')
            assert line == b'{"jsonrpc":"2.0","id":%s,"result":{"vms":[]}}' % ident.encode(), line


def batches_are_answered_in_one_line():
    one = {'jsonrpc': '2.0', 'id': 1, 'method': 'vm.list'}
    with daemon() as d:
        c = d.client()
        answer = send(c, [one, {**one, 'id': 'b'}, 5, {'jsonrpc': '2.0', 'method': 'vm.list'}])
        assert [a['id'] for a in answer] == [1, 'b', None] and answer[2]['error']['code'] == -32600
        assert len(send(c, [one] * 64)) == 64
        error = expect(c, json.dumps([one] * 65).encode(), 3)
        assert error['data'] == {'limit': 'batch', 'value': 64}, error
        c.send(b'[{"jsonrpc":"2.0","method":"vm.list"}]\n')     # only notifications: no answer
        alive(c)


def notifications_get_no_answer():
    with daemon() as d:
        c = d.client()
        c.send(b'{"jsonrpc":"2.0","method":"vm.list"}\n{"jsonrpc":"2.0","method":"nonsense"}\n')
        alive(c)
        assert c.notes == []


def deep_nesting_is_refused_by_its_limit():
    with daemon() as d:
        c = d.client()
        assert expect(c, b'[' * 100000, 3)['data'] == {'limit': 'nesting', 'value': 32}
        assert expect(c, b'{"a":' * 33 + b'1' + b'}' * 33, 3)['data']['limit'] == 'nesting'
        expect(c, b'{"a":' * 32 + b'1' + b'}' * 32, -32600)
        alive(c)


def a_line_that_is_too_long_is_skipped():
    with daemon() as d:
        c, other = d.client(), d.client()
        chunk = b'x' * (1 << 20)
        for _ in range(40):
            c.send(chunk)
        alive(other)
        error = c.line()
        assert error['id'] is None and error['error']['code'] == 3, error
        assert error['error']['data'] == {'limit': 'line_bytes', 'value': 32 << 20}, error
        c.send(b'\n')
        alive(c)


def unfinished_lines_of_all_clients_are_limited_together():
    chunk = b'x' * (1 << 20)
    with daemon() as d:
        clients = [d.client() for _ in range(12)]
        for c in clients:
            for _ in range(17):
                c.send(chunk)
        alive(d.client())
        for c in clients:
            c.send(b'\n')
        codes = [c.line()['error']['code'] for c in clients]
        assert 3 in codes and -32700 in codes, codes
        for c in clients:
            alive(c)


def split_lines_are_put_together():
    with daemon() as d:
        c = d.client()
        for byte in b'{"jsonrpc":"2.0","id":7,"method":"vm.list"}\n':
            c.send(bytes([byte]))
        assert c.line()['id'] == 7
        c.send(b'{"jsonrpc":"2.0","id":8,"method":"vm.list"}\r\n' * 500)
        for _ in range(500):
            assert c.line()['id'] == 8


def a_half_open_client_gets_its_answers():
    with daemon() as d:
        c = d.client()
        c.send(b'{"jsonrpc":"2.0","id":1,"method":"vm.list"}\n{"jsonrpc"')
        c.socket.shutdown(socket.SHUT_WR)
        assert c.line()['id'] == 1
        assert c.line()['error']['code'] == -32700
        try:
            c.line()
            raise AssertionError('not closed')
        except EOFError:
            pass
        alive(d.client())


def a_client_that_never_reads_is_no_burden():
    request = b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n' * 100
    with daemon() as d:
        lazy, other = d.client(), d.client()
        lazy.socket.settimeout(2)
        try:
            for _ in range(1000):
                lazy.send(request)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass
        alive(other)
        with open('/proc/%d/statm' % d.process.pid) as statm:
            assert int(statm.read().split()[1]) * 4096 < 256 << 20
        lazy.close()
        alive(other)


def clients_that_vanish_leave_nothing():
    with daemon() as d:
        other = d.client()
        alive(other)
        descriptors = len(os.listdir('/proc/%d/fd' % d.process.pid))
        for number in range(300):
            c = d.client()
            c.send([b'', b'{"jsonrpc":"2.0"', b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}\n'
                    ][number % 3])
            c.close()
        alive(other)
        deadline = time.monotonic() + 10
        while len(os.listdir('/proc/%d/fd' % d.process.pid)) != descriptors:
            assert time.monotonic() < deadline
            alive(other)


def the_65th_client_is_told_the_limit():
    with daemon() as d:
        clients = [d.client() for _ in range(64)]
        for c in clients:
            alive(c)
        error = d.client().line()['error']
        assert error['code'] == 3 and error['data'] == {'limit': 'clients', 'value': 64}, error
        clients.pop().close()
        alive(clients[0])
        deadline = time.monotonic() + 10
        while True:
            try:
                alive(d.client())
                break
            except (KeyError, AssertionError, EOFError, BrokenPipeError, ConnectionResetError):
                assert time.monotonic() < deadline


def templates_load_once_list_and_unload():
    with daemon() as d:
        c = d.client()
        image = template(name='first')
        loaded = c.call('template.load', data=base64.b64encode(image).decode())
        assert loaded == {'template': image[16:48].hex(), 'name': 'first', 'vcpus': 1,
                          'memory_bytes': 0x10000}, loaded
        assert c.load(image) == loaded['template']
        assert c.call('template.list') == {'templates': [{**loaded, 'vms': 0}]}
        assert c.call('template.unload', template=loaded['template']) == {}
        assert c.error('template.unload', template=loaded['template'])['code'] == 1
        for number in range(64):
            c.load(template(name=str(number)))
        c.load(template(name='0'))
        error = c.error('template.load', data=base64.b64encode(image).decode())
        assert error['code'] == 3 and error['data']['limit'] == 'templates', error


def bad_templates_are_refused_with_the_offset():
    image = template()
    rng = random.Random(SEED)
    with daemon() as d:
        c = d.client()

        def refuse(data, *words):
            error = c.error('template.load', data=base64.b64encode(data).decode())
            assert error['code'] == 4 and isinstance(error['data']['offset'], int), error
            for word in words:
                assert word in error['message'], error
            return error['data']['offset']

        for length in [0, 1, 3, 4, 100, 127, 128, 129, PAGE, len(image) - PAGE, len(image) - 1]:
            refuse(image[:length], 'truncated' if length >= 128 else '')
        refuse(image + bytes(PAGE))
        for _ in range(200):
            where = rng.randrange(len(image) * 8)
            flipped = bytearray(image)
            flipped[where // 8] ^= 1 << where % 8
            refuse(bytes(flipped))
        assert refuse(template(version=2), 'version') == 4
        refuse(template(extra=[(99, 0, b'x')]), '99')
        assert len(c.load(template(extra=[(99, 1 << 31, b'x')]))) == 64
        refuse(template(meta=b'{"name":'), 'META')
        refuse(template(meta=b'[' * 1000), 'META')
        refuse(seal([]))
        assert len(c.load(template(meta=json.dumps({'name': '\u20ac' * 60}).encode()))) == 64
        for text in ['A', 'AAA', 'AA=A', '====', 'A===', 'AA A', 'AAAA\n', 'AB==', '\u00e9AAA']:
            error = c.error('template.load', data=text)
            assert error['code'] == -32602 and error['data'] == {'param': 'data'}, error
        alive(c)


def a_second_daemon_leaves_the_first_alone():
    with daemon() as d:
        second = subprocess.run([PROGRAM, '--socket', d.path], capture_output=True, timeout=20)
        assert second.returncode == 1 and b'another svmrund listens on' in second.stderr, second
        alive(d.client())


def a_stale_socket_is_replaced_after_kill():
    with daemon() as first:
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(20)
        assert os.path.exists(first.path)
        with daemon(path=first.path) as second:
            alive(second.client())
            assert 'left behind' in second.text()
        assert not os.path.exists(first.path)
        first.process = second.process


def of_daemons_that_start_together_one_wins():
    with daemon() as d:
        path = d.path + '2'
        racers = [subprocess.Popen([PROGRAM, '--socket', path], stderr=subprocess.DEVNULL)
                  for _ in range(8)]
        deadline = time.monotonic() + 20
        while sum(r.poll() is None for r in racers) != 1:
            assert time.monotonic() < deadline, [r.poll() for r in racers]
        alive(Client(path))
        winner = [r for r in racers if r.poll() is None][0]
        winner.terminate()
        assert winner.wait(20) == 0 and not os.path.exists(path)


def a_file_that_is_no_socket_is_left_alone():
    with daemon() as d:
        path = d.path + '.txt'
        with open(path, 'w') as text:
            text.write('precious')
        run = subprocess.run([PROGRAM, '--socket', path], capture_output=True, timeout=20)
        assert run.returncode == 1 and b'not a socket' in run.stderr, run
        with open(path) as text:
            assert text.read() == 'precious'
        run = subprocess.run([PROGRAM, '--socket', '/' + 'x' * 200], capture_output=True,
                             timeout=20)
        assert run.returncode == 1 and b'107' in run.stderr, run


def the_socket_is_for_its_owner_only():
    with daemon() as d:
        assert os.stat(d.path).st_mode & 0o7777 == 0o600


def sigterm_tells_the_clients_and_exits_0():
    for number in (signal.SIGTERM, signal.SIGINT):
        with daemon() as d:
            c = d.client()
            alive(c)
            d.process.send_signal(number)
            assert c.note_of('system.shutdown') == {'reason': number.name}
            assert d.process.wait(20) == 0 and not os.path.exists(d.path)


def system_shutdown_answers_first():
    with daemon() as d:
        c = d.client()
        assert c.call('system.shutdown') == {}
        assert c.note_of('system.shutdown') == {'reason': 'system.shutdown'}
        assert d.process.wait(20) == 0


def the_openrpc_document_is_the_committed_one():
    printed = subprocess.run([PROGRAM, '--openrpc'], capture_output=True, timeout=20, check=True)
    source = os.environ.get('SVMKIT_SRC', os.path.join(os.path.dirname(__file__), '..', '..'))
    with open(os.path.join(source, 'schemas', 'openrpc.json'), 'rb') as committed:
        assert committed.read() == printed.stdout, 'svmrund --openrpc >schemas/openrpc.json'
    with daemon() as d:
        assert d.client().call('rpc.discover') == json.loads(printed.stdout)


def options_are_explained():
    run = subprocess.run([PROGRAM, '--help'], capture_output=True, timeout=20)
    assert run.returncode == 0 and b'--socket PATH' in run.stdout
    run = subprocess.run([PROGRAM, '--version'], capture_output=True, timeout=20)
    assert run.returncode == 0 and run.stdout.startswith(b'svmrund ')
    for bad in (['--nonsense'], ['surplus'], ['--socket']):
        run = subprocess.run([PROGRAM, *bad], capture_output=True, timeout=20)
        assert run.returncode == 2 and b'--help' in run.stderr, run
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'control.sock')
        run = subprocess.run([PROGRAM, '--socket', path, '--socket-group', 'no such group'],
                             capture_output=True, timeout=20)
        assert run.returncode == 1 and b'no such group' in run.stderr, run
        assert not os.listdir(directory)


if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and '_' in name]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
