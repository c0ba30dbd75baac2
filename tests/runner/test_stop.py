"""SIGTERM: nothing new, all that is in flight to its end, and that bounded."""

import socket
import threading

import pytest
from conftest import PREDICT, until
from test_sockets import ECHO, closed, dial

GATED = """
    import os, time
    class Model:
        def wait(self):
            print("in flight", flush=True)
            while not os.path.exists(os.environ["GO"]):
                time.sleep(0.01)
        def predict(self, model_input):
            self.wait()
            return "whole"
        def completions(self, body):
            yield "first,"
            self.wait()
            yield "last"
"""

GATED_SOCKET = """
        async def websocket(self, ws):
            while True:
                await ws.receive_text()
"""


def refuses(runner):
    try:
        socket.create_connection(("127.0.0.1", runner.port)).close()
        return False
    except ConnectionRefusedError:
        return True


@pytest.mark.parametrize("path, expected", [(PREDICT, '"whole"'), ("/v1/completions", "first,last")])
def test_a_request_in_flight_is_finished(start, tmp_path, path, expected):
    go = tmp_path / "go"
    runner = start(GATED, GO=str(go)).ready()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(runner.http.post(path, json=1)))
    asking.start()
    runner.says("in flight")
    runner.terminate()
    until(lambda: refuses(runner), "a closed listener")
    assert runner.process.poll() is None
    go.touch()
    asking.join()
    assert answers[0].text == expected
    assert runner.ended() == 0


def test_an_open_socket_is_kept(start):
    runner = start(ECHO).ready()
    with dial(runner) as ws:
        ws.send("before")
        assert ws.recv(timeout=60) == "before"
        runner.terminate()
        until(lambda: refuses(runner), "a closed listener")
        ws.send("after")
        assert ws.recv(timeout=60) == "after"
        assert runner.process.poll() is None
    assert runner.ended() == 0


def test_the_grace_has_an_end(start, tmp_path):
    runner = start(GATED + GATED_SOCKET, GO=str(tmp_path / "never"), AMBIT_GRACE_SECONDS="0.2").ready()
    with dial(runner) as ws:
        ws.send("x")
        asking = threading.Thread(target=ask_in_vain, args=[runner])
        asking.start()
        runner.says("in flight")
        runner.terminate()
        assert closed(ws)[0] == 1012
    assert runner.ended() == 0
    asking.join()
    runner.says("2 requests and sockets are cut off")


def test_who_is_cut_off_hears_why(start):
    runner = start(
        """
        import asyncio
        class Model:
            async def predict(self, model_input):
                print("in flight", flush=True)
                try:
                    await asyncio.Event().wait()
                finally:
                    await asyncio.sleep(0.05)
                    print("cleaned up", flush=True)
        """,
        AMBIT_GRACE_SECONDS="0",
    ).ready()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(runner.predict(1)))
    asking.start()
    runner.says("in flight")
    runner.terminate()
    asking.join()
    assert (answers[0].status_code, answers[0].json()) == (503, {"error": "The server is stopping."})
    assert answers[0].headers["x-baseten-error-code"] == "500"
    assert runner.ended() == 0
    assert "cleaned up" in runner.log()
    assert "Exception in ASGI" not in runner.log()


def test_a_health_check_that_hangs_does_not_delay_the_stop(start, tmp_path):
    runner = start(
        """
        import os, time
        class Model:
            def is_healthy(self):
                while os.path.exists(os.environ["HANG"]):
                    print("asked", flush=True)
                    time.sleep(0.01)
                return True
            def predict(self, x):
                return x
        """,
        HANG=str(tmp_path / "hang"),
    ).ready()
    (tmp_path / "hang").touch()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", runner.port)) as s:
            s.sendall(b"GET /v1/models/model HTTP/1.1\r\nhost: a\r\n\r\n")
            runner.says("asked")
    runner.terminate()
    assert runner.ended() == 0
    assert "cut off" not in runner.log()


def test_a_second_signal_ends_the_grace(start, tmp_path):
    runner = start(GATED, GO=str(tmp_path / "never")).ready()
    asking = threading.Thread(target=ask_in_vain, args=[runner])
    asking.start()
    runner.says("in flight")
    runner.terminate()
    runner.says("may finish within 3600 s")
    runner.terminate()
    assert runner.ended() == 0
    asking.join()


def ask_in_vain(runner):
    try:
        runner.predict(1)
    except Exception:
        pass


def test_a_stop_while_the_model_loads(start, tmp_path):
    runner = start(
        """
        import time
        class Model:
            def load(self):
                print("loading", flush=True)
                time.sleep(1000)
            def predict(self, x):
                return 1
        """
    ).listening()
    runner.says("loading")
    runner.terminate()
    assert runner.ended() == 0


def test_idle_connections_do_not_delay_the_stop(start):
    runner = start(ECHO).ready()
    assert runner.status("/") == 200  # its connection stays open
    runner.terminate()
    assert runner.ended() == 0


def test_a_thread_that_the_model_left_behind(start):
    runner = start(
        """
        import threading
        class Model:
            def load(self):
                threading.Thread(target=threading.Event().wait, daemon=False).start()
            def predict(self, x):
                return x
        """
    ).ready()
    runner.terminate()
    assert runner.ended() == 0
