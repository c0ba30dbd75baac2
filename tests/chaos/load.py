"""A running server, an upstream, and clients that never stop: some keep their connections, some open one for each request."""

import asyncio
import json
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "storm"))

import client  # noqa: E402
from http1 import Reader, chunked  # noqa: E402
from server import Server  # noqa: E402

KEY = "sk-chaos"
PATIENCE = 60  # until a hang is called one
EU, US = "ovh-gra-1", "aws-us-east-1"


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Upstream(asyncio.Protocol):
    """Answers after the pause that the request asks for; a stream's events come that far apart."""

    def __init__(self, region, seen):
        self.region, self.seen = region, seen
        self.reader = Reader(lambda message: None, self.on_end, answers=False)

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.reader.feed(data)

    def on_end(self, message):
        if message.start.startswith("GET"):
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            return
        self.seen.append(self.region)
        asyncio.ensure_future(self.answer(json.loads(bytes(message.body))))

    async def answer(self, asked):
        if asked.get("stream"):
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for i in range(5):
                await asyncio.sleep(asked["pause"])
                self.transport.write(chunked([b'data: {"n": %d}\n\n' % i])[:-5])
            self.transport.write(chunked([b"data: [DONE]\n\n"]))
            return
        if asked["pause"]:
            await asyncio.sleep(asked["pause"])
        body = json.dumps({"number": asked["number"], "choices": []}).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


class Failure:
    def __init__(self, why, sent_at, opened_at):
        self.why, self.sent_at, self.opened_at = why, sent_at, opened_at

    def __repr__(self):
        return f"{self.why} (sent {self.sent_at:.3f}, connection {self.opened_at:.3f})"


class Load:
    """A server between clients and upstreams in two regions."""

    def __init__(self, build, folder, **config):
        self.folder = folder
        self.gateway, self.control, eu, us = free_ports(4)
        self.bases = {EU: eu, US: us}
        self.server = Server(build, folder, self.gateway, self.control, 2, KEY)
        self.seen = []
        self.failures, self.answers, self.number = [], 0, 0
        self.tasks, self.running = [], False
        self.extra = config

    def config(self, **more):
        models = [{"model_name": "m", "litellm_params": {"model": "openai/m", "api_base": f"http://127.0.0.1:{port}/v1", "region_name": region},
                   "model_info": {"id": region}} for region, port in self.bases.items()]
        return json.dumps({"model_list": models, "routing": {"preferred": [EU, US]}, **self.extra, **more})

    async def start(self):
        loop = asyncio.get_running_loop()
        self.upstreams = [await loop.create_server(lambda region=region: Upstream(region, self.seen), "127.0.0.1", port, backlog=512)
                          for region, port in self.bases.items()]
        self.server.write_config(self.config())
        self.server.start()
        await self.until(self.ready)

    async def ready(self):
        assert self.server.alive(), (self.folder / "server.err").read_text()
        return (await client.call(self.gateway, KEY, "GET", "/health/ready"))[0] == 200

    async def until(self, condition, seconds=PATIENCE):
        async with asyncio.timeout(seconds):
            while not await condition():
                await asyncio.sleep(0.02)

    async def stop(self):
        self.running = False
        try:
            if self.tasks:
                await asyncio.wait_for(asyncio.gather(*self.tasks), PATIENCE)
            status = await self.server.stop()
            assert status == 0 and not self.server.left_behind()
            complaints = self.server.complaints()
            assert not complaints, complaints
        finally:
            self.server.kill_all()
            for upstream in self.upstreams:
                upstream.close()

    def body(self, pause=0.0, stream=False, user=None):
        self.number += 1
        asked = {"model": "m", "number": self.number, "pause": pause, "stream": stream, "messages": []}
        if user:
            asked["user"] = user
        return self.number, json.dumps(asked).encode()

    @staticmethod
    def request(body):
        return (f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\n\r\n").encode() + body

    async def ask(self, connection, **how):
        number, body = self.body(**how)
        answer = connection.expect()
        connection.write(self.request(body))
        message = await asyncio.wait_for(answer.future, PATIENCE)
        if message.status == 200:
            assert how.get("stream") and message.body.endswith(b"[DONE]\n\n") or json.loads(bytes(message.body))["number"] == number
        return message

    async def ask_once(self, **how):
        connection = await client.Connection.open(self.gateway)
        try:
            return await self.ask(connection, **how)
        finally:
            connection.close()

    # --- clients that never stop

    def begin(self, keeping=8, opening=8, streaming=2):
        self.running = True
        kinds = [(True, False)] * keeping + [(False, False)] * opening + [(True, True)] * streaming
        self.tasks = [asyncio.ensure_future(self.client(i, keep, stream)) for i, (keep, stream) in enumerate(kinds)]

    async def client(self, index, keep, stream):
        connection, opened_at = None, 0
        now = asyncio.get_running_loop().time
        while self.running:
            sent_at = now()
            try:
                if connection is None or not connection.usable:
                    opened_at = now()
                    connection = await asyncio.wait_for(client.Connection.open(self.gateway), PATIENCE)
                sent_at = now()
                message = await self.ask(connection, pause=0.02 if stream or index % 4 == 0 else 0, stream=stream)
                self.answers += 1
                if message.status != 200:
                    self.failures.append(Failure(f"{message.status} {bytes(message.body[:200])!r}", sent_at, opened_at))
                if not keep or message.headers.get("connection") == "close":
                    connection.close()
                    connection = None
            except (client.Gone, OSError, TimeoutError) as error:
                self.failures.append(Failure(repr(error), sent_at, opened_at))
                connection = None
            await asyncio.sleep(0)

    async def served(self, n):
        """Until so many more answers have come."""
        goal = self.answers + n

        async def enough():
            return self.answers >= goal
        await self.until(enough)
