"""What stands before every request: its id in the log lines, its count, and the end of its work when the client goes away."""

import asyncio
import logging

from .logs import request_id

ID_LENGTH_MAX = 128
# The status of a request that had no answer, because the client did not wait for one.
LEFT = 499

log = logging.getLogger("ambit_runner.front")


class Client:
    """The client's side of one request. Once its body has been read to the end, the next message can only be its leaving."""

    def __init__(self, scope, receive):
        self._receive = receive
        self._read = asyncio.Event()
        self._gone = asyncio.Event()
        headers = dict(scope["headers"])
        self._has_body = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers

    async def receive(self):
        if self._read.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        if not self._has_body:
            # Said here, because wait_until_gone may have taken the server's message that says so.
            self._read.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._read.set()
            self._gone.set()
        elif not message.get("more_body", False):
            self._read.set()
        return message

    async def wait_until_gone(self):
        if self._has_body:
            await self._read.wait()
        while not self._gone.is_set():
            if (await self._receive())["type"] == "http.disconnect":
                self._gone.set()


def id_of(scope):
    headers = dict(scope["headers"])
    value = headers.get(b"x-baseten-request-id") or headers.get(b"x-request-id") or b""
    return value.decode("latin-1")[:ID_LENGTH_MAX] or None


class Front:
    def __init__(self, app, metrics, work):
        self.app = app
        self.metrics = metrics
        self.work = work

    async def __call__(self, scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            request_id.set(id_of(scope))
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope, receive, send):
        method = self.work.get(scope["path"])
        if method is None:
            await self.app(scope, receive, send)
            return
        status = LEFT

        async def noting_send(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.metrics.in_flight += 1
        try:
            await self._bound_to_client(scope, receive, noting_send)
        finally:
            self.metrics.in_flight -= 1
            self.metrics.finished[method, status] += 1

    async def _bound_to_client(self, scope, receive, send):
        client = Client(scope, receive)
        work = asyncio.create_task(self.app(scope, client.receive, send))
        gone = asyncio.create_task(client.wait_until_gone())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                log.info("the client went away; its request is cancelled")
                work.cancel()
                await asyncio.wait({work})
        finally:
            gone.cancel()
            work.cancel()
        if not work.cancelled() and work.exception():
            raise work.exception()
