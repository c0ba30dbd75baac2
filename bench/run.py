"""make bench: see the parts for what is measured and how. Nothing is judged by the exit status, which is 0 when everything could be measured:
figures of a loaded machine are no reason to fail a build."""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time

import bodies
import policy
import report
import stages
import streams
import throughput
from peers import Bench
from processes import Failed, stop_all

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PARTS = ["throughput", "stages", "bodies", "streams", "policy"]


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def options():
    parser = argparse.ArgumentParser(prog="bench/run.sh", description="Measures Ambit beside HAProxy, nginx and a bare relay.")
    parser.add_argument("build", help="build directory with ambit in it")
    parser.add_argument("--quick", action="store_true", default=os.environ.get("BENCH_QUICK", "") not in ("", "0"),
                        help="fewer and shorter rounds, for a look while working; docs/performance.md stays")
    parser.add_argument("--only", default=",".join(PARTS), help="parts to run, of: " + ", ".join(PARTS))
    parser.add_argument("--rounds", type=int, help="rounds of the throughput part")
    parser.add_argument("--seconds", type=int, help="length of one measurement in the throughput part")
    parser.add_argument("--docs", help="where a full run writes its report", default=os.path.join(ROOT, "docs/performance.md"))
    o = parser.parse_args()
    o.only = o.only.split(",")
    for part in o.only:
        if part not in PARTS:
            parser.error(f"{part} is no part; there are: {', '.join(PARTS)}")
    o.build = os.path.abspath(o.build)
    return o


def build_tools(build):
    result = subprocess.run(["ninja", "-C", build, "bench-tools"], capture_output=True, text=True, check=False)
    if result.returncode:
        raise Failed(f"the bench's programs do not build:\n{result.stdout}{result.stderr}")


def raise_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def main():
    o = options()
    results = {}
    try:
        if len(os.sched_getaffinity(0)) < 2:
            raise Failed("two processors are needed: one for what is measured, one for the load")
        descriptors = raise_descriptors()
        build_tools(o.build)
        bench = Bench(o.build, os.path.join(o.build, "bench-out"), descriptors)
        began = time.monotonic()
        rounds, seconds = (3, 2) if o.quick else (7, 4)
        runs = {
            "throughput": lambda: throughput.run(bench, o.rounds or rounds, o.seconds or seconds, say),
            "stages": lambda: stages.run(bench, say),
            "bodies": lambda: bodies.run(bench, o.quick, say),
            "streams": lambda: streams.run(bench, o.quick, say),
            "policy": lambda: policy.run(bench, o.quick, say),
        }
        for part in PARTS:
            if part in o.only:
                say(part)
                results[part] = runs[part]()
                report.print_part(part, results[part])
        with open(f"{bench.out}/results.json", "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1)
        if not o.quick and o.only == PARTS:
            report.write(o.docs, results, bench.versions())
            say(f"{o.docs} written")
        say(f"done in {time.monotonic() - began:.0f} s; all figures in {bench.out}/results.json")
    except Failed as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        stop_all()
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
