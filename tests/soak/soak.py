#!/usr/bin/env python3
"""The soak: millions of mixed requests with faults, and neither memory nor descriptors may grow.

    soak.py --build DIR [--requests N] [--slice SECONDS]

wrk sends the bulk (mix.lua). Beside it go slower clients that break off, write customers and send large bodies, and a hand that sets faults at the
simulated model servers and reloads the configuration. Memory and descriptors of each process are sampled all the time. At the end everything rests,
and what is then held beyond what was held before counts as lost.
"""

import argparse
import asyncio
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "storm"))

import client  # noqa: E402
from server import Server  # noqa: E402

KEY = "sk-soak"
REGIONS = ["scaleway-par-1", "ovh-gra-1", "atnorth-isl-1", "aws-us-east-1"]
FAULTS = [
    {"kind": "status", "status": 503, "retry_after": 1, "count": 40},
    {"kind": "status", "status": 500, "count": 40},
    {"kind": "status", "status": 429, "count": 40},
    {"kind": "delay", "delay_ms": 300, "count": 20},
    {"kind": "hang", "count": 4},
    {"kind": "reset", "count": 40},
    {"kind": "reset", "after_bytes": 60, "count": 40},
    {"kind": "truncate", "after_bytes": 90, "count": 40},
    {"kind": "bad_chunk", "after_bytes": 40, "count": 20},
]
# What may be held more at the end than after the warm-up: allocators and caches settle, they do not grow with requests.
RSS_SLACK, RSS_SLACK_BYTES = 0.06, 3 << 20
FD_SLACK = 4


def usage(pid):
    """(resident bytes, descriptors) of a process; None if it has gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            resident = int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1]) * 1024
        return resident, len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, TypeError):
        return None


class Soak:
    def __init__(self, given):
        self.given = given
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ambit-soak-"))
        self.gateway, self.control, self.sim_port = given.port_base, given.port_base + 1, given.port_base + 10
        self.server = Server(given.build, self.folder, self.gateway, self.control, given.workers, KEY)
        self.random = random.Random(given.seed)
        self.samples = {}  # process -> [(requests, resident, descriptors)]
        self.requests = self.slow_requests = 0
        self.trouble = {}
        self.running = True
        self.edits = 0
        self.failed = []

    # --- set up

    def config(self):
        models = [{"model_name": "m", "litellm_params": {"model": "hosted_vllm/m", "region_name": region, "weight": 1 + self.edits % 2,
                                                         "api_base": f"http://127.0.0.1:{self.sim_port + i}/v1"},
                   "model_info": {"id": region}} for i, region in enumerate(REGIONS)]
        return json.dumps({
            "model_list": models, "routing": {"preferred": REGIONS},
            "model_group_settings": {"m": {"connect_timeout": 2, "first_byte_timeout": 3, "idle_timeout": 3, "total_timeout": 20}},
            "router_settings": {"num_retries": 2, "cooldown_time": 0.3},
            "timers": {"upstream_idle": 5, "keep_alive": 5},
            "customers": [{"user_id": "open"}, {"user_id": "eu-only", "allowed_model_region": "eu"}],
        })

    async def start(self):
        self.sim = subprocess.Popen([self.given.build / "ambit-sim", "--regions", ",".join(REGIONS), "--base-port", str(self.sim_port),
                                     "--keep", "10"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.server.write_config(self.config())
        self.server.start()
        for _ in range(600):
            if (await client.call(self.gateway, KEY, "GET", "/health/ready"))[0] == 200:
                return
            await asyncio.sleep(0.05)
        raise SystemExit("soak: the server does not get ready:\n" + (self.folder / "server.err").read_text()[-2000:])

    # --- load

    async def bulk(self):
        """wrk, slice after slice, until there have been enough."""
        while self.requests < self.given.requests and not self.failed:
            wrk = await asyncio.create_subprocess_exec(
                "wrk", "-t", "2", "-c", str(self.given.connections), "-d", f"{self.given.slice}s", "--timeout", "30s", "-s", str(HERE / "mix.lua"),
                f"http://127.0.0.1:{self.gateway}", env={**os.environ, "SOAK_KEY": KEY}, stdout=subprocess.PIPE)
            text = (await wrk.communicate())[0].decode()
            told = re.search(r"^soak (.*)$", text, re.M)
            if not told:
                raise SystemExit(f"soak: wrk failed:\n{text}")
            result = json.loads(told[1])
            self.requests += result["requests"]
            for name in ("connect", "read", "write", "timeout", "status"):
                self.trouble[name] = self.trouble.get(name, 0) + result[name]
            print(f"soak: {self.requests / 1e6:8.2f} M requests, {result['requests'] / result['seconds']:7.0f} a second, "
                  f"p50 {result['p50_us']} us, p99 {result['p99_us']} us; {self.latest()}", flush=True)
            shutil.copyfile("/dev/null", self.folder / "server.out")
        self.running = False

    def post(self, body, **headers):
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        return (f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n{extra}"
                f"content-length: {len(body)}\r\n\r\n").encode() + body

    async def slow_client(self):
        """Breaks off in every state, dribbles, sends large bodies; some connections are kept."""
        r = self.random
        while self.running:
            try:
                connection = await client.Connection.open(self.gateway)
                for _ in range(r.randint(1, 5)):
                    await self.slow_request(connection, r)
                    self.slow_requests += 1
                connection.close(reset=r.random() < 0.3)
            except (client.Gone, OSError, TimeoutError):
                self.trouble["slow clients cut"] = self.trouble.get("slow clients cut", 0) + 1
            await asyncio.sleep(r.uniform(0, 0.05))

    async def slow_request(self, connection, r):
        size = r.choice([10, 10, 1000, 100_000, 1_000_000])
        asked = {"model": "m", "user": "open", "stream": r.random() < 0.4, "messages": [{"role": "user", "content": "x" * size}],
                 "sim": {"tokens": r.choice([2, 20, 3000]), "interval_ms": r.choice([0, 0, 5])}}
        data = self.post(json.dumps(asked).encode())
        answer = connection.expect()
        if r.random() < 0.3:
            cut = r.randrange(len(data))
            connection.write(data[:cut])
            await asyncio.sleep(r.uniform(0, 0.2))
            data = data[cut:]
        connection.write(data)
        if r.random() < 0.3:
            await asyncio.sleep(r.uniform(0, 0.1))
            connection.close(reset=r.random() < 0.5)
            raise client.Gone("broken off")
        await asyncio.wait_for(answer.future, 30)

    async def disturb(self):
        """Faults, policy writes, reloads."""
        r = self.random
        while self.running:
            await asyncio.sleep(r.uniform(0.2, 2))
            kind = r.random()
            if kind < 0.6:
                await client.call(self.sim_port, KEY, "POST", "/sim/faults", {**r.choice(FAULTS), "region": r.choice(REGIONS)})
            elif kind < 0.9:
                name = f"c{r.randrange(500)}"
                if (await client.call(self.gateway, KEY, "POST", "/customer/new", {"user_id": name, "allowed_model_region": "eu"}))[0] == 400:
                    await client.call(self.gateway, KEY, "POST", "/customer/delete", {"user_ids": [name]})
            else:
                self.edits += 1
                self.server.write_config(self.config())
                await client.call(self.control, KEY, "POST", "/v1/reload", {"allow_widening": True})

    # --- what is held

    def processes(self):
        found = {"supervisor": self.server.process.pid}
        for role in ("control", "edge"):
            pids = self.server.parts(role)
            if len(pids) == 1:
                found[role] = pids[0]
        return found

    def sample(self):
        for name, pid in self.processes().items():
            used = usage(pid)
            if used:
                self.samples.setdefault(name, []).append((self.requests, *used))

    def latest(self):
        return ", ".join(f"{name} {s[-1][1] / 2**20:.1f} MiB {s[-1][2]} fds" for name, s in sorted(self.samples.items()))

    async def watch(self):
        pids = self.processes()
        while self.running:
            self.sample()
            if self.processes() != pids:
                self.failed.append(f"processes were {pids} and are {self.processes()}: one has died")
                self.running = False
            await asyncio.sleep(1)

    def judge_growth(self):
        """The middle of the run against its end: what grows with requests grows between them."""
        for name, samples in self.samples.items():
            third = len(samples) // 3
            if third < 5:
                self.failed.append(f"{name}: only {len(samples)} samples; run it longer")
                continue
            for what, at, slack in (("resident bytes", 1, RSS_SLACK_BYTES), ("descriptors", 2, FD_SLACK)):
                middle = statistics.median(s[at] for s in samples[third:2 * third])
                end = statistics.median(s[at] for s in samples[2 * third:])
                if end > middle * (1 + RSS_SLACK) + slack:
                    self.failed.append(f"{name}: {what} grew from {middle:.0f} in the second third to {end:.0f} in the last")

    async def judge_rest(self, before):
        """Once nobody asks any more, the descriptors of before are left."""
        for _ in range(300):
            now = {name: usage(pid)[1] for name, pid in self.processes().items()}
            lost = {name: (before[name], now[name]) for name in before if now.get(name, 0) > before[name] + FD_SLACK}
            if not lost:
                print(f"soak: at rest: {', '.join(f'{name} {n} fds ({before[name]} before)' for name, n in sorted(now.items()))}")
                return
            await asyncio.sleep(0.2)
        self.failed.append(f"descriptors before and after, everything at rest: {lost}")

    async def run(self):
        await self.start()
        before = {name: usage(pid)[1] for name, pid in self.processes().items()}
        began = time.monotonic()
        try:
            await asyncio.gather(self.bulk(), self.watch(), self.disturb(), *[self.slow_client() for _ in range(6)])
            seconds = time.monotonic() - began
            await client.call(self.sim_port, KEY, "DELETE", "/sim/faults")
            self.judge_growth()
            await self.judge_rest(before)
            if await self.server.stop() != 0:
                self.failed.append("the server did not end well")
            self.failed += self.server.complaints()
        finally:
            self.server.kill_all()
            self.sim.kill()
            self.sim.wait()
        print(f"soak: {self.requests + self.slow_requests} requests in {seconds:.0f} s, {self.slow_requests} of them by slow clients; "
              f"errors that wrk saw: {self.trouble}")
        for name, samples in sorted(self.samples.items()):
            marks = [samples[min(i * len(samples) // 10, len(samples) - 1)] for i in range(11)]
            print(f"  {name:10} MiB {' '.join(f'{m[1] / 2**20:.1f}' for m in marks)}   fds {' '.join(str(m[2]) for m in marks)}")
        for why in self.failed:
            print(f"soak: FAILED: {why}")
        if not self.failed:
            shutil.rmtree(self.folder)
            print("soak: memory and descriptors are flat")
        else:
            print(f"soak: logs in {self.folder}")
        return 1 if self.failed else 0


def main():
    parser = argparse.ArgumentParser(description="Millions of mixed requests with faults.")
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--requests", type=int, default=20_000_000)
    parser.add_argument("--slice", type=int, default=30, help="seconds of one run of wrk")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port-base", type=int, default=25300)
    given = parser.parse_args()
    given.build = given.build.resolve()
    return asyncio.run(Soak(given).run())


if __name__ == "__main__":
    sys.exit(main())
