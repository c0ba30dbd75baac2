#!/usr/bin/env python3
"""The residency storm: random worlds, random requests, random disasters, and an oracle that watches every byte.

    storm.py --build DIR [--seconds N] [--seed N] [--requests N] [--world K]

Time is cut into worlds. Each has a server of its own, a configuration drawn from the seed, customers that come and go, upstreams that
fail and lie, reloads, and SIGKILLs of edge and control. The upstreams live in this process and record what reaches them; oracle.py says, without
a look at src/, whether it may have. A world that fails prints its seed and how to run it again, and keeps its folder of logs.
"""

import argparse
import asyncio
import collections
import json
import os
import pathlib
import random
import shutil
import socket
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import client  # noqa: E402
from chaos import CUSTOMERS, Chaos  # noqa: E402
from draw_host import HostDraw  # noqa: E402
from draw_request import RequestDraw  # noqa: E402
from host_chaos import HostChaos  # noqa: E402
from http1 import Broken  # noqa: E402
from judge import BREAKING, Judge  # noqa: E402
from oracle import Customer, History, Oracle  # noqa: E402
from places import AZURE_NAMES  # noqa: E402
from server import Server  # noqa: E402
from sockets import POLICY, Talk  # noqa: E402
from upstream import Site  # noqa: E402
from world import MASTER, Draw  # noqa: E402

KEPT_REQUESTS = 50000  # a late contact must still find the request it belongs to
HANG_SECONDS = 30   # a request lasts 8 s at most; the rest is for slow machines, sanitizers and restarts
QUIET_SECONDS = 20  # a request that is refused for so long, while all is quiet, is refused for ever
SITES = 12
CHANGE_SECONDS = 2  # so long after a change of rules it may still close a WebSocket
DISCARDED_BYTES = 32768
HOST_SHARE = 0.35   # of the requests go to model hosts
TALKERS = 5         # clients that have a WebSocket at a time


class World:
    """One server and all that happens to it."""

    def __init__(self, options, seed, number, folder, ports, totals):
        self.options, self.seed, self.number, self.folder = options, seed, number, folder
        self.random = random.Random(f"{seed}/{number}/world")
        self.fault_random = random.Random(f"{seed}/{number}/faults")
        self.draw = Draw(self.random, SITES)
        self.totals = totals
        self.running = self.settling = False
        self.violations, self.events = [], collections.deque(maxlen=200)
        self.requests, self.next_request = {}, 0
        self.kills, self.edge_kills, self.upgrades = 0, [], []
        self.registry = {}
        self.suspects = set()  # ids of endpoints that may be out of service since they contradicted themselves
        self.client_secrets = {b"sk-storm"}  # none of them may reach an upstream
        self.ports = ports
        self.sites = [Site(self, i, ports.upstream + i) for i in range(SITES)]
        self.azure_names = list(AZURE_NAMES)
        for site in self.sites:
            site.azure_name = self.random.choice(self.azure_names) if self.draw.chance(0.85) else None
        self.draw.site_codes = [AZURE_NAMES.get(site.azure_name) for site in self.sites]
        self.judge = Judge(self)
        config = self.draw.config()
        self.oracle = Oracle(History(config, 0))
        self.keep_config(config)
        self.server = Server(options.build, folder, ports.gateway, ports.control, self.random.choice([1, 2, 2, 3]), MASTER)

    # --- what the parts ask and tell

    @staticmethod
    def now():
        return time.monotonic()

    def count(self, what, n=1):
        self.totals[what] += n

    def event(self, text):
        self.events.append(f"{self.now():.3f} {text}")

    def text_of(self, config):
        return config.text([site.port for site in self.sites])

    def keep_config(self, config):
        self.registry.update(config.endpoints)
        (self.folder / f"config-{config.number}.yaml").write_text(self.text_of(config))

    def endpoint_of(self, uid):
        return self.registry.get(uid)

    def is_client_secret(self, raw):
        return any(secret in raw for secret in self.client_secrets)

    def on_contact(self, number, contact):
        self.count("contacts")
        request = self.requests.get(number)
        if request is None:
            self.violation("nobody's request", f"request {number} was never sent", contact=contact)
        else:
            self.judge.contact(request, contact)
        return request

    def check_body(self, request, contact, message):
        self.judge.body(request, contact, message)

    def site_told(self, site, code, uid=None):
        endpoint = self.endpoint_of(uid)
        if endpoint and endpoint.declared_place() and not self.judge.agrees(endpoint.declared_place(), code):
            self.suspects.add(uid.split(".")[0])  # whoever asked may have gone away, but Ambit has seen it
        told = self.oracle.told.setdefault(site.index, [])
        if all(known != code for _, known in told):
            told.append((self.now(), code))

    def contradicted(self, uid):
        """A client has seen the answer: from now on nothing is to be sent there, until an operator returns it by its id."""
        self.suspects.add(uid.split(".")[0])
        if uid not in self.oracle.withdrawn:
            self.event(f"{uid} contradicted its region")
            self.count("contradictions")
            # If the edge or control dies right now, nobody may ever have noted it.
            asyncio.get_running_loop().call_later(2, self.withdraw_if_quiet, uid, self.kills, len(self.edge_kills), self.now() + 2)

    def withdraw_if_quiet(self, uid, kills, edge_kills, at):
        if (kills, edge_kills) == (self.kills, len(self.edge_kills)):
            self.oracle.withdrawn.setdefault(uid, at)

    def edge_killed(self):
        self.kills += 1
        self.edge_kills.append(self.now())

    def upgraded(self):
        self.upgrades.append(self.now())

    def violation(self, kind, why, request=None, contact=None, answer=None, **more):
        self.running = self.settling = False
        record = {"seed": self.seed, "world": self.number, "at": f"{self.now():.4f}", "kind": kind, "why": why, **more}
        if request:
            record["request"] = self.tell_request(request)
        if contact:
            record["contact"] = self.tell_contact(contact)
        if answer:
            record["answer"] = {"start": answer.start, "headers": answer.headers, "body": repr(bytes(answer.body[:1500]))}
        record["events"] = list(self.events)[-25:]
        self.violations.append(record)
        with open(self.folder / "violations.jsonl", "a", encoding="utf-8") as f:
            f.write(json.dumps(record, default=str) + "\n")

    def tell_contact(self, c):
        return f"{c.uid} at site {c.site}, {c.at:.4f} to {c.ended and round(c.ended, 4)}, fate {c.fate}, said {c.said}"

    def tell_request(self, request):
        entries = lambda history: [[str(getattr(v, "number", v)), f"{a:.4f}", f"{b:.4f}"] for v, a, b in history.entries[-6:]]
        config = self.oracle.configs.now
        ids = set(request.wish.customers) | {k.customer for t, k in config.keys.items() if t == request.wish.key and k.customer}
        return {"number": request.number, "sent_at": f"{request.sent_at:.4f}", "wish": str(request.wish),
                "head": request.head.decode(), "body": repr(request.body[:1200]), "contacts": [self.tell_contact(c) for c in request.contacts],
                "configurations": entries(self.oracle.configs), "organization": config.organization,
                "key": str(config.keys.get(request.wish.key)),
                "customers": {c: str(config.customers[c]) if c in config.customers else
                              entries(self.oracle.customers[c]) if c in self.oracle.customers else "unknown" for c in sorted(ids)}}

    # --- clients

    def request_draw(self, name):
        requests = RequestDraw(random.Random(f"{self.seed}/{self.number}/{name}"), Draw(self.random, SITES), self.oracle)
        requests.hosts = HostDraw(requests)
        return requests

    async def client(self, index):
        requests = self.request_draw(f"client/{index}")
        choice = requests.random
        connection = None
        while self.running:
            batch = [self.new_request(requests) for _ in range(3 if choice.random() < 0.03 else 1)]
            if connection is None or not connection.usable or batch[0].close:
                if connection:
                    connection.close()
                connection = await self.connect()
                if connection is None:
                    return
            connection = await self.exchange(connection, batch, choice)
        if connection:
            connection.close()

    def new_request(self, requests, calm=False):
        of_host = requests.hosts.possible() and requests.random.random() < HOST_SHARE
        request = (requests.hosts if of_host else requests).request(self.next_request, calm)
        self.keep(request)
        return request

    def keep(self, request):
        self.next_request += 1
        self.requests[request.number] = request
        self.requests.pop(request.number - KEPT_REQUESTS, None)

    async def talker(self, index):
        """A client of WebSockets."""
        requests = self.request_draw(f"talker/{index}")
        while self.running:
            if not requests.hosts.possible():
                await asyncio.sleep(0.1)
                continue
            request = requests.hosts.socket(self.next_request)
            self.keep(request)
            talk = Talk(self, request, requests.random)
            status = await talk.run(self.ports.gateway)
            request.done = True
            self.count(f"socket {status}" + (f" closed with {talk.code}" if status == 101 else ""))
            if talk.code == POLICY:
                self.count("sockets that a rule closed")
                if not self.oracle.hosts.has_changed(request.wish, self.now() - CHANGE_SECONDS, self.now()):
                    self.violation("closed_for_nothing", "a rule closed a WebSocket, and none that it depends on has changed", request=request)
            await asyncio.sleep(0 if status == 101 else 0.05)

    async def connect(self):
        try:
            async with asyncio.timeout(HANG_SECONDS):
                return await client.Connection.open(self.ports.gateway)
        except TimeoutError:
            self.violation("hang", "a connection is not accepted")
        except OSError as error:
            self.violation("refused_connection", f"the gateway's port: {error}")
        return None

    async def exchange(self, connection, batch, choice):
        """Sends the batch, reads the answers; the connection if it can be used again."""
        answers = []
        try:
            for request in batch:
                request.sent_at = self.now()
                answers.append(connection.expect())
                for pause, piece in request.pieces:
                    if pause:
                        await asyncio.sleep(pause)
                    connection.write(piece)
            for request, answer in zip(batch, answers):
                if request.abandon is not None:
                    await asyncio.wait([answer.future], timeout=request.abandon)
                    self.count("abandoned")
                    connection.close(reset=choice.random() < 0.5)
                    return None
                async with asyncio.timeout(HANG_SECONDS):
                    message = await answer.future
                self.answered(request, message)
                connection.before = f"{request.number}: {request.head[:600]!r} {[len(p) for _, p in request.pieces]}: {message.raw_head!r}"
                # Of a chunked body nobody knows the length: a server that does not want it may close once too much of it has come.
                if message.headers.get("connection") == "close" or len(request.body) > DISCARDED_BYTES:
                    connection.close()
                    return None
        except TimeoutError:
            self.violation("hang", f"no answer after {HANG_SECONDS} s", request=request)
        except client.Gone as error:
            self.gone(request, error, batch, connection)
        except Broken as error:
            self.violation("broken_answer", str(error), request=request)
        finally:
            for request in batch:
                request.done = True
        return connection if connection.usable else None

    def answered(self, request, message):
        self.count("requests")
        self.count(f"status {message.status}")
        if request.wish.host:
            self.count(f"host status {message.status}")
        if message.status >= 400 and b'"by"' not in message.body and not request.wish.host:
            code = message.body.rsplit(b'"code":"', 1)[-1].split(b'"')[0].decode("latin-1")
            self.count(f"refusal {code}")
        self.judge.answer(request, message)

    def gone(self, request, error, batch, connection):
        """The connection went before the answer was whole: somebody must have killed or cut something."""
        self.count("gone")
        killed = any(at > min(connection.opened_at, request.sent_at - 3) for at in self.edge_kills)
        cut = any(c.fate in BREAKING for r in batch for c in r.contacts)
        if request.wish.host and request.contacts:
            self.count("host answers cut")  # by a rule, or a promotion's server that went away
            return
        if not killed and not cut and len(batch) == 1:
            self.violation("dropped", f"the connection ended without an answer, and nothing was killed: {error}", request=request, before=connection.before)

    # --- the course of a world

    async def run(self):
        try:
            await self.play()
        finally:
            self.running = self.settling = False
            for site in self.sites:
                site.refuse()
            self.server.kill_all()
        return not self.violations

    async def play(self):
        for site in self.sites:
            await site.listen()
        self.server.write_config(self.text_of(self.oracle.configs.now))
        self.server.start()
        if not await self.until(self.ready, 60):
            self.violation("not_ready", (self.folder / "server.err").read_text()[-2000:])
            return
        await self.storm()
        if not self.violations:
            await self.quiet()
        self.settling = False
        await self.end()

    async def storm(self):
        self.running = True
        chaos = Chaos(self, random.Random(f"{self.seed}/{self.number}/chaos"), self.draw)
        names = [f"c-{i}" for i in range(CUSTOMERS)]
        if self.draw.chance(0.8):
            await chaos.write("sentinel", Customer("eu"))  # some customer has a rule for certain
        hosts = HostChaos(self, random.Random(f"{self.seed}/{self.number}/hosts"), self.draw, chaos)
        parts = [chaos.customers(names[::2]), chaos.customers(names[1::2]), chaos.reloads(), chaos.faults(), *hosts.parts()]
        if not self.options.no_kills:
            parts.append(chaos.kills())
        parts += [self.client(i) for i in range(self.options.clients)]
        parts += [self.talker(i) for i in range(TALKERS)]
        tasks = [asyncio.ensure_future(part) for part in parts]
        end = self.now() + self.options.world_seconds
        while self.running and self.now() < end and not self.totals.enough():
            await asyncio.sleep(0.05)
            failed = [t for t in tasks if t.done() and t.exception()]
            if failed:
                failed[0].result()
        self.settling = not self.violations
        self.running = False
        await asyncio.wait(tasks, timeout=2 * HANG_SECONDS)
        for task in tasks:
            if not task.done():
                self.violation("hang", f"a part of the storm did not come to its end: {task}")
                task.cancel()
            elif task.exception():
                task.result()

    async def quiet(self):
        """Nothing fails any more: what the rules permit must be served."""
        for site in self.sites:
            site.mood, site.lying = "healthy", None
            await site.listen()
        requests = self.request_draw("quiet")
        checked = 0
        for _ in range(300):
            request = self.new_request(requests, calm=True)
            wish = request.wish
            if not request.plain or wish.must_refuse or not self.must_serve(wish):
                continue
            self.count("quiet requests to hosts", bool(wish.host))
            checked += 1
            served, end = False, self.now() + QUIET_SECONDS
            while not served and not self.violations:
                served = await self.ask_once(request)
                if not served and self.now() > end:
                    self.violation("unavailable", "all is quiet, the rules permit it, and it is refused", request=request,
                                   answer=self.last_answer)
                await asyncio.sleep(0 if served else 0.2)
            if self.violations:
                return
        self.count("quiet requests", checked)

    def must_serve(self, wish):
        if wish.host:
            return self.oracle.hosts.must_serve(wish, self.now())
        return self.oracle.must_serve(wish, self.now(), self.is_healthy)

    async def ask_once(self, request):
        connection = await self.connect()
        if connection is None:
            return False
        request.sent_at = self.now()
        request.contacts = []
        try:
            answer = connection.expect()
            connection.write(request.head + request.body)
            async with asyncio.timeout(HANG_SECONDS):
                self.last_answer = await answer.future
        except TimeoutError:
            self.violation("hang", "no answer, while all is quiet", request=request)
            return False
        except client.Gone:
            self.violation("dropped", "no answer, while all is quiet", request=request)
            return False
        finally:
            connection.close()
        self.answered(request, self.last_answer)
        return self.last_answer.status == 200

    def is_healthy(self, endpoint):
        """Leaves out what may rightly be out of service: endpoints that have contradicted themselves."""
        if endpoint.uid.split(".")[0] in self.suspects or endpoint.max_parallel:
            return False
        return not endpoint.is_azure

    async def end(self):
        before = self.now()
        status = await self.server.stop()
        if status != 0:
            self.violation("bad_end", f"SIGTERM, and exit status {status} after {self.now() - before:.1f} s")
        left = self.server.left_behind()
        if left:
            self.violation("left_behind", f"processes {left} are still there")
        for line in self.server.complaints():
            self.violation("complaint", line)

    async def ready(self):
        if not self.server.alive() or not self.server.announced():
            return False
        status, _ = await client.call(self.ports.gateway, MASTER, "GET", "/health/ready", timeout=2)
        return status == 200

    async def until(self, condition, seconds):
        end = self.now() + seconds
        while self.now() < end:
            if await condition():
                return True
            await asyncio.sleep(0.05)
        return False


class Totals(collections.Counter):
    limit = 0

    def enough(self):
        return self.limit and self["requests"] >= self.limit


class Ports:
    def __init__(self, base):
        self.gateway, self.control, self.upstream = base, base + 1, base + 10

    @classmethod
    def free(cls, base):
        """From `base` on, or where somebody listens there, further up."""
        ports = cls(base)
        taken = any(map(is_taken, [ports.gateway, ports.control, *range(ports.upstream, ports.upstream + SITES)]))
        return cls.free(base + 100) if taken else ports


def is_taken(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def options():
    parser = argparse.ArgumentParser(description="The residency storm.")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the folder with the binary")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None, help="drawn from the clock if it is not given")
    parser.add_argument("--requests", type=int, default=0, help="enough after so many")
    parser.add_argument("--world", type=int, default=None, help="only this world of the seed, again and again")
    parser.add_argument("--world-seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--no-kills", action="store_true")
    parser.add_argument("--port-base", type=int, default=25000)
    parser.add_argument("--keep", action="store_true", help="keep the logs of worlds that pass, too")
    parser.add_argument("--logs", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "ambit-storm")
    given = parser.parse_args()
    given.build = given.build.resolve()
    given.seed = given.seed if given.seed is not None else int(time.time())
    return given


def report(given, totals, began):
    seconds = time.monotonic() - began
    print(f"\nstorm: seed {given.seed}, {seconds:.0f} s, {totals['requests']} requests ({totals['requests'] / seconds:.0f} a second)")
    for what, n in sorted(totals.items()):
        print(f"  {what:36} {n}")


def report_failure(given, world):
    """What is to be read first comes last: of a long output often only the end is kept."""
    violations = world.violations
    for record in violations[:2] + [v for v in violations[2:] if v["kind"] == "complaint"][:30]:
        print(json.dumps(record, indent=1, default=str))
    print(f"storm: {len(violations)} violations; logs in {world.folder}\n"
          f"storm: again: {sys.executable} {sys.argv[0]} --build {given.build} --seed {given.seed} --world {world.number}")
    first = violations[0]
    line = f"storm: seed {given.seed}, world {world.number}: {first['kind']}: {first['why']}"
    if "answer" in first:
        line += f"; the answer: {first['answer']['start']} {first['answer']['body'][:300]}"
    print(line)
    if "SUITE_NOTES" in os.environ:
        with open(os.environ["SUITE_NOTES"], "a", encoding="utf-8") as f:
            f.write(line + "\n")


def main():
    given = options()
    totals = Totals()
    totals.limit = given.requests
    began = time.monotonic()
    number = given.world if given.world is not None else 0
    while time.monotonic() - began < given.seconds and not totals.enough():
        given.world_seconds = max(1, min(given.world_seconds, given.seconds - (time.monotonic() - began)))
        folder = given.logs / f"{given.seed}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        world = World(given, given.seed, number, folder, Ports.free(given.port_base), totals)
        passed = asyncio.run(world.run())
        totals["worlds"] += 1
        print(f"storm: world {number} {'passed' if passed else 'FAILED'}, {totals['requests']} requests so far", flush=True)
        if not passed:
            report(given, totals, began)
            report_failure(given, world)
            return 1
        if not given.keep:
            shutil.rmtree(folder)
        number += given.world is None
    report(given, totals, began)
    print("storm: no violation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
