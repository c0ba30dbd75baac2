"""WebSockets to model hosts with a real client library: what is sent arrives, ends as it was ended, and many may be idle.

WEBSOCKET_BYTES and WEBSOCKET_IDLE say how much passes each way and how many sockets are idle: small by default, 1 GiB and 5,000 by hand.
"""

import asyncio
import hashlib
import os
import resource

import pytest
import websockets
from regional import TRUSS, Server, config_of, package
from world import KEY

BYTES = int(os.environ.get("WEBSOCKET_BYTES", 32 << 20))
IDLE = int(os.environ.get("WEBSOCKET_IDLE", 200))
MESSAGE = 1 << 20

# Says back what it hears, and ends as it is told to.
MODEL = """
import asyncio


class Model:
    def load(self):
        pass

    async def websocket(self, websocket):
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                await websocket.send_bytes(message["bytes"])
            elif text.startswith("close "):
                await websocket.close(code=int(text[6:]), reason="as you say")
                return
            elif text == "fail":
                raise RuntimeError("told to")
            else:
                await websocket.send_text(text)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("websockets"), config_of(more="environment_groups: [{name: prod-eu, region_rule: eu}]\n"))
    yield s
    s.stop()


@pytest.fixture(scope="module")
def model(server, tmp_path_factory):
    folder = package(tmp_path_factory.mktemp("package"), "parrot", MODEL, runtime={"transport": {"kind": "websocket"}})
    return server.push(folder, "--environment", "prod-eu", "--wait")["model_id"]


def connect(server, host, path="/websocket", key=KEY, headers=(), **more):
    return websockets.connect(f"ws://{host}:{server.port}{path}", host="127.0.0.1", port=server.port, proxy=None,
                              additional_headers={"Authorization": f"Api-Key {key}", **dict(headers)}, max_size=None, **more)


@pytest.fixture(params=["regional", "standard"])
def place(request, server, model):
    if request.param == "regional":
        return server.host(model, "prod-eu"), "/websocket"
    return server.host(model), "/environments/prod-eu/websocket"


def test_texts_and_bytes(server, place):
    async def talk():
        async with connect(server, *place) as socket:
            for message in ["hello", "", "x" * 200000, b"\x00\xff", b"", "ü" * 1000]:
                await socket.send(message)
                assert await socket.recv() == message
            await socket.send(["in ", "three ", "parts"])
            assert await socket.recv() == "in three parts"
            await (await socket.ping())

    asyncio.run(talk())


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_close_codes_come_through_from_the_model(server, model, code):
    async def talk():
        async with connect(server, server.host(model, "prod-eu")) as socket:
            await socket.send(f"close {code}")
            with pytest.raises(websockets.ConnectionClosed) as ended:
                await socket.recv()
            return ended.value.rcvd

    said = asyncio.run(talk())
    assert (said.code, said.reason) == (code, "as you say")


def test_a_model_that_fails_closes_with_1011(server, model):
    async def talk():
        async with connect(server, server.host(model, "prod-eu")) as socket:
            await socket.send("fail")
            with pytest.raises(websockets.ConnectionClosed) as ended:
                await socket.recv()
            return ended.value.rcvd.code

    assert asyncio.run(talk()) == 1011


@pytest.mark.parametrize("path, key, status", [("/production/websocket", KEY, 400), ("/websocket", "sk-no", 401), ("/websockets", KEY, 404)])
def test_who_may_not_is_told_before_the_upgrade(server, model, path, key, status):
    async def talk():
        with pytest.raises(websockets.InvalidStatus) as refused:
            await connect(server, server.host(model, "prod-eu"), path, key)
        return refused.value.response.status_code

    assert asyncio.run(talk()) == status


def test_much_passes_both_ways_at_once_and_intact(server, model):
    """Each side sends and receives at the same time, so nothing may wait for the other way to be empty."""

    async def talk():
        async with connect(server, server.host(model, "prod-eu"), compression=None) as socket:
            sent, got = hashlib.sha256(), hashlib.sha256()
            block = os.urandom(MESSAGE)

            async def send():
                for i in range(BYTES // MESSAGE):
                    message = i.to_bytes(8, "big") + block[8:]
                    sent.update(message)
                    await socket.send(message)

            sender = asyncio.ensure_future(send())
            for _ in range(BYTES // MESSAGE):
                got.update(await socket.recv())
            await sender
            assert sent.digest() == got.digest()

    asyncio.run(talk())


def test_many_idle_sockets_stay_and_all_answer(server, model):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * IDLE + 200)), hard))

    async def talk():
        limit = asyncio.Semaphore(50)

        async def open_one():
            async with limit:
                return await connect(server, server.host(model, "prod-eu"), compression=None, ping_interval=None, open_timeout=60)

        sockets = await asyncio.gather(*[open_one() for _ in range(IDLE)])
        for i, socket in enumerate(sockets):
            await socket.send(str(i))
        answers = [await socket.recv() for socket in sockets]
        assert answers == [str(i) for i in range(IDLE)]
        await asyncio.gather(*[socket.close() for socket in sockets])
        assert all(socket.close_code == 1000 for socket in sockets)

    asyncio.run(talk())


def test_a_tightened_rule_closes_what_is_open(server, tmp_path):
    status, _, answer = server.manage("PATCH", "/v1/environment_groups/loose", {"region_rule": {"allow": ["eu", "us"]}})
    assert status == 200, answer
    pushed = server.push(package(tmp_path, "loose", MODEL), "--environment", "loose", "--wait")
    model, deployment = pushed["model_id"], pushed["deployment_id"]
    (replica,) = server.replicas(model, deployment)
    other = "us" if replica["region"].startswith("scaleway") else "eu"

    async def talk():
        async with connect(server, server.host(model), "/environments/loose/websocket") as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
            status, _, answer = await asyncio.to_thread(
                server.manage, "PATCH", "/v1/environment_groups/loose", {"region_rule": {"allow": [other]}})
            assert status == 200, answer
            with pytest.raises(websockets.ConnectionClosed) as ended:
                await socket.recv()
            return ended.value.rcvd.code

    assert asyncio.run(talk()) == 1008


def test_a_customers_tightened_rule_closes_what_is_open(tmp_path):
    s = Server(tmp_path)
    pushed = s.push(package(tmp_path, "shared", MODEL), "--environment", "prod-eu", "--wait", "--model-name", "shared")
    assert s.manage("POST", "/customer/new", {"user_id": "ana", "allowed_model_region": "eu"})[0] == 200
    headers = {"x-litellm-customer-id": "ana"}

    async def talk():
        async with connect(s, s.host(pushed["model_id"], "prod-eu"), "/websocket", headers=headers) as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
            change = {"user_id": "ana", "allowed_model_region": "us"}
            status, _, answer = await asyncio.to_thread(s.manage, "POST", "/customer/update", change)
            assert status == 200, answer
            with pytest.raises(websockets.ConnectionClosed) as ended:
                await asyncio.wait_for(socket.recv(), 30)
            return ended.value.rcvd.code

    try:
        assert asyncio.run(talk()) == 1008
    finally:
        s.stop()
