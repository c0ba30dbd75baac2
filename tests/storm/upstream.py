"""The upstreams: one listening socket for each site, every byte that arrives judged as it arrives, and faults on demand."""

import asyncio
import json
import re
import socket
import struct

import sockets
from http1 import Broken, Reader, chunked
from places import AZURE_NAMES

MARKER = re.compile(rb"storm-q(\d+)-")
BIG = 400_000
# How long after a change of policy was acknowledged, on a machine that is busy with much else: bytes that were under way arrive; an answer
# under way goes on.
FLIGHT_SECONDS = 3.0
CUT_SECONDS = 3.0

# mood -> weights of what happens to a request there
MOODS = {
    "healthy": {"answer": 1},
    "flaky": {"answer": 6, "503": 1, "429": 1, "500": 1, "reset": 2, "cut": 1, "502": 1, "redirect": 0.5, "close": 1, "big": 0.3},
    "sick": {"503": 3, "reset": 3, "500": 1, "502": 1, "cut": 1, "garbage": 1},
    "limited": {"429": 3, "answer": 1},
    "slow": {"slow": 3, "answer": 1, "hang": 0.06},
    "dying": {"reset_partial": 2, "half_head": 1, "answer": 2, "cut": 2, "shut": 1},
    "wandering": {"answer": 3, "redirect": 2, "big": 0.5},
}


class Contact:
    """Bytes of one request at one upstream."""
    __slots__ = ("uid", "site", "at", "ended", "answered", "said", "whole_body", "fate")

    def __init__(self, uid, site, at):
        self.uid, self.site, self.at = uid, site, at
        self.ended = None     # when the upstream let go of it
        self.answered = False  # a whole answer was written
        self.said = None      # the x-ms-region of its answer
        self.whole_body = False
        self.fate = None


class Site:
    """A place where a model server listens."""

    def __init__(self, storm, index, port):
        self.storm, self.index, self.port = storm, index, port
        self.mood = "healthy"
        self.azure_name = None  # what it says in x-ms-region
        self.lying = None
        self.server = None
        self.connections = set()

    async def listen(self):
        if self.server is None:
            self.server = await asyncio.get_running_loop().create_server(
                lambda: Connection(self), "127.0.0.1", self.port, backlog=512, reuse_address=True)

    def refuse(self):
        """Connections are refused, those that are there are reset."""
        if self.server is not None:
            self.server.close()
            self.server = None
        for connection in list(self.connections):
            connection.reset()


class Connection(asyncio.Protocol):
    def __init__(self, site):
        self.site = site
        self.storm = site.storm
        self.transport = None
        self.reader = Reader(self.on_head, self.on_end, answers=False)
        self.contact = None
        self.request = None
        self.task = None
        self.frames = None  # once it is a WebSocket

    def connection_made(self, transport):
        self.transport = transport
        self.site.connections.add(self)

    def data_received(self, data):
        if self.request and self.request.wish.host and self.contact.ended is None:
            self.storm.judge.goes_on(self.request, self.contact, "bytes of it arrive", FLIGHT_SECONDS)
        if self.frames is not None:
            self.on_frames(data)
            return
        try:
            self.reader.feed(data)
        except (Broken, ValueError) as error:
            self.storm.violation("broken_request", f"an upstream got what is no HTTP: {error}", data=repr(data[:400]))
            self.reset()

    def connection_lost(self, exc):
        self.site.connections.discard(self)
        if self.reader.buffer and self.reader.message is None:
            self.attribute_rest(bytes(self.reader.buffer))
        if self.contact and self.contact.ended is None:
            self.contact.ended = self.storm.now()
        if self.task:
            self.task.cancel()

    def attribute_rest(self, raw):
        """A head that never became whole: its bytes are bytes all the same."""
        marker, uid = MARKER.search(raw), re.search(rb"up-(e\d+\.\d+)\r", raw)
        if marker and uid:
            self.storm.on_contact(int(marker[1]), Contact(uid[1].decode(), self.site.index, self.storm.now()))
        elif b"POST" in raw[:5]:
            self.storm.violation("nobody's bytes", "part of a head that no request can be told from", data=repr(raw[:400]))

    # --- a request

    def on_head(self, message):
        uid = message.headers.get("authorization", "Bearer " + message.headers.get("api-key", "")).removeprefix("Bearer ")
        marker = MARKER.search(message.headers.get("x-client-request-id", "").encode())
        self.request = self.contact = None
        if not uid.startswith("up-"):
            # Region probes go without a credential; nothing else may.
            if not message.start.startswith("GET ") or marker:
                self.storm.violation("wrong_credential", f"credential {uid!r} at an upstream", head=message.raw_head.decode("latin-1"))
            return
        if not marker:
            if not message.start.startswith("GET "):
                self.storm.violation("nobody's request", "a request without its marker", head=message.raw_head.decode("latin-1"))
            return
        self.contact = Contact(uid[3:], self.site.index, self.storm.now())
        self.request = self.storm.on_contact(int(marker[1]), self.contact)
        if self.storm.is_client_secret(message.raw_head):
            self.storm.violation("leaked_credential", "a client's credential reached an upstream",
                                 head=message.raw_head.decode("latin-1"))

    def on_end(self, message):
        contact = self.contact
        if contact is None:
            self.answer_probe(message)
            return
        contact.whole_body = True
        if message.headers.get("upgrade", "").lower() == "websocket":
            self.begin_socket(message)
            return
        if self.request:
            self.storm.check_body(self.request, contact, message)
        self.task = asyncio.ensure_future(self.serve(message, contact))

    def ms_region(self, endpoint):
        if endpoint is None or not endpoint.is_azure or self.site.azure_name is None:
            return None
        return self.site.lying or self.site.azure_name

    def answer_probe(self, message):
        said = self.site.lying or self.site.azure_name
        extra = f"x-ms-region: {said}\r\n" if said else ""
        if said:
            self.storm.site_told(self.site, AZURE_NAMES[said])
        bad = self.site.mood in ("sick", "dying")
        status = "503 Service Unavailable" if bad and "/health" in message.start else "200 OK"
        self.write(f"HTTP/1.1 {status}\r\n{extra}content-length: 2\r\n\r\n{{}}".encode())

    # --- WebSockets

    def begin_socket(self, message):
        if message.start.split(" ")[1] != self.request.upstream_path:
            self.storm.violation("wrong_path", message.start, request=self.request, contact=self.contact)
        if self.site.mood in ("sick", "dying"):
            self.reset()
            return
        self.frames = sockets.Frames()
        self.contact.fate = "socket"
        self.storm.count("sockets at upstreams")
        accept = sockets.accept(message.headers["sec-websocket-key"])
        self.write(f"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                   f"sec-websocket-accept: {accept}\r\n\r\n".encode())
        self.task = asyncio.ensure_future(self.watch_socket())

    def on_frames(self, data):
        for opcode, payload in self.frames.feed(data):
            if opcode == sockets.CLOSE:
                self.contact.ended = self.storm.now()
                self.write(sockets.frame(sockets.CLOSE, payload[:2], False))
                self.transport.close()
            else:
                self.write(sockets.frame(sockets.TEXT, payload, False))

    async def watch_socket(self):
        while self.contact.ended is None and self.storm.judge.goes_on(self.request, self.contact, "its WebSocket is open", CUT_SECONDS):
            await asyncio.sleep(0.2)

    # --- answers

    def write(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    def reset(self):
        """An RST instead of a FIN, and no TIME_WAIT."""
        if self.contact and self.contact.ended is None:
            self.contact.ended = self.storm.now()
        sock = self.transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    async def serve(self, message, contact):
        endpoint = self.storm.endpoint_of(contact.uid)
        table = MOODS[self.site.mood]
        fate = contact.fate = self.storm.fault_random.choices(list(table), list(table.values()))[0]
        said = self.ms_region(endpoint)
        if self.request and self.request.wish.host and fate == "hang":
            fate = contact.fate = "reset_partial"  # a prediction may take 20 minutes, the storm has no time for that
        if self.request and self.request.lasts and fate in ("answer", "slow", "close"):
            fate = contact.fate = "lasting"
        if fate not in ("reset", "half_head", "garbage", "hang", "reset_partial"):
            contact.said = said
        extra = f"x-ms-region: {said}\r\n" if said else ""
        await getattr(self, "_" + {"500": "error", "502": "error", "503": "error", "429": "error"}.get(fate, fate))(message, contact, extra)

    def told(self, contact):
        """Just before a head with x-ms-region is written."""
        contact.ended = self.storm.now()
        if contact.said:
            self.storm.site_told(self.site, AZURE_NAMES[contact.said], contact.uid)

    def body_of(self, message, contact, size=0):
        body = {"id": f"resp_{contact.uid}", "object": "chat.completion", "by": contact.uid, "marker": self.marker(message),
                "choices": [{"index": 0, "message": {"role": "assistant", "content": "x" * size}}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}
        return json.dumps(body, separators=(",", ":")).encode()

    @staticmethod
    def marker(message):
        return message.headers.get("x-client-request-id", "")

    def events(self, message, contact):
        """The chunks of a stream."""
        head = {"id": "c", "object": "chat.completion.chunk", "by": contact.uid, "marker": self.marker(message)}
        for i in range(4):
            yield b"data: " + json.dumps({**head, "choices": [{"index": 0, "delta": {"content": str(i)}}]}).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"

    @staticmethod
    def wants_stream(message):
        return b'"stream": true' in message.body or b'"stream":true' in message.body

    async def _answer(self, message, contact, extra, pause=0.0, upto=None, size=0):
        self.told(contact)
        if self.wants_stream(message):
            self.write(f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{extra}transfer-encoding: chunked\r\n\r\n".encode())
            pieces = [chunked([event])[:-5] for event in self.events(message, contact)]
            for piece in pieces[:upto]:
                if pause:
                    await asyncio.sleep(pause)
                self.write(piece)
            if upto is None:
                contact.answered = True
                self.write(b"0\r\n\r\n")
            return
        body = self.body_of(message, contact, size)
        if upto is None:
            contact.answered = True
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{extra}content-length: {len(body)}\r\n\r\n".encode()
        self.write(head + (body if upto is None else body[:upto * 10]))

    async def _lasting(self, message, contact, extra):
        """A stream that takes its time; a rule may end it."""
        self.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        piece = b"data: " + json.dumps({"by": contact.uid, "marker": self.marker(message)}).encode() + b"\n\n"
        end = self.storm.now() + self.request.lasts
        self.storm.count("lasting answers")
        while self.storm.now() < end and not self.transport.is_closing():
            self.write(chunked([piece])[:-5])
            await asyncio.sleep(0.1)
            self.storm.judge.goes_on(self.request, contact, "its answer goes on", CUT_SECONDS)
        contact.answered = True
        contact.ended = self.storm.now()
        self.write(b"0\r\n\r\n")

    async def _big(self, message, contact, extra):
        await self._answer(message, contact, extra, size=BIG)

    async def _slow(self, message, contact, extra):
        await asyncio.sleep(self.storm.fault_random.uniform(0.02, 0.6))
        await self._answer(message, contact, extra, pause=self.storm.fault_random.uniform(0, 0.1))

    async def _cut(self, message, contact, extra):
        await self._answer(message, contact, extra, upto=self.storm.fault_random.randint(0, 3))
        await asyncio.sleep(0.005)
        self.reset()

    async def _shut(self, message, contact, extra):
        """Cut as well, but by a FIN."""
        await self._answer(message, contact, extra, upto=self.storm.fault_random.randint(0, 3))
        self.transport.close()

    async def _close(self, message, contact, extra):
        """A whole answer, then the connection closes just when it might be used again."""
        await self._answer(message, contact, extra)
        await asyncio.sleep(self.storm.fault_random.uniform(0, 0.01))
        self.transport.close()

    async def _error(self, message, contact, extra):
        status = contact.fate
        self.told(contact)
        contact.answered = True
        retry = "retry-after: 1\r\n" if status in ("429", "503") and self.storm.fault_random.random() < 0.3 else ""
        body = json.dumps({"error": {"message": "storm", "type": "storm", "param": None, "code": "storm"}, "by": contact.uid}).encode()
        self.write(f"HTTP/1.1 {status} Storm\r\ncontent-type: application/json\r\n{extra}{retry}content-length: {len(body)}\r\n\r\n".encode() + body)

    async def _redirect(self, message, contact, extra):
        """To another site, which must not see a byte of it unless it is allowed to."""
        self.told(contact)
        contact.answered = True
        port = self.storm.fault_random.choice(self.storm.sites).port
        status = self.storm.fault_random.choice(["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
        where = f"http://127.0.0.1:{port}{message.start.split(' ')[1]}"
        self.write(f"HTTP/1.1 {status}\r\nlocation: {where}\r\n{extra}content-length: 0\r\n\r\n".encode())

    async def _reset(self, message, contact, extra):
        self.reset()

    async def _reset_partial(self, message, contact, extra):
        await asyncio.sleep(self.storm.fault_random.uniform(0, 0.05))
        self.reset()

    async def _half_head(self, message, contact, extra):
        contact.ended = self.storm.now()
        self.write(b"HTTP/1.1 200 OK\r\ncontent-le")
        await asyncio.sleep(0.005)
        self.reset()

    async def _garbage(self, message, contact, extra):
        contact.ended = self.storm.now()
        self.write(b"HTTP/9.1 storm\r\n\x00\r\n\r\n")

    async def _hang(self, message, contact, extra):
        await asyncio.sleep(30)
