#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Executes docs/tutorial.md: ```yaml NAME blocks become files, and each ```console block is one test,
whose `$` lines run in one shell and must print what stands below them; `...` stands for anything. Prints
TAP. Needs a daemon: SVMRUND_SOCKET, or a lab."""
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.environ.get('SVMKIT_SRC', '.')
BUILD = os.environ.get('SVMKIT_BUILD', '.')
PAGE = os.path.join(SOURCE, 'docs', 'tutorial.md')
LIMIT_SECONDS = 120     # of one command; a lab may have to start


def blocks(text):
    """(kind, name, body, heading) of every fenced block."""
    for match in re.finditer(r'^```(\w+)(?: (\S+))?\n(.*?)^```$', text, re.M | re.S):
        headings = re.findall(r'^## (.*)$', text[:match.start()], re.M)
        yield match[1], match[2], match[3], headings[-1] if headings else 'the page'


def commands(body):
    """[(command, what it must print)]"""
    steps = []
    for line in body.splitlines():
        if line.startswith('$ '):
            steps.append((line[2:], []))
        elif steps:
            steps[-1][1].append(line)
        else:
            raise SystemExit('tutorial.md: a console block begins with a `$` line, not %r' % line)
    return [(command, '\n'.join(lines)) for command, lines in steps]


def run(command, where):
    environment = dict(os.environ, LC_ALL='C.UTF-8', PATH=BUILD + ':' + os.environ['PATH'])
    result = subprocess.run(['bash', '-c', command], cwd=where, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_SECONDS,
                            check=False)
    # No page has a line's trailing blanks.
    return '\n'.join(line.rstrip() for line in result.stdout.rstrip('\n').split('\n'))


def fits(wanted, said):
    pattern = '.*'.join(re.escape(part) for part in wanted.split('...'))
    return re.fullmatch(pattern, said, re.S) is not None


def main():
    with open(PAGE) as page:
        text = page.read()
    count = failed = 0
    print('TAP version 13')
    with tempfile.TemporaryDirectory(prefix='svmkit-tutorial-') as where:
        for kind, name, body, heading in blocks(text):
            if kind == 'yaml' and name:
                with open(os.path.join(where, name), 'w') as file:
                    file.write(body)
            elif kind == 'console':
                count += 1
                heard = [(command, wanted, run(command, where)) for command, wanted in commands(body)]
                wrong = [step for step in heard if not fits(step[1], step[2])]
                print('%sok %d - the tutorial, %s: block %d' % ('not ' if wrong else '', count, heading, count))
                for command, wanted, said in wrong:
                    print('# $ %s\n#  wanted: %r\n#  heard:  %r' % (command, wanted, said))
                failed += bool(wrong)
            elif kind != 'yaml':
                print('# a block of %s is only read' % kind)
    print('1..%d' % count)
    return 1 if failed or not count else 0


if __name__ == '__main__':
    sys.exit(main())
