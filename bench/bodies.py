"""Large bodies: 8 MiB of JSON to the model server, and 8 MiB from it, and what they do to a small request beside them."""

import statistics

import throughput
from peers import chat_body

MIB = 1 << 20
PEERS = ["relay", "haproxy", "nginx", "ambit"]
SMALL_CONNECTIONS = 1


def run(bench, quick, say):
    """{"request" or "answer": {peer: [figures of wrk and cpu_us, one for each round]}}, and "beside": p50 and p99 of small requests."""
    results = {"request": {}, "answer": {}, "beside": {}}
    bodies = {"request": chat_body(8 * MIB), "answer": chat_body(bench_answer_bytes=8 * MIB)}
    for kind, body in bodies.items():
        body = body.replace('"bench_answer_bytes": ', '"bench_answer_bytes":')
        for number in range(1 if quick else 3):
            for name in PEERS:
                r = throughput.measure(bench, name, 4, 3 if quick else 5, body)
                results[kind].setdefault(name, []).append(r)
        say(f"8 MiB {kind}s: " + ", ".join(f"{n} {statistics.median(r['cpu_us'] for r in runs) / 1e3:.2f} ms" for n, runs in results[kind].items()))
    return results


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
