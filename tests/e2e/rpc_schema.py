#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every method of the OpenRPC document, called with valid, missing, surplus, wrongly typed and
out-of-range parameters that are made from the document itself; code, message and data are compared.
Each case is a function; run one by name, or all. tests/cli/svmrund.bats lists them."""
import json
import os
import re
import subprocess
import sys
from rpc_lib import Daemon

PROGRAM = os.path.join(os.environ.get('SVMKIT_BUILD', '.'), 'svmrund')
OF_PATTERN = {'^[0-9a-f]{64}$': '0' * 64, '^0x[0-9a-f]{1,16}$': '0x1f',
              '^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$': 'a' * 31}
# Members that only an enum of names could describe; the rule is in the messages and man pages.
NAMES = {'exits': 'HLT', 'fields': 'rip'}


def document():
    printed = subprocess.run([PROGRAM, '--openrpc'], capture_output=True, timeout=20, check=True)
    return json.loads(printed.stdout)


def valid(schema, name):
    """A value that the schema allows."""
    if 'oneOf' in schema:
        return valid(schema['oneOf'][0], name)
    if 'enum' in schema:
        return schema['enum'][0]
    kind = schema['type']
    if kind == 'integer':
        return schema.get('minimum', 0)
    if kind == 'boolean':
        return True
    if kind == 'string':
        if 'pattern' in schema:
            return OF_PATTERN[schema['pattern']]
        if schema.get('contentEncoding') == 'base64':
            return 'AAAA'
        return NAMES.get(name, 'x' * max(1, schema.get('minLength', 1)))
    if kind == 'array':
        return [valid(schema['items'], name)] * schema.get('minItems', 1)
    properties = schema.get('properties')
    if properties is None:
        return {'rax': valid(schema['additionalProperties'], name)}
    keys = schema.get('required', list(properties)[:1])
    keys = keys + [key for key in properties if key not in keys]
    most = max(len(schema.get('required', '1')), schema.get('minProperties', 0))
    return {key: valid(properties[key], key) for key in keys[:most]}


OTHERS = {'null': None, 'boolean': True, 'number': 1.5, 'string': 'no such value\n', 'array': [[]],
          'object': {'no such member': [None]}}


def wrong(schema, name):
    """Values that it does not allow: of every other type, and just out of every range."""
    if 'oneOf' in schema:
        # Wrong for one branch may be right for another.
        own = [wrong(branch, name) for branch in schema['oneOf']]
        return [value for values in own for value in values
                if not any(allows(branch, value) for branch in schema['oneOf'])]
    kind = schema['type']
    values = [value for other, value in OTHERS.items() if other != kind]
    if 'enum' in schema:
        values += ['', 'LOSSY'] if kind == 'string' else [False]
    elif kind == 'integer':
        values += [schema['minimum'] - 1, 0.5, 1e300, schema.get('maximum', 2**53 - 1) + 1]
    elif kind == 'string':
        values += ['x' * (schema['maxLength'] + 1)] if 'maxLength' in schema else []
        values += [''] if schema.get('minLength') else []
        if 'pattern' in schema:
            values += ['', OF_PATTERN[schema['pattern']] + 'X', '-Z']
    elif kind == 'array':
        values += [[]] if schema.get('minItems') else []
        if 'maxItems' in schema:
            values.append([valid(schema['items'], name)] * (schema['maxItems'] + 1))
        values += [[value] for value in wrong(schema['items'], name)]
    elif kind == 'object':
        values += [{}] if schema.get('minProperties') else []
        good, members = valid(schema, name), schema.get('properties', {})
        for key in schema.get('required', []):
            values.append({k: v for k, v in good.items() if k != key})
        if schema.get('additionalProperties') is False:
            values.append({**good, 'surplus': 1})
        for key, member in members.items():
            values += [{**good, key: value} for value in wrong(member, key)]
        if isinstance(schema.get('additionalProperties'), dict):
            values += [{'rax': value} for value in wrong(schema['additionalProperties'], name)]
    return values


def allows(schema, value):
    """Only what the branches of oneOf use: integers and strings with a pattern."""
    if schema['type'] == 'integer':
        return (isinstance(value, int) and not isinstance(value, bool) and
                schema.get('minimum', 0) <= value <= schema.get('maximum', 2**53 - 1))
    return isinstance(value, str) and re.fullmatch(schema['pattern'], value) is not None


def refused(client, method, param, text, params):
    error = client.error(method, **params)
    assert error['code'] == -32602, (method, params, error)
    assert error['data'] == {'param': param}, (method, params, error)
    assert error['message'].startswith(text), (method, params, error)


def calls(method):
    """Sets of valid parameters: the required ones, and each of the others beside them."""
    required = {p['name']: valid(p['schema'], p['name']) for p in method['params'] if p['required']}
    yield required
    for p in method['params']:
        if not p['required']:
            yield {**required, p['name']: valid(p['schema'], p['name'])}


def every_method_takes_what_the_document_allows():
    with Daemon(PROGRAM, '--device', '/nonexistent/svmrt') as d:
        c = d.client()
        methods = document()['methods']
        assert len(methods) >= 22, len(methods)
        for method in methods:
            if method['name'] == 'system.shutdown':
                continue
            for params in calls(method):
                answer = c.raw(method['name'], **params)
                # No such object, no such template or no module: what the parameters mean, not how
                # they are written. template.load wants one parameter of three.
                if 'error' in answer and not (method['name'] == 'template.load' and
                                              answer['error']['code'] == -32602):
                    assert answer['error']['code'] in (1, 4, 5), (method['name'], params, answer)
        assert c.call('system.shutdown') == {}
        assert d.process.wait(20) == 0


def every_method_refuses_what_the_document_does_not_allow():
    seen = 0
    with Daemon(PROGRAM, '--device', '/nonexistent/svmrt') as d:
        c = d.client()
        for method in document()['methods']:
            name = method['name']
            good = next(calls(method))
            refused(c, name, 'surplus', name + ' has no parameter surplus',
                    {**good, 'surplus': 1})
            for p in method['params']:
                if p['required']:
                    refused(c, name, p['name'], '%s: parameter %s is missing' % (name, p['name']),
                            {k: v for k, v in good.items() if k != p['name']})
                for value in wrong(p['schema'], p['name']):
                    refused(c, name, p['name'], '%s: parameter %s must be ' % (name, p['name']),
                            {**good, p['name']: value})
                    seen += 1
            for params in ([1], 'x', 1, None):
                c.send(json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': name,
                                   'params': params}).encode() + b'\n')
                error = c.line()['error']
                assert error['code'] == -32602 and 'named' in error['message'], error
            for p in method['params'][:1]:
                value = json.dumps(valid(p['schema'], p['name']))
                c.send(('{"jsonrpc":"2.0","id":1,"method":"%s","params":{"%s":%s,"%s":%s}}\n' %
                        (name, p['name'], value, p['name'], value)).encode())
                error = c.line()['error']
                assert error['code'] == -32602 and 'given twice' in error['message'], error
    assert seen > 500, seen


def numbers_from_2_to_the_53_are_never_rounded():
    """As a number they are refused; as a hexadecimal string all 64 bits arrive."""
    with Daemon(PROGRAM, '--device', '/nonexistent/svmrt') as d:
        c = d.client()
        for number in (2**53, 2**53 + 1, 2**64 - 1, 2**64, 10**30):
            refused(c, 'memory.read', 'gpa', 'memory.read: parameter gpa must be ',
                    {'vm': 1, 'gpa': number, 'bytes': 1})
            refused(c, 'vm.info', 'vm', 'vm.info: parameter vm must be ', {'vm': number})
        for number in (0, 2**53 - 1, '0x20000000000001', '0xffffffffffffffff'):
            assert c.error('memory.read', vm=1, gpa=number, bytes=1)['code'] == 1


if __name__ == '__main__':
    CASES = [name for name, value in list(globals().items())
             if callable(value) and value.__module__ == '__main__' and name.count('_') > 1]
    for case in sys.argv[1:] or CASES:
        print('#', case, flush=True)
        globals()[case]()
