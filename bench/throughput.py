"""Requests a second, processor time of a request, and added latency, for each peer in turn, round after round, so that what else the
machine does meets all of them alike. A figure is the median of its rounds."""

import re
import statistics
import subprocess
import time

from peers import HEADERS, LOAD_CPU, PATH, chat_body, need, write
from processes import Failed

PEERS = ["direct", "relay", "haproxy", "nginx", "ambit"]
SCALE = {"us": 1.0, "ms": 1e3, "s": 1e6}


def wrk(bench, port, connections, seconds, body, lua):
    lines = [f'wrk.headers["{name}"] = [[{value}]]' for name, value in HEADERS.items()]
    lines += ['wrk.method = "POST"', f"wrk.body = [==[{body}]==]"] + lua
    # In microseconds, as precise as wrk measures.
    lines += ["function done(summary, latency)",
              '  io.write(string.format("RESULT %d %d %.1f %.1f %.1f %d\\n", summary.requests, summary.duration, latency:percentile(50), '
              "latency:percentile(99), latency.mean, summary.errors.connect + summary.errors.read + summary.errors.write + "
              "summary.errors.status + summary.errors.timeout))", "end"]
    script = write(f"{bench.out}/post.lua", "\n".join(lines) + "\n")
    command = ["taskset", "-c", str(LOAD_CPU), need("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script,
               f"http://127.0.0.1:{port}{PATH}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) ([\d.]+) (\d+)", result.stdout)
    if result.returncode or not match:
        raise Failed(f"wrk failed: {result.stdout}{result.stderr}")
    requests, duration, p50, p99, mean, errors = (float(x) for x in match.groups())
    if errors:
        raise Failed(f"wrk on port {port}: {errors:.0f} of {requests:.0f} requests failed")
    return {"requests": requests, "rps": requests / duration * 1e6, "p50": p50, "p99": p99, "mean": mean}


def measure(bench, name, connections, seconds, body=None, lua=()):
    process = bench.get(name)
    pids = process.pids() if process else []
    before, ticks = (process.cpu_ns(pids), process.user_share(pids)) if process else (0, (0, 0))
    result = wrk(bench, bench.port(name), connections, seconds, body or chat_body(), list(lua))
    if process:
        process.check()
        # The log writer and the like catch up with what the requests left behind.
        time.sleep(0.15)
        user, system = (a - b for a, b in zip(process.user_share(pids), ticks))
        result["cpu_us"] = (process.cpu_ns(pids) - before) / 1e3 / result["requests"]
        result["user_share"] = user / max(user + system, 1)
    return result


def run(bench, rounds, seconds, say):
    """{peer: {connections: {figure: [one for each round]}}}"""
    results = {name: {64: [], 1: []} for name in PEERS}
    for name in PEERS:
        bench.get(name)
        measure(bench, name, 64, 1)
    for number in range(rounds):
        order = PEERS[number % len(PEERS):] + PEERS[:number % len(PEERS)]
        for connections in (64, 1):
            for name in order:
                results[name][connections].append(measure(bench, name, connections, seconds))
        say(f"round {number + 1} of {rounds}: " + ", ".join(
            f"{name} {results[name][64][-1]['cpu_us']:.2f} µs" for name in PEERS if name != "direct"))
    # "direct" has no processor time of its own to report.
    return {name: {str(c): {figure: [r[figure] for r in rows] for figure in rows[0]} for c, rows in by.items()}
            for name, by in results.items()}


def middle(values):
    return statistics.median(values)


def ratio(results, name, other):
    """Median over the rounds of the ratio within a round: a slow round is slow for both."""
    mine, theirs = results[name]["64"]["cpu_us"], results[other]["64"]["cpu_us"]
    return middle([a / b for a, b in zip(mine, theirs)])


def added(results, name, connections, figure):
    mine, direct = results[name][connections][figure], results["direct"][connections][figure]
    return middle([a - b for a, b in zip(mine, direct)])


def spread(values):
    return f"{min(values):.1f}–{max(values):.1f}"


def table(results):
    rows = [["", "requests/s", "CPU µs a request", "spread", "user", "added p50, 1 conn.", "added p99, 1 conn.", "added p50, 64", "added p99, 64",
             "÷ HAProxy", "÷ nginx", "÷ relay"]]
    for name in PEERS:
        r = results[name]
        row = [name, f"{middle(r['64']['rps']):,.0f}"]
        if name == "direct":
            rows.append(row + ["", "", ""] + [f"({middle(r[c][f]):.0f} µs)" for c in ("1", "64") for f in ("p50", "p99")] + ["", "", ""])
            continue
        cpu = r["64"]["cpu_us"]
        row += [f"{middle(cpu):.2f}", spread(cpu), f"{100 * middle(r['64']['user_share']):.0f} %"]
        row += [f"{added(results, name, c, f):+.0f} µs" for c in ("1", "64") for f in ("p50", "p99")]
        rows.append(row + [f"{ratio(results, name, other):.2f}" for other in ("haproxy", "nginx", "relay")])
    return rows


BARS = [  # bar, peer, most
    ("CPU a request ≤ 0.80 × HAProxy", "haproxy", 0.80),
    ("CPU a request ≤ 0.75 × nginx", "nginx", 0.75),
    ("CPU a request ≤ 1.20 × a bare relay", "relay", 1.20),
]


def bars(results):
    """(bar, measured, met) of each."""
    found = [(text, f"{ratio(results, 'ambit', peer):.2f}", ratio(results, "ambit", peer) <= most) for text, peer, most in BARS]
    for figure, most in (("p50", 60), ("p99", 150)):
        value = added(results, "ambit", "1", figure)
        found.append((f"added latency at concurrency 1, {figure} ≤ {most} µs", f"{value:.0f} µs", value <= most))
    return found
