"""Nanoseconds of each stage of a request against its budget, and the scanner's speed."""

import json
import subprocess

from peers import CUSTOMER, HEADERS, KEY, PATH, PROXY_CPU, chat_body, write
from processes import Failed

# What a stage may cost, in nanoseconds: together, but for the hash that only a connection's first request pays, 2.6 µs.
BUDGET = {
    "request head parsed": 450,
    "key hashed and found (first request of a connection)": 500,
    "body scanned": 500,
    "members read": 200,
    "customer found, permit worked out": 250,
    "endpoints judged and one chosen": 250,
    "choice recorded": 200,
    "body derived": 50,
    "head written": 150,
    "answer's head parsed": 250,
    "usage found": 100,
    "trace rendered": 200,
}
ONCE = "key hashed and found (first request of a connection)"


def tool(bench, command):
    result = subprocess.run(["taskset", "-c", str(PROXY_CPU)] + command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise Failed(f"{command[0]} failed: {result.stderr}")
    return json.loads(result.stdout)


def run(bench, say):
    bench.get("ambit")
    body = chat_body()
    head = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1:4000\r\n" + "".join(f"{k}: {v}\r\n" for k, v in HEADERS.items())
    path = write(f"{bench.out}/stages-request", f"{head}content-length: {len(body.encode())}\r\n\r\n{body}")
    result = {"stages": tool(bench, [f"{bench.build}/bench/bench-stages", f"{bench.out}/ambit.yaml", path, KEY, CUSTOMER]),
              "scan": tool(bench, [f"{bench.build}/bench/bench-scan"])}
    say("stages: " + ", ".join(f"{name} {ns}" for name, ns in result["stages"].items()))
    return result


def table(result):
    rows = [["stage", "ns", "budget"]]
    stages = result["stages"]
    for name, budget in BUDGET.items():
        rows.append([name, f"{stages[name]:.0f}", f"{budget}"])
    rows.append(["together, but for the hash", f"{sum(v for k, v in stages.items() if k != ONCE):.0f}",
                 f"{sum(v for k, v in BUDGET.items() if k != ONCE)}"])
    return rows


def scan_table(result):
    return [["JSON scanned, GB/s", ""]] + [[name, f"{speed:.2f}"] for name, speed in result["scan"].items()]


def bars(result):
    scan = result["scan"]
    total = sum(v for k, v in result["stages"].items() if k != ONCE)
    return [
        ("own stages of a request ≤ 2,600 ns together", f"{total:.0f} ns", total <= 2600),
        ("scan ≥ 1.5 GB/s on many small messages", f"{scan['many small messages']:.2f}", scan["many small messages"] >= 1.5),
        ("scan ≥ 1.5 GB/s on escaped text", f"{scan['escaped text']:.2f}", scan["escaped text"] >= 1.5),
        ("scan ≥ 8 GB/s on one long string", f"{scan['one long string']:.2f}", scan["one long string"] >= 8),
    ]
