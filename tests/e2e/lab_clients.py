# SPDX-License-Identifier: MIT
"""Clients of the lab's control socket, and the echoing daemon behind it, for lab_plain.bats.

Each mode ends with status 0 when what its name says holds; the test gives the time limit.
"""
import hashlib
import os
import socket
import socketserver
import sys
import threading


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)
    return s


def receive_all(s):
    digest, size = hashlib.sha256(), 0
    while data := s.recv(65536):
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Daemon(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 256


def echo(path):
    Daemon(path, Echo).serve_forever()


def exchange(path, size):
    s = connect(path)
    data = os.urandom(size)
    sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
    sender.start()
    answer = receive_all(s)
    sender.join()
    assert answer == (hashlib.sha256(data).hexdigest(), size), f"{size} bytes came back changed"


def many(path, count):
    failures = []

    def one(i):
        try:
            exchange(path, 1000 + i * 20011)
        except BaseException as error:  # noqa: B902, a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(int(count))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures


def half_close(path):
    s = connect(path)
    s.sendall(b"question\n")
    s.shutdown(socket.SHUT_WR)
    assert receive_all(s)[1] == 9


def slow(path):
    """One client sends without ever reading, until nothing more is taken from it."""
    stuck = connect(path)
    stuck.settimeout(1)
    sent = 0
    try:
        while sent < 64 << 20:
            sent += stuck.send(bytes(65536))
    except socket.timeout:
        pass
    assert sent < 16 << 20, f"{sent} bytes were buffered for a client that does not read"
    exchange(path, 3000000)
    stuck.settimeout(None)
    stuck.shutdown(socket.SHUT_WR)
    assert receive_all(stuck)[1] == sent


def crowd(path, count):
    clients = [connect(path) for _ in range(int(count))]
    for s in clients:
        s.sendall(b"x")
        assert s.recv(1) == b"x"
    refused = connect(path)
    assert refused.recv(1) == b"", "a client too many was served"
    clients.pop().close()
    for s in clients:
        s.sendall(b"y")
        assert s.recv(1) == b"y"


def expect_eof(path):
    s = connect(path)
    assert s.recv(1) == b""


MODES = {"echo": echo, "many": many, "half-close": half_close, "slow": slow, "crowd": crowd,
         "expect-eof": expect_eof}

if __name__ == "__main__":
    MODES[sys.argv[1]](*sys.argv[2:])
