"""What stands before every request: its id in the log lines, its count, and the end of its work when the client goes away."""

import asyncio
import logging

from starlette.exceptions import HTTPException

from .logs import StreamBroken, request_id

ID_LENGTH_MAX = 128
BODY_BYTES_MAX = 100 * 1000 * 1000
# The status of a request that had no answer, because the client did not wait for one.
LEFT = 499

log = logging.getLogger("ambit_runner.front")


class Client:
    """The client's side of one request.

    What it sends is read one piece ahead of whoever asks for it, so that its leaving is noticed where nobody asks. Only a body of several
    pieces that nobody reads hides it.
    """

    def __init__(self, scope, receive):
        self._receive = receive
        self._ahead = asyncio.Queue()
        self._asked = asyncio.Event()
        self._size = 0
        if b"expect" not in dict(scope["headers"]):
            # Else reading ahead would ask for a body that perhaps nobody wants.
            self._asked.set()

    async def receive(self):
        self._asked.set()
        message = await self._ahead.get()
        self._ahead.task_done()
        self._size += len(message.get("body", b""))
        if self._size > BODY_BYTES_MAX:
            raise HTTPException(413, f"The body is larger than {BODY_BYTES_MAX} bytes.")
        if message["type"] == "http.disconnect":
            self._ahead.put_nowait(message)  # whoever asks again hears the same
        return message

    async def until_gone(self):
        """The server says that it is gone also when it has been answered."""
        await self._asked.wait()
        while (message := await self._receive())["type"] != "http.disconnect":
            self._ahead.put_nowait(message)
            if message.get("more_body", False):
                await self._ahead.join()
        self._ahead.put_nowait(message)


class Answer:
    """What has been sent of it."""

    def __init__(self, send):
        self._send = send
        self.status = None
        self.is_whole = False

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.is_whole = not message.get("more_body", False)
        await self._send(message)


def id_of(scope):
    headers = dict(scope["headers"])
    value = headers.get(b"x-baseten-request-id") or headers.get(b"x-request-id") or b""
    return value.decode("latin-1")[:ID_LENGTH_MAX] or None


class Front:
    """`refusal` makes the answer for those who are cut off by the end of the server before they had one."""

    def __init__(self, app, metrics, work, refusal):
        self.app = app
        self.metrics = metrics
        self.work = work
        self.refusal = refusal

    async def __call__(self, scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            request_id.set(id_of(scope))
        if scope["type"] == "http":
            await self._http(scope, receive, Answer(send))
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope, receive, answer):
        method = self.work.get(scope["path"])
        if method is None:
            await self._bound_to_client(scope, receive, answer)
            return
        otherwise = 500  # what an exception becomes, further out
        self.metrics.in_flight += 1
        try:
            await self._bound_to_client(scope, receive, answer)
            otherwise = LEFT
        finally:
            self.metrics.in_flight -= 1
            self.metrics.finished[method, answer.status or otherwise] += 1

    async def _bound_to_client(self, scope, receive, answer):
        client = Client(scope, receive)
        work = asyncio.create_task(self.app(scope, client.receive, answer.send))
        gone = asyncio.create_task(client.until_gone())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and not answer.is_whole:
                log.info("the client went away; its request is cancelled")
                work.cancel()
            await asyncio.wait({work})
        except asyncio.CancelledError:
            await self._cut_off(work, scope, receive, answer)
        finally:
            gone.cancel()
        if not work.cancelled() and work.exception():
            raise work.exception()

    async def _cut_off(self, work, scope, receive, answer):
        work.cancel()
        await asyncio.wait({work})
        if answer.status is None:
            await self.refusal()(scope, receive, answer.send)
        elif not answer.is_whole:
            raise StreamBroken
