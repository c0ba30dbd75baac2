"""Many streams of events at once: none may break, the first byte comes as fast as without a gateway, and a stream costs little memory. Each
measurement starts the peer afresh, so that memory is what these streams made it."""

import json
import os
import statistics
import subprocess
import time

from peers import HEADERS, LOAD_CPU, PATH, chat_body, write
from processes import Failed

KIB = 1024
# streams, opened per second, events of each, microseconds between two
THOUSAND = (1000, 500, 24, 250000)
NINE_THOUSAND = (9000, 1500, 40, 500000)
DENSE = (2500, 1250, 240, 50000)


def request_file(bench, events, interval_us):
    body = chat_body(stream=True, bench_events=events, bench_interval_us=interval_us).replace(": ", ":")
    head = f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\n" + "".join(f"{k}: {v}\r\n" for k, v in HEADERS.items())
    return write(f"{bench.out}/stream-request", f"{head}content-length: {len(body.encode())}\r\n\r\n{body}")


def kernel_bytes():
    """Slabs, and the pages of TCP's buffers: of both ends of all connections, the load's as well."""
    total = 0
    with open("/proc/meminfo", encoding="ascii") as f:
        total += sum(int(line.split()[1]) * KIB for line in f if line.startswith("Slab:"))
    with open("/proc/net/sockstat", encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words[0] == "TCP:":
                total += int(words[words.index("mem") + 1]) * 4 * KIB
    return total


def read_word(child, word):
    line = child.stdout.readline().strip()
    if line != word:
        raise Failed(f"bench-streams said \"{line}\" instead of \"{word}\"")


def run_once(bench, name, shape, ca=None, afresh=True):
    streams, rate, events, interval_us = shape
    if afresh:
        bench.stop(name)
    process = bench.get(name)
    port = bench.port(name)
    command = ["taskset", "-c", str(LOAD_CPU), f"{bench.build}/bench/bench-streams", str(port), str(streams), str(rate),
               request_file(bench, events, interval_us)] + ([ca] if ca else [])
    before = process.rss_bytes() if process else 0
    kernel_before = kernel_bytes()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        read_word(child, "open")
        pids = process.pids() if process else []
        cpu = process.cpu_ns(pids) if process else 0
        began = time.monotonic()
        memory = (process.rss_bytes(pids) - before) / streams if process else 0
        kernel = (kernel_bytes() - kernel_before) / streams
        read_word(child, "ending")
        cpu = process.cpu_ns(pids) - cpu if process else 0
        seconds = time.monotonic() - began
        result = json.loads(child.stdout.readline())
    if process:
        process.check()
    result |= {"memory": memory, "kernel": kernel, "cpu_share": cpu / 1e9 / seconds,
               "cpu_us_an_event": cpu / 1e3 / max(result["events_per_s"] * seconds, 1)}
    return result


def run(bench, quick, say):
    results = {"first_byte": {}, "nine_thousand": {}, "dense": {}, "tls": {}}
    bench.haproxy_options = "    option http-no-delay\n"  # else it keeps small chunks for 200 ms
    rounds = 1 if quick else 3
    peers = ["direct", "relay", "haproxy", "nginx", "ambit"]
    for name in peers:
        results["first_byte"][name] = []
    for number in range(rounds):
        for name in peers:
            results["first_byte"][name].append(run_once(bench, name, THOUSAND))
        say(f"1,000 streams, round {number + 1}: " + ", ".join(f"{n} p99 {results['first_byte'][n][-1]['first_p99_us']} µs" for n in peers))
    for name in ["haproxy", "nginx", "ambit"]:
        r = results["nine_thousand"][name] = run_once(bench, name, NINE_THOUSAND)
        say(f"9,000 streams, {name}: {r['broken']} broken, {r['memory'] / KIB:.1f} KiB each")
        r = results["dense"][name] = run_once(bench, name, DENSE)
        say(f"dense, {name}: {r['events_per_s']:.0f} events/s, {r['broken']} broken")
    with bench.ambit_with_tls() as ca:
        r = results["tls"]["ambit"] = run_once(bench, "ambit", NINE_THOUSAND, ca, afresh=False)
        say(f"9,000 streams with TLS, ambit: {r['broken']} broken, {r['memory'] / KIB:.1f} KiB each")
    for name in peers[1:]:
        bench.stop(name)
    return results


def table(results):
    rows = [["", "streams", "broken", "events/s", "CPU µs an event", "delay p50", "delay p99", "memory a stream", "kernel, all ends"]]

    def add(label, r):
        rows.append([label, f"{r['streams']:,}", str(r["broken"]), f"{r['events_per_s']:,.0f}", f"{r['cpu_us_an_event']:.2f}",
                     f"{r['delay_p50_us']} µs", f"{r['delay_p99_us']} µs", f"{r['memory'] / KIB:.1f} KiB", f"{r['kernel'] / KIB:.1f} KiB"])

    for name, r in results["nine_thousand"].items():
        add(f"{name}, 2 events/s each", r)
    for name, r in results["dense"].items():
        add(f"{name}, 20 events/s each", r)
    for name, r in results["tls"].items():
        add(f"{name}, TLS, 2 events/s each", r)
    return rows


def first_byte_table(results):
    rows = [["", "first byte p50", "p99", "added p99"]]
    direct = results["first_byte"]["direct"]
    for name, runs in results["first_byte"].items():
        p50, p99 = (statistics.median(r[f] for r in runs) for f in ("first_p50_us", "first_p99_us"))
        added = statistics.median(r["first_p99_us"] - d["first_p99_us"] for r, d in zip(runs, direct))
        rows.append([name, f"{p50:.0f} µs", f"{p99:.0f} µs", "" if name == "direct" else f"{added:+.0f} µs"])
    return rows


def bars(results):
    nine, dense, tls = (results[part]["ambit"] for part in ("nine_thousand", "dense", "tls"))
    runs, direct = results["first_byte"]["ambit"], results["first_byte"]["direct"]
    added = statistics.median(r["first_p99_us"] - d["first_p99_us"] for r, d in zip(runs, direct))
    broken = nine["broken"] + dense["broken"] + tls["broken"] + sum(r["broken"] for r in runs)
    return [
        ("9,000 streams at 2 events/s on one worker, none broken", f"{broken} broken", broken == 0),
        ("≥ 40,000 events/s in all", f"{dense['events_per_s']:,.0f}", dense["events_per_s"] >= 40000),
        ("process memory ≤ 8 KiB a stream in plaintext", f"{nine['memory'] / KIB:.1f} KiB", nine["memory"] <= 8 * KIB),
        ("process memory ≤ 24 KiB a stream with TLS", f"{tls['memory'] / KIB:.1f} KiB", tls["memory"] <= 24 * KIB),
        ("added time to first byte, p99 ≤ 1 ms at 1,000 streams", f"{added:.0f} µs", added <= 1000),
    ]
