"""What a generator of the model gives, step by step, and as an answer.

The first item is waited for before the answer begins, so that a model that fails at once still gets a status of its own. Later, there is
only one honest way to fail: cut the connection, without the end that a finished answer has.
"""

import asyncio
import logging
from collections.abc import Iterator

from starlette.responses import Response

from .logs import StreamBroken
from .workers import contained

END = object()

log = logging.getLogger("ambit_runner.model")


class Stream:
    """Owns the lease, and with it the slot, until it is closed."""

    def __init__(self, source, lease, timeout):
        self._source = source
        self._lease = lease
        self._timeout = timeout
        self._first = None

    async def start(self):
        try:
            self._first = await self._step()
        except BaseException:
            await self.close()
            raise

    async def __aiter__(self):
        item = self._first
        while item is not END:
            yield item
            item = await self._step()

    async def _step(self):
        try:
            async with asyncio.timeout(self._timeout) as limit:
                if isinstance(self._source, Iterator):
                    item = await self._lease.call(next, self._source, END)
                else:
                    item = await contained(anext(self._source, END))
        except TimeoutError:
            if limit.expired():
                raise TimeoutError(f"nothing came within {self._timeout} s (runtime.streaming_read_timeout)") from None
            raise
        if item is END:
            return END
        if isinstance(item, str):
            return item.encode()
        if isinstance(item, (bytes, bytearray, memoryview)):
            return bytes(item)
        raise TypeError(f"a generator may give texts and bytes, not {type(item).__name__}")

    async def close(self):
        lease, self._lease = self._lease, None
        if lease is None:
            return
        if isinstance(self._source, Iterator):
            lease.release(last=getattr(self._source, "close", None))
            return
        try:
            if hasattr(self._source, "aclose"):
                await contained(self._source.aclose())
        except Exception:
            log.exception("the model's generator failed while it was closed")
        finally:
            lease.release()


class StreamAnswer(Response):
    def __init__(self, stream, media_type):
        self.stream = stream
        super().__init__(media_type=media_type)
        del self.headers["content-length"]

    async def __call__(self, scope, receive, send):
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for item in self.stream:
                await send({"type": "http.response.body", "body": item, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except Exception:
            log.exception("the stream broke off")
            raise StreamBroken from None
        finally:
            await self.stream.close()
