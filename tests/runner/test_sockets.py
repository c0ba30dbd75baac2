"""WebSockets through a client library: both ways, the codes they close with, and pings."""

import socket

import pytest
from conftest import until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

ECHO = """
    import asyncio, sys
    from starlette.websockets import WebSocket, WebSocketDisconnect
    class Model:
        async def websocket(self, websocket: WebSocket):
            await websocket.accept()  # it is accepted already, and may be once more
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    print("left with", message["code"], flush=True)
                    return
                text = message.get("text")
                if text == "fail":
                    raise ValueError("the socket's reason")
                if text == "exit":
                    sys.exit("the socket's reason")
                if text == "cancel":
                    raise asyncio.CancelledError("the socket's reason")
                if text == "end":
                    return
                if text == "own":
                    await websocket.close(4001, "mine")
                    return
                if text is not None:
                    await websocket.send_text(text)
                else:
                    await websocket.send_bytes(message["bytes"])
"""


def dial(runner, **more):
    return connect(f"ws://127.0.0.1:{runner.port}/v1/websocket", open_timeout=60, close_timeout=60, max_size=None, proxy=None, **more)


def closed(ws):
    with pytest.raises(ConnectionClosed) as error:
        ws.recv(timeout=60)
    return error.value.rcvd.code, error.value.rcvd.reason


def test_echo(start):
    runner = start(ECHO).ready()
    with dial(runner) as ws:
        ws.send("hällo")
        assert ws.recv(timeout=60) == "hällo"
        blob = bytes(range(256)) * (16 << 10)
        ws.send(blob)
        assert ws.recv(timeout=60) == blob
        assert runner.metric("ambit_model_websockets_open") == 1
        ws.close(4000)
    runner.says("left with 4000")


IN_THE_MODEL = "internal error in the model"


@pytest.mark.parametrize(
    "say, code, reason",
    [
        ("fail", 1011, IN_THE_MODEL),
        ("exit", 1011, IN_THE_MODEL),
        ("cancel", 1011, IN_THE_MODEL),
        ("end", 1000, ""),
        ("own", 4001, "mine"),
    ],
)
def test_closing_codes(start, say, code, reason):
    runner = start(ECHO).ready()
    with dial(runner) as ws:
        ws.send(say)
        assert closed(ws) == (code, reason)
    assert ("the socket's reason" in runner.log()) == (code == 1011)
    assert runner.status() == 200


def test_a_model_without_the_method(start):
    runner = start("class Model:\n    def predict(self, x):\n        return 1\n").ready()
    with dial(runner) as ws:
        assert closed(ws)[0] == 1003


def test_a_message_beyond_the_limit(start):
    runner = start(ECHO).ready()
    limit = 100 << 20
    with dial(runner) as ws:
        ws.send(bytes(limit))
        assert len(ws.recv(timeout=60)) == limit
        ws.send([bytes(limit), b"1"])
        assert closed(ws)[0] == 1009


def test_the_code_is_not_overtaken_by_a_reset(start):
    """A client that sends the whole of a message that is too large, and only then looks."""
    runner = start(ECHO).ready()
    size = (100 << 20) + 1
    with socket.create_connection(("127.0.0.1", runner.port), timeout=60) as s:
        s.sendall(
            b"GET /v1/websocket HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += s.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        s.sendall(bytes([0x82, 0x80 | 127]) + size.to_bytes(8, "big") + bytes(4))
        for _ in range(100):
            s.sendall(bytes(1 << 20))
        answer = s.recv(4, socket.MSG_WAITALL)
        assert (answer[0], answer[2:]) == (0x88, (1009).to_bytes(2, "big"))


def test_before_the_model_is_ready(start, tmp_path):
    runner = start(
        """
        import asyncio
        class Model:
            async def load(self):
                await asyncio.Event().wait()
            async def websocket(self, websocket):
                pass
        """
    ).listening()
    with pytest.raises(InvalidStatus) as error:
        dial(runner)
    assert error.value.response.status_code == 503


def test_pings_end_a_socket_whose_client_is_dead(start):
    runner = start(
        ECHO, config="runtime: {transport: {kind: websocket, ping_interval_seconds: 0.05, ping_timeout_seconds: 0.1}}\n"
    ).ready()
    with dial(runner, ping_interval=None) as ws:
        ws.send("x")
        assert ws.recv(timeout=60) == "x"
        # A client that answers nothing any more: its reading thread stops on a full queue, so no pong is sent.
        ws.protocol.receive_data = lambda data: None
        runner.says("left with")


def test_a_model_that_takes_its_time_is_not_taken_for_a_dead_client(start, tmp_path):
    runner = start(
        """
        import asyncio, os
        class Model:
            async def websocket(self, ws):
                await ws.receive_text()
                print("working", flush=True)
                while not os.path.exists(os.environ["GO"]):
                    await asyncio.sleep(0.01)
                await ws.send_text(await ws.receive_text())
        """,
        config="runtime: {transport: {kind: websocket, ping_interval_seconds: 0.01, ping_timeout_seconds: 0.01}}\n",
        GO=str(tmp_path / "go"),
    ).ready()
    with dial(runner) as ws:
        ws.send("one")
        ws.send("two")
        ws.send("three")
        runner.says("working")
        # Many pings' worth of time, in which nothing is read.
        for _ in range(100):
            runner.status("/")
        (tmp_path / "go").touch()
        assert ws.recv(timeout=60) == "two"


def test_a_model_that_does_not_notice_is_cancelled(start):
    runner = start(
        """
        import asyncio
        class Model:
            async def websocket(self, ws):
                print("deaf", flush=True)
                try:
                    await asyncio.Event().wait()
                finally:
                    print("cleaned up", flush=True)
        """,
        AMBIT_DEAF_SOCKET_SECONDS="0.05",
    ).ready()
    with dial(runner):
        runner.says("deaf")
    runner.says("cleaned up")
    until(lambda: runner.metric("ambit_model_websockets_open") == 0, "no socket")
    assert "Exception in ASGI" not in runner.log()


def test_a_model_that_has_noticed_may_finish(start, tmp_path):
    runner = start(
        """
        import asyncio, os
        class Model:
            async def websocket(self, ws):
                await ws.receive()
                print("noticed", flush=True)
                while not os.path.exists(os.environ["GO"]):
                    await asyncio.sleep(0.01)
                print("finished", flush=True)
        """,
        AMBIT_DEAF_SOCKET_SECONDS="0",
        GO=str(tmp_path / "go"),
    ).ready()
    with dial(runner):
        pass
    runner.says("noticed")
    for _ in range(20):
        runner.status("/")
    (tmp_path / "go").touch()
    runner.says("finished")
