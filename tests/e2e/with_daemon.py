#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a command beside a daemon of its own: with_daemon.py DAEMON COMMAND [ARG...]

DAEMON is started on a new socket, COMMAND runs with SVMRUND_SOCKET set to it once it listens, and
its exit status is ours; a daemon that does not end cleanly afterwards is status 125."""
import os
import subprocess
import sys

from rpc_lib import Daemon

status = 125
try:
    with Daemon(sys.argv[1]) as daemon:
        status = subprocess.run(sys.argv[2:], env=dict(os.environ, SVMRUND_SOCKET=daemon.path),
                                timeout=100, check=False).returncode
except AssertionError as error:
    print(error, file=sys.stderr)
    status = 125
sys.exit(status if status >= 0 else 128 - status)
