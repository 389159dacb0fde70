#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold specs against the JSON Schema: print "good FILE", "bad FILE: why" or "unreadable FILE".

Status 77 when python3-jsonschema or python3-yaml is not installed. Usage: schema_check.py SCHEMA FILE...
"""
import json
import sys

try:
    import jsonschema
    import yaml
except ImportError:
    sys.exit(77)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in sys.argv[2:]:
        try:
            with open(path, encoding="utf-8") as f:
                spec = yaml.safe_load(f)
        except (yaml.YAMLError, RecursionError, UnicodeDecodeError):
            print("unreadable", path)
            continue
        error = jsonschema.exceptions.best_match(validator.iter_errors(spec))
        if error is None:
            print("good", path)
        else:
            print("bad %s: %s: %s" % (path, "/".join(map(str, error.absolute_path)), error.message[:100]))


main()
