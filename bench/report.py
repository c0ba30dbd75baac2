"""Tables for people: on the terminal, and in docs/performance.md."""

import os
import platform
import time

import bodies
import policy
import stages
import streams
import throughput

# For each part: a heading, what is shown and judged, and what a reader should know of how it was measured.
PARTS = {
    "throughput": ("A chat request", [throughput.table], throughput.bars, """
A chat completion of 1 KiB over kept-alive connections, answered with 1 KiB. HAProxy and nginx are plain reverse proxies with one worker and without
logs. The relay (`bench/relay.c`) is one epoll loop that passes bytes on and knows where a message ends: nothing can be a proxy for less. Ambit
authenticates, reads the body, finds the customer's rule, works out the permit, chooses among eight regions, rewrites heads, splices the routing trace
into the answer, reads the usage, counts metrics and writes a log line. Processor time is what the scheduler counted for all threads and processes of
each; a ratio is the median of the ratios within a round. Added latency is the difference to the same load without a proxy."""),
    "stages": ("Stages of a request", [stages.table, stages.scan_table], stages.bars, """
The same functions that an edge calls, each called again and again with warm caches: the least that a stage costs."""),
    "bodies": ("Large bodies", [bodies.table], bodies.bars, """
Four connections, one after the other sending 8 MiB of JSON, or getting an answer of that size. Ambit keeps a request's body in memory until it
knows where it may go: bytes are read into a buffer of the worker, scanned, copied once to where the body is kept (a second time, at most an eighth
of them, when that grows), and written to the kernel from there. The others pass bytes on as they come."""),
    "streams": ("Streams", [streams.first_byte_table, streams.table], streams.bars, """
Server-sent events, one upstream connection each. The delay of an event is from when the upstream wrote it to when the reader had it. Memory is the
growth of the peer's processes (proportional set size) by the open streams; the kernel's share (slabs and TCP buffers) is that of all four ends of a stream
together, the load's and the upstream's included. In the first table 1,000 streams are opened at 500 a second."""),
    "policy": ("Policy", [policy.table], policy.bars, """
A store of a million customers, each with a region rule; a configuration of 10,000 endpoints in 256 regions of its own."""),
}


def print_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join([row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]).rstrip())
    print(flush=True)


def print_bars(bars):
    for text, measured, met in bars:
        print(f"  {'met   ' if met else 'MISSED'}  {text}: {measured}")
    print(flush=True)


def print_part(part, result):
    _, tables, bars, _ = PARTS[part]
    for table in tables:
        print_table(table(result))
    if bars:
        print_bars(bars(result))


def markdown_table(rows):
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" + "---:|" * (len(rows[0]) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows[1:]]) + "\n"


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} processors, Linux {platform.release().split('-')[0]}"


def write(path, results, versions):
    """All parts, after a full run."""
    judged = []
    for part, (_, _, bars, _) in PARTS.items():
        if bars:
            judged += [[text, measured, "met" if met else "**missed**"] for text, measured, met in bars(results[part])]
    with open(path, "w", encoding="utf-8") as f:
        f.write("# Performance\n\n")
        f.write("Written by `make bench`, which installs the peers, runs them and Ambit in turn on the same upstream, round after round, and replaces this page.\n\n")
        f.write(f"- {time.strftime('%Y-%m-%d')}; {machine()}\n")
        f.write("- " + ", ".join(f"{name} {version}" if name not in version else version for name, version in versions.items()) + "\n")
        f.write("- The proxy has one processor, the load and the upstream share the other; all is on the loopback interface.\n")
        f.write("- Ambit is the `make release` build: across files (LTO), trained by a run of its own (PGO).\n\n")
        f.write("## Bars\n\n" + markdown_table([["bar", "measured", ""]] + judged))
        for part, (heading, tables, _, about) in PARTS.items():
            f.write(f"\n## {heading}\n{about}\n")
            for table in tables:
                f.write("\n" + markdown_table(table(results[part])))
