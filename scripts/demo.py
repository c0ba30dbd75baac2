#!/usr/bin/env python3
"""demo.py BUILD: five requests and their traces: pinned, refused, failed over, streamed, and a carbon-aware one that degrades.

Starts ambit-sim and Ambit on ports that are free, with the configuration of `make run`. Exits 0 only if every answer is what it should be; leaves
no process and no file behind. Needs nothing but Python's own library.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGIONS = ["scaleway-par-1", "scaleway-par-2", "atnorth-sto-1", "atnorth-isl-1", "ovh-gra-1", "ovh-rbx-1", "hetzner-fsn-1", "hetzner-hel-1"]
KEY = "sk-quickstart"


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def call(url, body=None):
    request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None)
    request.add_header("Authorization", f"Bearer {KEY}")
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


class Demo:
    def __init__(self, build, folder):
        ports = free_ports(len(REGIONS) + 2)
        self.port, self.control_port, self.sim_ports = ports[0], ports[1], ports[2:]
        text = (ROOT / "examples/quickstart.yaml").read_text()
        for i, port in enumerate(self.sim_ports):
            text = text.replace(f"127.0.0.1:{9101 + i}/", f"127.0.0.1:{port}/")
        text = re.sub(r"^  listen: .*\n", "", text, flags=re.M)
        config = folder / "demo.yaml"
        config.write_text(text)
        listen = [f"--listen={port}:{region}" for port, region in zip(self.sim_ports, REGIONS)]
        self.log = open(folder / "log", "w+b")
        self.sim = subprocess.Popen([build / "ambit-sim", *listen], stdout=self.log, stderr=self.log)
        command = [build / "ambit", "serve", "--config", config, "--data-dir", folder / "data"]
        command += ["--port", str(self.port), "--control-port", str(self.control_port)]
        self.gateway = subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def wait_until_ready(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                if call(f"http://127.0.0.1:{self.port}/health/ready")[0] == 200:
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            if self.gateway.poll() is not None or self.sim.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                sys.exit("demo: it did not start:\n" + self.log.read().decode())
            time.sleep(0.1)

    def end(self):
        for process in (self.gateway, self.sim):
            process.send_signal(signal.SIGTERM)
        for process in (self.gateway, self.sim):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.log.close()

    def fault(self, region):
        rule = {"kind": "status", "status": 503, "region": region, "count": 1}
        status, _, text = call(f"http://127.0.0.1:{self.sim_ports[0]}/sim/faults", rule)
        assert status == 200, text

    def ask(self, **body):
        body = {"model": "mistral-medium-3", "messages": [{"role": "user", "content": "Where are you?"}], **body}
        return call(f"http://127.0.0.1:{self.port}/v1/chat/completions", body)


def show(title, why, trace):
    print(f"\n== {title}\n   {why}\n")
    print(json.dumps(trace, indent=2))


def expect(what, seen, wanted):
    if seen != wanted:
        sys.exit(f"demo: {what} is {seen!r}; expected {wanted!r}")


def pinned(demo):
    status, headers, text = demo.ask(vetted={"region": "ovh-gra-1"})
    expect("the status", status, 200)
    trace = json.loads(text)["routing_trace"]
    show("pinned", "vetted.region names ovh-gra-1: that region or none.", trace)
    expect("the region", (trace["decision_mode"], trace["region"], headers["x-ambit-region"]), ("pinned", "ovh-gra-1", "ovh-gra-1"))


def refused(demo):
    status, headers, text = demo.ask(user="acme", vetted={"region": "atnorth-isl-1"})
    show("refused", "The customer acme is bound to the EU; Iceland is not in it. Nothing was sent anywhere.", json.loads(text))
    expect("the refusal", (status, json.loads(text)["error"]["code"], headers.get("x-ambit-region")), (403, "region_not_allowed", None))


def failed_over(demo):
    demo.fault("scaleway-par-1")
    demo.fault("scaleway-par-2")
    status, _, text = demo.ask()
    expect("the status", status, 200)
    trace = json.loads(text)["routing_trace"]
    show("failed over", "Both Paris regions answer 503 once; the next of the configured order serves.", trace)
    expect("the attempts", [a["region"] for a in trace["attempts"]], ["scaleway-par-1", "scaleway-par-2", "ovh-gra-1"])


def streamed(demo):
    status, _, text = demo.ask(stream=True, vetted={"trace": True, "region": "ovh-rbx-1"})
    expect("the status", status, 200)
    events = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    expect("the last event", events[-1], "[DONE]")
    trace = json.loads(events[-2])["routing_trace"]
    said = "".join(c["delta"].get("content") or "" for e in events[:-1] for c in json.loads(e)["choices"])
    show("streamed", f"{len(events)} events: \"{said[:48]} ...\"; the trace came as the last chunk.", trace)
    expect("the region", trace["region"], "ovh-rbx-1")


def degraded(demo):
    status, _, text = demo.ask(vetted={"routing": "carbon_aware"})
    expect("the status", status, 200)
    trace = json.loads(text)["routing_trace"]
    show("degraded", "carbon_aware without a live signal of any grid: the preferred order serves, and the trace says so.", trace)
    expect("the decision", (trace["route_policy"], trace["decision_mode"]), ("carbon_aware", "degraded"))


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(build, pathlib.Path(folder))
        try:
            demo.wait_until_ready()
            for part in (pinned, refused, streamed, degraded, failed_over):
                part(demo)
        finally:
            demo.end()
    print("\nAll five did what they should.")


if __name__ == "__main__":
    main()
