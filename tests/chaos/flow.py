"""Requests at a constant rate, whatever becomes of them: an open model. They run in a thread with a loop of its own, so that a test may do its
blocking work meanwhile; what came of each is kept, with when and on which connection."""

import asyncio
import dataclasses
import json
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "storm"))

import client  # noqa: E402

PATIENCE = 60  # the deadline of each request: beyond it a hang is called one
FRESH = 8  # one request of so many goes on a connection of its own


@dataclasses.dataclass
class Outcome:
    number: int
    host: str
    sent_at: float
    ended_at: float = 0.0
    connection: int = -1
    status: int = 0
    said: dict | str = ""

    @property
    def failed(self):
        return self.status != 200 or self.said.get("number") != self.number


class Flow:
    """`targets` are pairs of host and path; each gets its share. Bodies have `more`."""

    def __init__(self, port, key, targets, rate, **more):
        self.port, self.key, self.targets, self.rate, self.more = port, key, targets, rate, more
        self.outcomes, self.sent, self.under_way = [], 0, set()
        self.idle, self.connections = [], 0
        self.running = True
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.finish()

    def finish(self):
        """No more of them; returns when all have ended."""
        self.running = False
        self.thread.join(PATIENCE * 2)
        assert not self.thread.is_alive()

    def served(self, n=1):
        """Until so many more answers have come to requests that are sent from now on."""
        goal, end = self.sent + n, time.monotonic() + PATIENCE
        while len(self.outcomes) < goal:
            assert time.monotonic() < end and self.thread.is_alive(), f"{len(self.outcomes)} of {self.sent} requests have ended"
            time.sleep(0.02)

    def failures(self):
        return [o for o in list(self.outcomes) if o.failed]

    # --- in the thread

    async def run(self):
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self.running:
            due = int((loop.time() - began) * self.rate) + 1
            while self.sent < due:
                task = loop.create_task(self.one(self.sent))
                self.under_way.add(task)
                task.add_done_callback(self.under_way.discard)
                self.sent += 1
            await asyncio.sleep(0.002)
        if self.under_way:
            await asyncio.wait(self.under_way)
        for _, connection in self.idle:
            connection.close()

    async def take(self, number):
        while self.idle and number % FRESH:
            taken = self.idle.pop(0)  # in turn, so that none is idle for long
            if taken[1].usable:
                return taken
        connection = await client.Connection.open(self.port)
        self.connections += 1
        return self.connections, connection

    def request(self, number, host, path):
        body = json.dumps({"number": number, **self.more}).encode()
        return (f"POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Api-Key {self.key}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\n\r\n").encode() + body

    async def one(self, number):
        host, path = self.targets[number % len(self.targets)]
        outcome = Outcome(number, host, time.monotonic())
        try:
            async with asyncio.timeout(PATIENCE):
                outcome.connection, connection = await self.take(number)
                answer = connection.expect()
                connection.write(self.request(number, host, path))
                message = await answer.future
            outcome.status, outcome.said = message.status, message.body.decode(errors="replace")
            if message.status == 200:
                outcome.said = json.loads(outcome.said)
            if message.headers.get("connection") != "close":
                self.idle.append((outcome.connection, connection))
        except (client.Gone, client.Broken, OSError, TimeoutError, ValueError) as error:
            outcome.status, outcome.said = 0, repr(error)
        outcome.ended_at = time.monotonic()
        self.outcomes.append(outcome)
