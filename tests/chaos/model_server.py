"""A package of a few lines, run as it is: VERSION says what it answers, LOAD how its start goes (nothing: it is ready at once; "gated": once the
file GATE is there; in an environment only: "raises", and "waits" for the GATE). A request may ask for a pause, for a stream that lasts until a file is there, or for
a WebSocket, which gives back what it gets, a version before it."""

import asyncio
import base64
import hashlib
import json
import os
import pathlib
import struct
import sys

VERSION, LOAD, GATE = (os.environ.get(name, "") for name in ("VERSION", "LOAD", "GATE"))
HANDSHAKE = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE = 1, 8


def is_in_environment():
    return (pathlib.Path(os.environ["B10_DYNAMIC_CONFIG_DIR"]) / "environment").read_text().strip() != ""


async def load():
    if LOAD == "raises" and is_in_environment():
        raise RuntimeError("the weights are not there")
    gated = LOAD == "gated" or LOAD == "waits" and is_in_environment()
    while gated and not os.path.exists(GATE):
        await asyncio.sleep(0.02)


async def stream(writer, until):
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n")
    while not os.path.exists(until):
        line = f"{VERSION} {os.getpid()}\n".encode()
        writer.write(b"%x\r\n%s\r\n" % (len(line), line))
        await writer.drain()
        await asyncio.sleep(0.05)
    writer.write(b"4\r\nend\n\r\n0\r\n\r\n")


async def frame(reader):
    head = await reader.readexactly(2)
    length = head[1] & 127
    if length == 126:
        length, = struct.unpack("!H", await reader.readexactly(2))
    mask = await reader.readexactly(4)
    body = await reader.readexactly(length)
    return head[0] & 15, bytes(b ^ mask[i % 4] for i, b in enumerate(body))


async def websocket(reader, writer, key):
    accept = base64.b64encode(hashlib.sha1(key.encode() + HANDSHAKE).digest())
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: " + accept + b"\r\n\r\n")
    while True:
        kind, body = await frame(reader)
        answer = f"{VERSION} ".encode() + body if kind == TEXT else body
        writer.write(bytes([0x80 | kind, len(answer)]) + answer)
        if kind == CLOSE:
            return


async def answer(writer, asked):
    if asked.get("pause"):
        await asyncio.sleep(asked["pause"])
    body = json.dumps({"number": asked.get("number"), "version": VERSION, "replica": os.environ["AMBIT_REPLICA_ID"],
                       "deployment": os.environ["BT_MODEL_DEPLOYMENT_ID"], "pid": os.getpid()}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


async def serve(reader, writer):
    try:
        while True:
            start, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if "sec-websocket-key" in headers:
                return await websocket(reader, writer, headers["sec-websocket-key"])
            if start.startswith("GET"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                continue
            asked = json.loads(await body_of(reader, headers))
            await (stream(writer, asked["stream_until"]) if "stream_until" in asked else answer(writer, asked))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def body_of(reader, headers):
    if "chunked" not in headers.get("transfer-encoding", ""):
        return await reader.readexactly(int(headers.get("content-length", 0)))
    body = b""
    while length := int(await reader.readline(), 16):
        body += (await reader.readexactly(length + 2))[:-2]
    await reader.readline()
    return body


async def main():
    await load()
    print(f"version {VERSION} listens", file=sys.stderr, flush=True)
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


asyncio.run(main())
