"""A replica as the process plane starts one: its folder, its shim, and an edge's side of the connection."""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from world import BUILD, free_ports

DEADLINE_S = 30

# A model server of a few lines: what a test does not care about is answered with 200.
SERVER = """
import http.server, os, socketserver, subprocess, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        bad = os.path.exists(self.path.strip("/").replace("/", "-") + ".bad")
        self.answer(503 if bad else 200, b"{}")

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if self.path == "/crash":
            print("the model has lost its mind", flush=True)
            os._exit(3)
        self.answer(200, body)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512

print("hello from", os.getpid(), flush=True)
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def eventually(what, condition):
    """What `condition` gives as soon as it is true of something."""
    end = time.monotonic() + DEADLINE_S
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what} does not come true")
        time.sleep(0.01)


def is_alive(pid):
    """A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Replica:
    def __init__(self, tmp_path, program=SERVER, argv=None, variables=(), **changes):
        self.folder = tmp_path / f"replica-{secrets.token_hex(4)}"
        self.folder.mkdir()
        self.work = self.folder / "work"
        self.work.mkdir()
        (self.work / "server.py").write_text(program)
        self.log = self.folder / "replica.log"
        self.identity = secrets.token_hex(32)
        [self.port] = free_ports(1)
        self.shim = None
        self.spec = {
            "id": self.folder.name,
            "deployment": "d",
            "directory": str(self.work),
            "logs": str(self.log),
            "argv": argv or [sys.executable, "server.py"],
            "env": ["PATH=" + os.environ["PATH"], f"AMBIT_REPLICA_ID={self.folder.name}"],
            "port": self.port,
            "server_port": 0,
            "readiness": "/ready",
            "liveness": "/alive",
            "probe_ms": 20,
            "first_probe_ms": 20,
            "startup_ms": 30000,
            "stop_traffic_ms": 30000,
            "restart_ms": 30000,
            "drain_ms": 30000,
            "grace_ms": 10000,
            "cgroup": "",
            "memory_bytes": 0,
            "cpu_milli": 0,
            "user": "",
            "uid": 0,
            "gid": 0,
        } | changes
        self.variables = list(variables)

    def start(self):
        (self.folder / "spec.json").write_text(json.dumps(self.spec))
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        received = b"".join(item.encode() + b"\0" for item in [self.identity, *self.variables])
        with open(self.folder / "shim.log", "wb") as log:
            self.shim = subprocess.Popen(
                [BUILD / "ambit", "replica", "--folder", self.folder, "--lock-fd", str(lock)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,
            )
        os.close(lock)
        with self.shim.stdin as pipe:
            pipe.write(received)
        return self

    def read(self, name):
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def ready(self):
        eventually("ready", lambda: self.read("status").startswith("ready"))
        return self

    def wait(self):
        """Why it has ended."""
        self.shim.wait(DEADLINE_S)
        return self.read("exit")

    def is_locked(self):
        with open(self.folder / "lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def messages(self):
        return [line["message"] for line in self.lines()]

    def process(self):
        """Of the package: the one that says hello."""
        said = eventually("hello", lambda: [m for m in self.messages() if m.startswith("hello from ")])
        return int(said[0].split()[2])

    def connect(self, identity=None):
        """Connected and proven, as an edge does it."""
        s = socket.create_connection(("127.0.0.1", self.port), DEADLINE_S)
        nonce = secrets.token_hex(16)
        s.sendall(f"AMBIT1 {nonce}\r\n".encode())
        proof = hmac.digest(bytes.fromhex(identity or self.identity), nonce.encode(), hashlib.sha256).hex()
        expected = f"AMBIT1 {proof}\r\n".encode()
        got = b""
        while len(got) < len(expected):
            piece = s.recv(len(expected) - len(got))
            if not piece:
                raise ConnectionError("closed before the proof")
            got += piece
        assert got == expected
        return s

    def post(self, path, body=b"", s=None):
        s = s or self.connect()
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return s

    def kill(self):
        """Whatever a test has left."""
        if self.shim and self.shim.poll() is None:
            self.shim.send_signal(signal.SIGINT)
            try:
                self.shim.wait(15)
            except subprocess.TimeoutExpired:
                self.shim.kill()
                self.shim.wait()


def answer(s):
    """Status and body."""
    file = s.makefile("rb")
    status = int(file.readline().split()[1])
    length = 0
    while (line := file.readline().strip()):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return status, file.read(length)
