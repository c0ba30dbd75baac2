"""Limits hold, change with a reload, and are said in the answer."""

import contextlib
import os
import signal
import socket
import stat
import time

import pytest
from world import KEY, Gateway, Sim, config_of, endpoint

REGION = "scaleway-par-1"


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(more="", *options):
        sim = Sim(tmp_path, [REGION])
        started.append(sim)
        gateway = Gateway(tmp_path, config_of([endpoint("m", sim, REGION)], more), *options)
        started.append(gateway)
        return gateway, sim

    yield begin
    for process in reversed(started):
        process.stop()


def change(gateway, old, new):
    text = gateway.config.read_text()
    assert old in text
    gateway.config.write_text(text.replace(old, new))
    status, out, err = gateway.cli("reload")
    assert status == 0, out + err


def raw(gateway, text, timeout=30):
    """(status, head) of the first answer on a new connection."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout) as s:
        s.sendall(text.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = s.recv(65536)
            if not piece:
                break
            head += piece
    return int(head.split()[1]), head.decode("latin-1").lower()


def ask_edge(gateway, path):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(str(gateway.data / "edge.sock"))
        s.sendall(f"GET {path} HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n".encode())
        text = b""
        while piece := s.recv(65536):
            text += piece
    head, _, body = text.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


def test_the_edge_answers_for_itself_while_control_is_away(start):
    gateway, _ = start()
    gateway.chat("m")
    os.kill(gateway.child("control"), signal.SIGSTOP)
    try:
        status, text = ask_edge(gateway, "/metrics")
        assert status == 200 and f'ambit_requests_total{{region="{REGION}"' in text
        assert ask_edge(gateway, "/health/ready")[0] == 200 and ask_edge(gateway, "/status")[0] == 200
        assert ask_edge(gateway, "/nothing")[0] == 404
        assert stat.S_IMODE(os.stat(gateway.data / "edge.sock").st_mode) == 0o600
    finally:
        os.kill(gateway.child("control"), signal.SIGCONT)
    old = gateway.child("edge")
    os.kill(old, signal.SIGKILL)
    assert gateway.chat("m")[0] == 200 and gateway.child("edge") != old
    assert ask_edge(gateway, "/health/ready")[0] == 200  # the next edge's


def test_answers_of_the_codec_have_a_request_id_as_well(start):
    gateway, _ = start()
    for request, status in (("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/9.9\r\nhost: x\r\n\r\n", 505),
                            (f"GET / HTTP/1.1\r\nhost: x\r\na: {'b' * 70000}\r\n\r\n", 431)):
        got, head = raw(gateway, request)
        assert got == status and "\r\nx-request-id: req_" in head, head


def test_a_reload_changes_the_limits_of_heads(start):
    gateway, _ = start("limits: {head_bytes: 64KiB}\n")
    request = f"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\na: {'b' * 40000}\r\n\r\n"
    assert raw(gateway, request)[0] == 200
    change(gateway, "64KiB", "16KiB")
    assert raw(gateway, request)[0] == 431
    change(gateway, "16KiB", "256KiB")
    assert raw(gateway, request.replace("b" * 40000, "b" * 200000))[0] == 200


def test_a_reload_changes_timers_of_connections(start):
    gateway, _ = start("timers: {keep_alive: 1h}\n")
    with socket.create_connection(("127.0.0.1", gateway.port), 30) as s:
        s.sendall(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert s.recv(65536).startswith(b"HTTP/1.1 200")
        change(gateway, "1h", "50ms")
        s.sendall(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        assert s.recv(65536).startswith(b"HTTP/1.1 200")
        assert s.recv(1) == b""  # closed by the gateway


def test_a_body_beyond_its_limit_is_413_and_goes_nowhere(start):
    gateway, sim = start("limits: {body_bytes: 10KiB}\n")
    status, headers, answer = gateway.chat("m", pad="x" * 20000)
    assert status == 413 and answer["error"]["code"] == "request_too_large" and "x-request-id" in headers
    assert sim.requests() == []
    change(gateway, "10KiB", "1MiB")
    assert gateway.chat("m", pad="x" * 20000)[0] == 200


def test_connections_beyond_the_limit_wait_until_others_end(start):
    gateway, _ = start("limits: {connections: 16}\n", "--workers", "1")
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(16):
            s = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), 30))
            s.sendall(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
            assert s.recv(65536).startswith(b"HTTP/1.1 200")
            held.append(s)
        waiting = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), 30))
        waiting.sendall(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        deadline = time.monotonic() + 30
        while "connections_at_limit" not in gateway.text() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "connections_at_limit" in gateway.text()
        waiting.settimeout(0.3)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        waiting.settimeout(30)
        held[3].close()
        assert waiting.recv(65536).startswith(b"HTTP/1.1 200")
