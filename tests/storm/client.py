"""The clients: connections that are kept, dropped, pipelined, cut; and callers of the management API."""

import asyncio
import json
import socket
import struct
import time

from http1 import Broken, Reader


class Gone(Exception):
    """The connection ended before the answer did."""


class Answer:
    __slots__ = ("message", "future")

    def __init__(self, future):
        self.message = None
        self.future = future


class Connection(asyncio.Protocol):
    """One connection to the gateway or to control; answers come in the order of requests."""

    def __init__(self):
        self.transport = None
        self.waiting = []
        self.reader = Reader(self.on_head, self.on_end, answers=True)
        self.lost = False
        self.opened_at = None
        self.before = None  # the request, and the head of its answer, that this connection was used for last

    @classmethod
    async def open(cls, port):
        began = time.monotonic()
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        connection.opened_at = began  # an edge may have had it, and been killed, before we know that it is open
        return connection

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        try:
            self.reader.feed(data)
        except (Broken, ValueError, IndexError) as error:
            self.fail(Broken(f"{error}: {data[:200]!r}"))
            self.transport.abort()

    def on_head(self, message):
        if not self.waiting:
            raise Broken("an answer that nobody asked for")
        self.waiting[0].message = message

    def on_end(self, message):
        answer = self.waiting.pop(0)
        if not answer.future.done():
            answer.future.set_result(message)

    def connection_lost(self, exc):
        self.lost = True
        self.reader.close()
        self.fail(Gone(str(exc or "closed")))

    def fail(self, error):
        for answer in self.waiting:
            if not answer.future.done():
                answer.future.set_exception(error)
                answer.future.exception()  # whoever has left already does not want to know
        self.waiting = []

    @property
    def usable(self):
        return not self.lost and not self.transport.is_closing()

    def expect(self):
        """The answer to a request whose bytes are about to be written."""
        if self.lost:
            raise Gone("closed before the request")
        answer = Answer(asyncio.get_running_loop().create_future())
        self.waiting.append(answer)
        return answer

    def write(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    def close(self, reset=False):
        if reset:
            sock = self.transport.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()


async def call(port, key, method, path, body=None, timeout=20):
    """One management call on a connection of its own: (status, JSON). Status 0: no answer, so nobody knows what happened."""
    text = json.dumps(body).encode() if body is not None else b""
    head = f"{method} {path} HTTP/1.1\r\nhost: ambit\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    connection = None
    try:
        async with asyncio.timeout(timeout):
            connection = await Connection.open(port)
            answer = connection.expect()
            connection.write(f"{head}content-length: {len(text)}\r\nconnection: close\r\n\r\n".encode() + text)
            message = await answer.future
            return message.status, json.loads(bytes(message.body) or b"null")
    except TimeoutError:
        return -1, None
    except (OSError, Gone, Broken, ValueError):
        return 0, None
    finally:
        if connection:
            connection.close()
