"""As much of WebSockets as the storm needs: small frames, close frames, a client that talks until it is told to stop."""

import asyncio
import base64
import hashlib
import os

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE = 1, 8
POLICY = 1008
HEAD_SECONDS = 30


def accept(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def frame(opcode, payload, masked):
    """At most 125 bytes of payload."""
    if not masked:
        return bytes([0x80 | opcode, len(payload)]) + payload
    mask = os.urandom(4)
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


class Frames:
    """Takes bytes, gives whole frames: (opcode, payload)."""

    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data
        while len(self.buffer) >= 2:
            masked, size = self.buffer[1] & 0x80, self.buffer[1] & 0x7f
            whole = 2 + (4 if masked else 0) + size
            if size > 125:
                raise ValueError("a longer frame than anybody sent")
            if len(self.buffer) < whole:
                return
            opcode, payload = self.buffer[0] & 15, bytes(self.buffer[whole - size:whole])
            if masked:
                mask = self.buffer[2:6]
                payload = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
            del self.buffer[:whole]
            yield opcode, payload


class Talk:
    """One WebSocket of a client: says its marker every now and then, for as long as it was told to."""

    def __init__(self, storm, request, random):
        self.storm, self.request, self.random = storm, request, random
        self.code = None      # of the other side's close frame
        self.heard = 0

    async def run(self, port):
        """The status of the handshake, or None if there was no answer."""
        writer = None
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                self.request.sent_at = self.storm.now()
                writer.write(self.request.head)
                head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            if status == 101:
                listener = asyncio.ensure_future(self.listen(reader))
                await self.talk(writer, listener)
            return status
        except TimeoutError:
            self.storm.violation("hang", "a WebSocket handshake has no answer", request=self.request)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            if writer:
                writer.close()
        return None

    async def listen(self, reader):
        frames = Frames()
        while data := await reader.read(65536):
            for opcode, payload in frames.feed(data):
                if opcode == CLOSE:
                    self.code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
                    return
                self.heard += 1
                if self.request.marker.encode() not in payload:
                    self.storm.violation("mixed_up", f"a message of another socket: {payload!r}", request=self.request)

    async def talk(self, writer, listener):
        end = self.storm.now() + self.random.uniform(0.2, 9)
        while self.storm.running and self.storm.now() < end and not listener.done():
            writer.write(frame(TEXT, self.request.marker.encode(), True))
            await writer.drain()
            await asyncio.wait([listener], timeout=self.random.choice([0.02, 0.05, 0.2, 0.6]))
        if not listener.done():
            writer.write(frame(CLOSE, (1000).to_bytes(2, "big"), True))
            await asyncio.wait([listener], timeout=HEAD_SECONDS)
        if not listener.done():
            self.storm.violation("hang", "a WebSocket that was closed does not end", request=self.request)
            listener.cancel()
        elif listener.exception() and not isinstance(listener.exception(), OSError):
            raise listener.exception()
