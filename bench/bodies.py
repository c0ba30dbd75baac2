"""Large bodies: 8 MiB of JSON to the model server, and 8 MiB from it, and what they do to a small request beside them."""

import re
import statistics
import time
import urllib.request

import throughput
from peers import PORTS, chat_body

MIB = 1 << 20
PEERS = ["relay", "haproxy", "nginx", "ambit"]


def turns():
    """[(upper bound in seconds, how many seconds of the edge had no longer turn of its loop)]"""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORTS['ambit-control']}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(r'ambit_worker_longest_turn_seconds_bucket{.*le="([^"]+)"} (\d+)', text)
    return [(float(bound), int(n)) for bound, n in found]


def longest_turn(before, after):
    """The bound below which every second's longest turn between the two was."""
    grown = [(bound, n - dict(before).get(bound, 0)) for bound, n in after]
    return next((bound for bound, n in grown if n == grown[-1][1]), float("inf"))


def run(bench, quick, say):
    """{"request" or "answer": {peer: [figures of wrk and cpu_us, one for each round]}}, "turn": seconds."""
    results = {"request": {}, "answer": {}}
    bench.get("ambit")
    time.sleep(1.5)
    before = turns()
    bodies = {"request": chat_body(8 * MIB), "answer": chat_body(bench_answer_bytes=8 * MIB)}
    for kind, body in bodies.items():
        body = body.replace('"bench_answer_bytes": ', '"bench_answer_bytes":')
        for number in range(1 if quick else 3):
            for name in PEERS:
                r = throughput.measure(bench, name, 4, 3 if quick else 5, body)
                results[kind].setdefault(name, []).append(r)
        say(f"8 MiB {kind}s: " + ", ".join(f"{n} {statistics.median(r['cpu_us'] for r in runs) / 1e3:.2f} ms" for n, runs in results[kind].items()))
    time.sleep(1.5)
    results["turn"] = longest_turn(before, turns())
    say(f"no turn of Ambit's loop was longer than {results['turn'] * 1e3:.2f} ms")
    return results


def bars(results):
    return [("no loop turn longer than 1 ms with 8 MiB bodies", f"≤ {results['turn'] * 1e3:.2f} ms", results["turn"] <= 0.001)]


def table(results):
    rows = [["", "8 MiB requests/s", "CPU ms each", "user ms", "÷ HAProxy", "8 MiB answers/s", "CPU ms each", "user ms", "÷ HAProxy"]]
    for name in PEERS:
        row = [name]
        for kind in ("request", "answer"):
            runs, haproxy = results[kind][name], results[kind]["haproxy"]
            cpu = statistics.median(r["cpu_us"] for r in runs)
            user = statistics.median(r["cpu_us"] * r["user_share"] for r in runs)
            ratio = statistics.median(a["cpu_us"] / b["cpu_us"] for a, b in zip(runs, haproxy))
            row += [f"{statistics.median(r['rps'] for r in runs):.0f}", f"{cpu / 1e3:.2f}", f"{user / 1e3:.2f}", f"{ratio:.2f}"]
        rows.append(row)
    return rows
