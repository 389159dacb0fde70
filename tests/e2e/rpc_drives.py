#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drives and links of vm.create, on the fake engine: what the names of a template stand for, who may
have an image, and every way to say it wrong. Each case is a function; run one by name, or all."""
import array
import base64
import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
from rpc_lib import Daemon

BUILD = os.environ['SVMKIT_BUILD']
PROGRAM = os.path.join(BUILD, 'tests', 'unit', 'svmrund_fake')

SPEC = '''
svmspec: 1
name: drives
extends: real16
memory: [ { at: 0, size: 1MiB, kind: ram } ]
payload: { asm: "hlt" }
vcpus: { state: { rip: 0x1000 } }
devices:
  - { chipset: pc }
  - { virtio: blk, drive: root }
  - { virtio: blk, drive: data, read_only: true }
  - { virtio: net, link: lan }
'''


class Bench:
    """A daemon whose configuration allows a directory, with the template loaded and images."""

    def __enter__(self):
        self.where = tempfile.TemporaryDirectory()
        self.path = os.path.realpath(self.where.name)
        self.images = os.path.join(self.path, 'images')
        os.mkdir(self.images)
        for name in ('root', 'data', 'other'):
            self.image(name, 1 << 20)
        conf = os.path.join(self.path, 'svmrund.conf')
        with open(conf, 'w') as file:
            file.write('[drives]\ndirectory = %s\n[links]\ntap = nonexistent*\n' % self.images)
        self.daemon = Daemon(PROGRAM, '--config', conf).__enter__()
        self.client = self.daemon.client()
        self.template = self.client.call('template.load', data=compiled(self.path))['template']
        return self

    def __exit__(self, *why):
        self.client.close()
        self.daemon.__exit__(*why)
        self.where.cleanup()

    def image(self, name, size):
        with open(os.path.join(self.images, name), 'wb') as file:
            file.truncate(size)
        return os.path.join(self.images, name)

    def refused(self, param, words, drives=None, links=None):
        params = {'template': self.template}
        params.update({'drives': drives} if drives is not None else {})
        params.update({'links': links} if links is not None else {})
        error = self.client.error('vm.create', **params)
        assert error['code'] == -32602 and error['data'] == {'param': param}, error
        assert words in error['message'], (words, error)
        assert self.client.call('vm.list') == {'vms': []}


def compiled(where):
    spec, out = os.path.join(where, 'drives.yaml'), os.path.join(where, 'drives.svmt')
    with open(spec, 'w') as file:
        file.write(SPEC)
    subprocess.run([os.path.join(BUILD, 'svmc'), 'compile', '-o', out, spec], check=True, timeout=60)
    with open(out, 'rb') as file:
        return base64.b64encode(file.read()).decode()


def drive(name, path=None):
    return {'name': name, 'path': path} if path else {'name': name, 'descriptor': True}


def each_name_of_the_template_wants_one_thing():
    with Bench() as b:
        b.refused('drives', 'the template has a drive `root`: say what it is')
        b.refused('drives', 'the template has a drive `data`', [drive('root', 'root')])
        b.refused('links', 'the template has a link `lan`',
                  [drive('root', 'root'), drive('data', 'data')])
        b.refused('drives', 'no drive `rot`; did you mean `root`?', [drive('rot', 'root')])
        b.refused('drives', 'no drive `lan`', [drive('lan', 'root')])
        b.refused('links', 'no link `wan`; did you mean `lan`?', [drive('root', 'root')],
                  [{'name': 'wan', 'tap': 'nonexistent0'}])
        b.refused('drives', '`root` is given twice', [drive('root', 'root'), drive('root', 'other')])


def rows_have_a_form():
    with Bench() as b:
        for row in ({}, {'name': 'root'}, {'path': 'root'}, {'name': 'root', 'path': ''},
                    {'name': 'root', 'path': 1}, {'name': 'root', 'descriptor': False},
                    {'name': 'root', 'path': 'root', 'descriptor': True},
                    {'name': 'root', 'tap': 'tap0'}, {'name': '../root', 'path': 'root'},
                    {'name': 'x' * 32, 'path': 'root'}, 'root', None):
            b.refused('drives', 'must be an array of 1 to 16 objects {name, path}', [row])
        for row in ({'name': 'lan', 'path': 'x'}, {'name': 'lan', 'tap': 'x' * 16}):
            b.refused('links', 'must be an array of 1 to 16 objects {name, tap}', None, [row])
        b.refused('drives', 'must be an array', [])
        b.refused('drives', 'must be an array', [drive('root', 'root')] * 17)


def images_are_files_below_the_directories():
    with Bench() as b:
        os.symlink('/etc/passwd', os.path.join(b.images, 'escape'))
        os.mkfifo(os.path.join(b.images, 'fifo'))
        os.mkdir(os.path.join(b.images, 'deeper'))
        b.image('empty', 0)
        b.image('odd', 513)
        os.chmod(b.image('sealed', 512), 0o400)
        for path, words in (('/etc/passwd', 'not below a directory that [drives]'),
                            ('../svmrund.conf', 'leads out'), ('escape', 'leads out'),
                            ('missing', 'No such file'), ('fifo', 'no regular file'),
                            ('deeper', 'directory'), ('empty', 'whole number of sectors'),
                            ('odd', 'whole number of sectors')):
            b.refused('drives', words, [drive('root', path)])
        if os.getuid():
            b.refused('drives', 'Permission denied', [drive('root', 'sealed')])


def images_that_others_have_are_refused():
    with Bench() as b:
        with open(os.path.join(b.images, 'root'), 'r+b') as held:
            fcntl.lockf(held, fcntl.LOCK_EX)
            b.refused('drives', 'is locked: another program has it', [drive('root', 'root')])
        b.refused('drives', 'is that of another drive of the VM',
                  [drive('root', 'root'), drive('data', 'root')])
        # What was refused holds nothing.
        with open(os.path.join(b.images, 'root'), 'r+b') as free:
            fcntl.lockf(free, fcntl.LOCK_EX | fcntl.LOCK_NB)


def descriptors_are_images_that_fit():
    with Bench() as b:
        b.refused('drives', 'sent no descriptor that is not used yet', [drive('root')])
        path = os.path.join(b.images, 'root')
        reading, writing = os.pipe()
        cases = [(os.open(path, os.O_RDONLY), 'for reading only'),
                 (os.open(path, os.O_WRONLY), 'for writing only'),
                 (os.open(path, os.O_RDWR | os.O_APPEND), 'for appending'),
                 (os.open(b.images, os.O_RDONLY), 'no regular file'),
                 (os.open(path, os.O_PATH), 'no regular file'),
                 (reading, 'no regular file'), (os.open(path, os.O_RDWR), 'drive `data`')]
        request = {'jsonrpc': '2.0', 'id': 1, 'method': 'vm.create',
                   'params': {'template': b.template, 'drives': [drive('root')]}}
        for descriptor, words in cases:
            b.client.socket.sendmsg([json.dumps(request).encode() + b'\n'],
                                    [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                      array.array('i', [descriptor]))])
            error = b.client.line()['error']
            assert words in error['message'], (words, error)
            os.close(descriptor)
        os.close(writing)


def taps_are_those_that_are_allowed_and_exist():
    with Bench() as b:
        drives = [drive('root', 'root'), drive('data', 'data')]
        for tap, words in (('lo', '[links] of svmrund.conf does not name it'),
                           ('nonexistent0', 'no such interface'),
                           ('../nonexistent', 'does not name it')):
            b.refused('links', words, drives, [{'name': 'lan', 'tap': tap}])
        b.refused('links', 'sent no descriptor', drives, [{'name': 'lan', 'descriptor': True}])
        with open(os.path.join(b.images, 'other'), 'rb') as file:
            request = {'jsonrpc': '2.0', 'id': 1, 'method': 'vm.create',
                       'params': {'template': b.template, 'drives': drives,
                                  'links': [{'name': 'lan', 'descriptor': True}]}}
            b.client.socket.sendmsg([json.dumps(request).encode() + b'\n'],
                                    [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                      array.array('i', [file.fileno()]))])
            assert 'none of a tap' in b.client.line()['error']['message']


if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
