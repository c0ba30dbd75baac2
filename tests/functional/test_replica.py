"""A replica's shim: what an edge, the plane and the machine see of it, with real processes."""

import contextlib
import hashlib
import os
import signal
import socket
import struct
import threading

import pytest
from replica import SERVER, Replica, answer, eventually, is_alive


@pytest.fixture
def replicas(tmp_path):
    made = []

    def make(**changes):
        made.append(Replica(tmp_path, **changes))
        return made[-1]

    yield make
    for replica in made:
        replica.kill()


def pattern(n, seed):
    return hashlib.shake_128(str(seed).encode()).digest(n)


def test_a_replica_starts_serves_and_stops(replicas):
    r = replicas().start().ready()
    assert r.is_locked()
    assert int(r.read("pid")) == r.shim.pid
    assert answer(r.post("/x", b"hello")) == (200, b"hello")
    process = r.process()
    r.shim.send_signal(signal.SIGTERM)
    assert r.wait() == "stopped"
    assert r.shim.returncode == 0
    assert not is_alive(process)
    assert not r.is_locked()


def test_the_process_gets_its_environment_and_nothing_else(replicas):
    os.environ["AMBIT_OF_THE_TEST"] = "leaked"
    program = "import json, os; print(json.dumps(dict(os.environ)))\n" + SERVER
    r = replicas(program=program, variables=["TRUSS_SECRET_key=s3cret", "TRUSS_SECRET_two=a=b\nc"])
    r.spec["env"] += ["GREETING=hello", "PORT=1"]
    r.start().ready()
    seen = next(line for line in r.lines() if '"GREETING"' in line["message"])["message"]
    assert '"TRUSS_SECRET_key": "s3cret"' in seen and r'"TRUSS_SECRET_two": "a=b\nc"' in seen
    assert '"GREETING": "hello"' in seen
    assert "leaked" not in seen and '"PORT": "1"' not in seen
    assert r.identity not in seen
    for name in ("spec.json", "status", "shim.log"):
        assert "s3cret" not in r.read(name) and r.identity not in r.read(name)


def test_output_becomes_log_lines(replicas):
    program = """
import sys
print("plain")
print('{"level": "warning", "message": "merged", "request_id": "abc"}')
print('{"level": "error", "message": "more", "extra": [1]}')
print("to stderr", file=sys.stderr)
sys.stdout.write("no line feed")
sys.exit(7)
"""
    r = replicas(program=program).start()
    why = r.wait()
    lines = {line["message"]: line for line in r.lines()}
    assert lines["plain"]["level"] == "INFO"
    assert lines["merged"]["level"] == "WARNING"
    assert lines["merged"]["request_id"] == "abc"
    assert lines['{"level": "error", "message": "more", "extra": [1]}']["level"] == "ERROR"
    assert "to stderr" in lines and "no line feed" in lines
    assert all(int(line["timestamp"]) > 1_600_000_000 * 10**9 for line in r.lines())
    assert why.startswith("its process ended with exit status 7: ")


def test_a_crash_says_why(replicas):
    r = replicas().start().ready()
    with contextlib.suppress(ConnectionError):
        assert r.post("/crash").recv(1) == b""
    assert r.wait() == "its process ended with exit status 3: the model has lost its mind"


def test_a_signal_says_which(replicas):
    r = replicas().start().ready()
    os.kill(r.process(), signal.SIGSEGV)
    assert r.wait().startswith("its process was killed by signal 11 (Segmentation fault)")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"argv": ["/no/such/program"]}, "/no/such/program: it cannot be executed: No such file or directory"),
        ({"directory": "/no/such/folder"}, "its folder cannot be entered"),
        ({"argv": []}, "spec.json: argv is empty"),
        ({"probe_ms": "soon"}, "spec.json: probe_ms is missing or has no usable value"),
        ({"cgroup": "/no/such/cgroup"}, "the cgroup /no/such/cgroup cannot be set up: No such file or directory"),
    ],
)
def test_what_cannot_be_started_says_why(replicas, changes, said):
    r = replicas()
    r.spec |= changes
    assert said in r.start().wait()
    assert r.shim.returncode == 1
    assert not r.is_locked()


def test_a_taken_port_says_so(replicas):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert replicas(port=port).start().wait() == f"port {port} cannot be listened on: Address already in use"
        assert f"docker_server.server_port {port} is taken on this machine" in replicas(server_port=port).start().wait()


def test_a_servers_own_port_is_used(replicas):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    r = replicas(server_port=port, program=SERVER.replace('int(os.environ["PORT"])', str(port))).start().ready()
    assert answer(r.post("/x", b"there")) == (200, b"there")


def test_sigkill_of_the_shim_ends_its_process(replicas):
    r = replicas().start().ready()
    process = r.process()
    r.shim.kill()
    r.shim.wait()
    eventually("death", lambda: not is_alive(process))
    assert not r.is_locked()
    assert r.read("exit") == ""


def test_grandchildren_end_as_well(replicas):
    program = (
        "import subprocess, sys\n"
        # In a session of its own, without its parent, deaf to SIGTERM.
        "code = 'import os, signal, sys, time; signal.signal(15, signal.SIG_IGN); os.setsid();"
        " os.fork() and os._exit(0); print(\"grandchild\", os.getpid(), flush=True); time.sleep(3600)'\n"
        "subprocess.Popen([sys.executable, '-c', code])\n" + SERVER
    )
    r = replicas(program=program).start().ready()
    said = eventually("a grandchild", lambda: [m for m in r.messages() if m.startswith("grandchild")])
    grandchild = int(said[0].split()[1])
    assert is_alive(grandchild)
    r.shim.send_signal(signal.SIGTERM)
    assert r.wait() == "stopped"
    assert not is_alive(grandchild)


@pytest.fixture
def cgroup():
    """A folder of cgroup v2 that is ours, where the machine has one."""
    mounts = [line.split()[1] for line in open("/proc/mounts") if line.split()[2] == "cgroup2"]
    path = os.path.join(mounts[0], f"ambit-test-{os.getpid()}") if mounts else ""
    try:
        os.mkdir(path)
    except OSError:
        pytest.skip("no cgroup v2 folder can be made here")
    yield path
    os.rmdir(path)


def test_a_replica_lives_and_ends_in_its_cgroup(replicas, cgroup):
    own = f"{cgroup}/ambit-r1"
    r = replicas(cgroup=own).start().ready()
    assert open(f"{own}/cgroup.procs").read().split() == [str(r.process())]
    r.shim.send_signal(signal.SIGTERM)
    assert r.wait() == "stopped"
    assert not os.path.exists(own)


def test_a_deaf_process_is_killed_after_its_grace(replicas):
    r = replicas(program="import signal; signal.signal(15, signal.SIG_IGN)\n" + SERVER, grace_ms=100).start().ready()
    process = r.process()
    r.shim.send_signal(signal.SIGTERM)
    assert r.wait() == "stopped"
    assert not is_alive(process)
    assert "the process does not end and is killed" in r.messages()


def test_a_stop_waits_for_open_connections(replicas):
    r = replicas().start().ready()
    process = r.process()
    s = r.connect()
    r.shim.send_signal(signal.SIGTERM)

    def refused():
        with contextlib.suppress(ConnectionResetError), socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", r.port)) != 0

    eventually("a closed port", refused)
    assert answer(r.post("/x", b"still served", s)) == (200, b"still served")
    assert is_alive(process)
    s.close()
    assert r.wait() == "stopped"
    assert not is_alive(process)


def test_the_drain_limit_breaks_connections(replicas):
    r = replicas(drain_ms=100).start().ready()
    s = r.connect()
    r.shim.send_signal(signal.SIGTERM)
    assert r.wait() == "stopped"
    with pytest.raises(ConnectionError):
        s.recv(1)
        s.recv(1)


def test_stopping_at_once_breaks_connections_also_while_draining(replicas):
    r = replicas().start().ready()
    s = r.connect()
    r.shim.send_signal(signal.SIGTERM)
    r.shim.send_signal(signal.SIGINT)
    assert r.wait() == "stopped"
    with pytest.raises(ConnectionError):
        s.recv(1)


def test_nobody_is_served_before_the_replica_is_ready(replicas):
    r = replicas()
    (r.work / "ready.bad").touch()
    r.start()
    r.process()
    with pytest.raises(ConnectionError):
        r.connect()
    (r.work / "ready.bad").unlink()
    r.ready()
    r.connect().close()


def test_a_replica_that_is_never_ready_is_given_up(replicas):
    r = replicas(startup_ms=300)
    (r.work / "ready.bad").touch()
    assert r.start().wait() == "it was not ready within 0 s: GET /ready gave 503"


def test_a_replica_that_is_not_alive_is_given_up(replicas):
    r = replicas(restart_ms=300).start().ready()
    (r.work / "alive.bad").touch()
    assert r.wait() == "it has not been alive for 0 s: GET /alive gave 503"


def test_a_replica_is_not_ready_for_a_while(replicas):
    r = replicas(stop_traffic_ms=100).start().ready()
    (r.work / "ready.bad").touch()
    eventually("not ready", lambda: r.read("status") == "not_ready GET /ready gave 503\n")
    (r.work / "ready.bad").unlink()
    r.ready()
    assert r.shim.poll() is None


def test_a_process_that_never_answers_is_not_alive(replicas):
    program = "import socket, os, time; s = socket.create_server(('127.0.0.1', int(os.environ['PORT']))); time.sleep(3600)"
    r = replicas(program=program, readiness="", restart_ms=100).start().ready()
    assert r.wait() == "it has not been alive for 0 s: no answer in time"


def test_a_foreign_process_on_the_private_port_gets_nothing(replicas):
    """Whoever takes the port of a process that does not listen yet sees neither checks nor requests."""
    program = "import os, time; print('hello from', os.getpid(), os.environ['PORT'], flush=True); time.sleep(3600)"
    r = replicas(program=program, startup_ms=600).start()
    said = eventually("hello", lambda: [m for m in r.messages() if m.startswith("hello")])
    port = int(said[0].split()[3])
    with socket.create_server(("127.0.0.1", port)) as foreign:
        assert r.wait() == f"it was not ready within 0 s: its port {port} belongs to another process"
        foreign.setblocking(False)
        with pytest.raises(BlockingIOError):
            foreign.accept()


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"AMBIT1 xyz\r\n", b"AMBIT2 " + b"0" * 32 + b"\r\n", b"\0" * 100])
def test_without_the_handshake_nothing_passes(replicas, said):
    r = replicas().start().ready()
    with socket.create_connection(("127.0.0.1", r.port)) as s:
        s.sendall(said)
        try:
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass


def test_a_wrong_identity_is_not_proven(replicas):
    r = replicas().start().ready()
    with pytest.raises(AssertionError):
        r.connect("00" * 32)


def test_an_end_passes_each_way_on_its_own(replicas):
    program = """
import os, socket, threading
s = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=512)
def serve(c):
    got = b""
    while piece := c.recv(65536):
        got += piece
    c.sendall(got[::-1])
    c.close()
while True:
    threading.Thread(target=serve, args=[s.accept()[0]], daemon=True).start()
"""
    r = replicas(program=program, readiness="", liveness="").start().ready()
    with r.connect() as s:
        s.sendall(b"hello")
        s.shutdown(socket.SHUT_WR)
        assert s.makefile("rb").read() == b"olleh"


def test_what_a_process_says_before_it_breaks_a_connection_arrives(replicas):
    program = """
import array, fcntl, os, socket, struct, termios, time
s = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    c = s.accept()[0]
    if not c.recv(1):
        continue
    c.sendall(b"x" * 300000 + b"last words")
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    unsent = array.array("i", [1])
    while unsent[0]:
        fcntl.ioctl(c, termios.TIOCOUTQ, unsent)
        time.sleep(0.001)
    c.close()
"""
    r = replicas(program=program, readiness="", liveness="").start().ready()
    s = r.connect()
    s.sendall(b"ab")
    got = b""
    with pytest.raises(ConnectionResetError):
        while piece := s.recv(65536):
            got += piece
    assert got == b"x" * 300000 + b"last words"


def test_a_client_that_breaks_off_is_told_to_the_process(replicas):
    program = """
import os, socket
s = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    c = s.accept()[0]
    try:
        while c.recv(1):
            pass
    except ConnectionResetError:
        print("broken off", flush=True)
    c.close()
"""
    r = replicas(program=program, readiness="", liveness="").start().ready()
    s = r.connect()
    s.sendall(b"x")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    eventually("a reset", lambda: "broken off" in r.messages())


def test_two_hundred_connections_keep_their_bytes_apart(replicas):
    r = replicas().start().ready()
    failures = []

    def one(seed):
        try:
            s = r.connect()
            for round in range(3):
                body = pattern(50000 + seed * 97, (seed, round))
                if answer(r.post("/x", body, s)) != (200, body):
                    failures.append(seed)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=one, args=[i]) for i in range(200)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []


def test_a_large_body_passes_unharmed_both_ways_at_once(replicas):
    """Far more than any buffer on the way, echoed, read only when the way is full."""
    program = """
import os, socket
s = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    c = s.accept()[0]
    while piece := c.recv(1 << 20):
        c.sendall(piece)
    c.close()
"""
    r = replicas(program=program, readiness="", liveness="").start().ready()
    total, block = 1 << 27, pattern(1 << 20, 1)
    s = r.connect()
    sent, got = hashlib.sha256(), hashlib.sha256()

    def send():
        for i in range(total >> 20):
            piece = i.to_bytes(8, "big") + block[8:]
            sent.update(piece)
            s.sendall(piece)
        s.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send)
    thread.start()
    n = 0
    while piece := s.recv(1 << 20):
        got.update(piece)
        n += len(piece)
    thread.join()
    assert n == total and got.digest() == sent.digest()


def test_idle_connections_cost_little(replicas):
    r = replicas(program="""
import os, select, socket
s = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=4096)
p = select.epoll()
p.register(s, select.EPOLLIN)
kept = {}
while True:
    for fd, _ in p.poll():
        if fd == s.fileno():
            c = s.accept()[0]
            kept[c.fileno()] = c
            p.register(c, select.EPOLLIN)
        else:
            data = kept[fd].recv(100)
            if data:
                kept[fd].sendall(data)
            else:
                p.unregister(fd)
                kept.pop(fd).close()
""", readiness="", liveness="").start().ready()

    def resident():
        return int(next(line for line in open(f"/proc/{r.shim.pid}/status") if line.startswith("VmRSS")).split()[1]) * 1024

    few = [r.connect() for _ in range(10)]
    before = resident()
    many = [r.connect() for _ in range(2000)]
    # No buffer: that would be the 64 KiB of a read.
    assert (resident() - before) / len(many) < 16384
    for s in few + many[::100]:
        s.sendall(b"ping")
        assert s.recv(10) == b"ping"
    for s in few + many:
        s.close()


def test_logs_rotate(replicas):
    line = "x" * 1000
    r = replicas(program=f"for i in range(20000): print({line!r}, i)\n").start()
    r.wait()
    sizes = sorted(path.stat().st_size for path in r.folder.glob("replica.log*"))
    assert len(sizes) == 3 and all(size <= 8 << 20 for size in sizes)
    last = r.messages()
    assert last[-1].startswith("the replica has ended") and last[-2].endswith(" 19999")


def test_core_dumps_are_off(replicas):
    r = replicas().start().ready()
    for pid in (r.shim.pid, r.process()):
        limits = open(f"/proc/{pid}/limits").read()
        assert next(line for line in limits.splitlines() if line.startswith("Max core")).split()[4] == "1"


def test_nothing_of_the_test_itself_is_needed(replicas):
    """The shim is the leader of its own session and has no descriptor but its own."""
    r = replicas().start().ready()
    assert os.getsid(r.shim.pid) == r.shim.pid
    assert os.getpgid(r.process()) == r.process() != r.shim.pid
    own = os.listdir(f"/proc/{r.process()}/fd")
    targets = {os.readlink(f"/proc/{r.process()}/fd/{fd}") for fd in own}
    assert not any(target.endswith("/lock") for target in targets), targets
