#!/usr/bin/env python3
"""train.py BUILD: sends a mixture of requests through an instrumented build, so that the compiler knows which branches are taken.

What is sent is what a gateway mostly sees: chat completions on connections that stay open, some with a customer, a pin or a stream, a few that
are refused. Nothing is measured here. Needs nothing but Python's own library.
"""

import asyncio
import json
import pathlib
import sys
import tempfile

from demo import KEY, Demo, call

CONNECTIONS = 32
REQUESTS = 400  # on each connection
TEXT = "The quick brown fox jumps over the lazy dog. " * 16


def bodies():
    chat = {"model": "mistral-medium-3", "messages": [{"role": "system", "content": "You help."}, {"role": "user", "content": TEXT}]}
    talk = [{"role": "user" if i % 2 else "assistant", "content": f"Line {i}:\n\"quoted\", and naïve — 日本"} for i in range(12)]
    yield from [chat] * 12
    yield {**chat, "temperature": 0.7, "max_tokens": 256, "user": "acme", "metadata": {"user_id": "acme"}}
    yield {**chat, "user": "nobody-special"}
    yield {**chat, "vetted": {"region": "ovh-gra-1"}}
    yield {**chat, "stream": True, "stream_options": {"include_usage": True}}
    yield {**chat, "messages": talk, "vetted": {"routing": "carbon_aware"}}
    yield {**chat, "user": "acme", "vetted": {"region": "atnorth-isl-1"}}  # refused


def request_of(body):
    text = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
    head += f"User-Agent: trainer\r\nAccept: */*\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    return head.encode() + text


async def read_answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        while size := int((await reader.readline()).strip() or b"0", 16):
            await reader.readexactly(size + 2)
        await reader.readline()
        return
    length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)


async def talk(port, requests):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for i in range(REQUESTS):
        writer.write(requests[i % len(requests)])
        await read_answer(reader)
    writer.close()


async def train(port):
    requests = [request_of(body) for body in bodies()]
    await asyncio.gather(*(talk(port, requests[i % 5 :] + requests[: i % 5]) for i in range(CONNECTIONS)))


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(build, pathlib.Path(folder))
        try:
            demo.wait_until_ready()
            asyncio.run(train(demo.port))
            assert call(f"http://127.0.0.1:{demo.port}/v1/models")[0] == 200
        finally:
            demo.end()


if __name__ == "__main__":
    main()
