"""A policy of the size that the contract names: 1,000,000 customers, 10,000 endpoints, 256 regions."""

import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import time

import throughput
from peers import AMBIT, CUSTOMER, HEADERS, KEY, MASTER_KEY, MODEL, PATH, PORTS, PROXY_CPU, answers, chat_body, write
from processes import Failed, until

CUSTOMERS, ENDPOINTS, REGIONS, GROUPS = 1000000, 10000, 256, 1000
COUNTRIES = ["FR", "DE", "SE", "FI", "IT", "ES", "NL", "PL"]


def configuration(bench, endpoints):
    own = [f"bench-r-{i}" for i in range(REGIONS)] if endpoints else []
    text = AMBIT.format(listen=PORTS["ambit"], master=MASTER_KEY, key=KEY, customer=CUSTOMER, tls="", endpoints="")
    entries = [{"model_name": MODEL, "litellm_params": {"model": f"hosted_vllm/{MODEL}", "api_base": f"http://127.0.0.1:{PORTS['upstream']}/v1",
                                                        "region_name": "scaleway-par-1"}, "model_info": {"id": "first"}}]
    for i in range(endpoints):
        entries.append({"model_name": f"m-{i % GROUPS}", "litellm_params": {
            "model": f"hosted_vllm/m-{i % GROUPS}", "api_base": f"http://127.0.0.1:{PORTS['upstream'] + i % 8}/e{i}/v1", "region_name": own[i % REGIONS]},
            "model_info": {"id": f"e-{i}"}})
    text += "".join(f"  - {json.dumps(e)}\n" for e in entries)
    if own:
        text += "regions:\n" + "".join(f"  - {json.dumps({'code': c, 'country': COUNTRIES[i % len(COUNTRIES)]})}\n" for i, c in enumerate(own))
    return write(f"{bench.out}/policy.yaml", text)


def start(bench, data, config):
    began = time.monotonic()
    process = bench._start("ambit", [f"{bench.build}/ambit", "serve", "--config", config, "--data-dir", data, "--control-port",
                                     str(PORTS["ambit-control"]), "--workers", "1"], PROXY_CPU, ready=lambda: answers(PORTS["ambit"]), seconds=120)
    return process, time.monotonic() - began


def child(process, part):
    for pid in process.pids():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if f.read().split(b"\0")[1:2] == [part.encode()]:
                    return pid
        except OSError:
            pass
    raise Failed(f"there is no {part}")


def served(customer):
    """The region that serves a customer now; None: no good answer."""
    connection = http.client.HTTPConnection("127.0.0.1", PORTS["ambit"], timeout=5)
    try:
        connection.request("POST", PATH, chat_body(user=customer), HEADERS)
        answer = connection.getresponse()
        answer.read()
        return answer.getheader("x-ambit-region") if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def changes(n):
    """Milliseconds from a change's request to its answer, which comes once it is in force on every worker."""
    took = []
    connection = http.client.HTTPConnection("127.0.0.1", PORTS["ambit-control"], timeout=30)
    for _ in range(n):
        body = json.dumps({"user_id": f"customer-{random.randrange(CUSTOMERS)}", "allowed_model_region": random.choice(["eu", "FR", "eea"])})
        began = time.monotonic()
        connection.request("POST", "/customer/update", body, {"authorization": f"Bearer {MASTER_KEY}", "content-type": "application/json"})
        answer = connection.getresponse()
        text = json.loads(answer.read())
        took.append((time.monotonic() - began) * 1e3)
        if answer.status != 200 or text.get("in_force") is False:
            raise Failed(f"a change was answered with {answer.status}: {text}")
    connection.close()
    return took


def time_until_served(process, parts):
    for part in parts:
        os.kill(child(process, part), signal.SIGKILL)
    began = time.monotonic()
    while not served("customer-5"):
        if time.monotonic() - began > 60:
            raise Failed("no service within 60 s of a kill")
    return time.monotonic() - began


def run(bench, quick, say):
    results = {}
    bench.stop("ambit")
    bench.upstream()
    folder = f"{bench.out}/policy"
    subprocess.run(["rm", "-rf", folder, folder + "-empty"], check=True)
    # Without customers, for the difference.
    process, _ = start(bench, folder + "-empty", configuration(bench, ENDPOINTS))
    empty_bytes = process.rss_bytes([child(process, "edge")])
    bench.stop("ambit")
    began = time.monotonic()
    made = subprocess.run([f"{bench.build}/bench/bench-seed", folder, str(CUSTOMERS)], capture_output=True, text=True, check=False)
    if made.returncode:
        raise Failed(made.stderr)
    say(f"a store of {CUSTOMERS:,} customers made in {time.monotonic() - began:.0f} s")
    process, results["first_start_s"] = start(bench, folder, configuration(bench, ENDPOINTS))
    time.sleep(2)  # until the snapshot is on the disk, so that the figures below are of a server at rest
    results["bytes_a_customer"] = (process.rss_bytes([child(process, "edge")]) - empty_bytes) / CUSTOMERS
    say(f"serving {results['first_start_s']:.1f} s after the start; {results['bytes_a_customer']:.0f} bytes a customer")
    results["change_ms"] = changes(50 if quick else 300)
    say(f"changes in force after {statistics.median(results['change_ms']):.1f} ms, at most {max(results['change_ms']):.1f}")
    lua = ["local n = 0", "function request()", "  n = (n * 1103515245 + 12345) % 2147483648",
           f'  return wrk.format(nil, nil, nil, (string.gsub(wrk.body, "customer%-0", "customer-" .. n % {CUSTOMERS}, 1)))', "end"]
    seconds = 2 if quick else 4
    one, many = [], []
    for _ in range(2 if quick else 4):
        one.append(throughput.measure(bench, "ambit", 64, seconds, chat_body(user="customer-0"))["cpu_us"])
        many.append(throughput.measure(bench, "ambit", 64, seconds, chat_body(user="customer-0"), lua)["cpu_us"])
    results["cpu_us_one_customer"], results["cpu_us_any_customer"] = statistics.median(one), statistics.median(many)
    say(f"CPU a request: {results['cpu_us_one_customer']:.2f} µs with one customer, {results['cpu_us_any_customer']:.2f} with any")
    results["edge_killed_s"] = [time_until_served(process, ["edge"]) for _ in range(1 if quick else 3)]
    results["both_killed_s"] = [time_until_served(process, ["control", "edge"]) for _ in range(1 if quick else 3)]
    bench.stop("ambit")
    process, results["restart_s"] = start(bench, folder, configuration(bench, ENDPOINTS))
    say(f"serving again: edge killed {max(results['edge_killed_s']):.2f} s, edge and control killed {max(results['both_killed_s']):.2f} s, "
        f"whole server {results['restart_s']:.2f} s")
    bench.stop("ambit")
    subprocess.run(["rm", "-rf", folder, folder + "-empty"], check=True)
    return results


def table(r):
    ms = sorted(r["change_ms"])
    return [
        ["with 1,000,000 customers, 10,000 endpoints, 256 own regions", "measured"],
        ["memory of an edge, a customer", f"{r['bytes_a_customer']:.0f} bytes"],
        ["CPU a request, always the same customer", f"{r['cpu_us_one_customer']:.2f} µs"],
        ["CPU a request, any of the million", f"{r['cpu_us_any_customer']:.2f} µs"],
        ["a change durable and in force on every worker: median, p99, most", f"{ms[len(ms) // 2]:.1f}, {ms[len(ms) * 99 // 100]:.1f}, {ms[-1]:.1f} ms"],
        ["edge killed until it serves again: most", f"{max(r['edge_killed_s']):.2f} s"],
        ["edge and control killed: most", f"{max(r['both_killed_s']):.2f} s"],
        ["whole server stopped and started", f"{r['restart_s']:.2f} s"],
        ["first start, from the store alone", f"{r['first_start_s']:.2f} s"],
    ]


def bars(r):
    ms = sorted(r["change_ms"])
    restart = max(r["edge_killed_s"] + r["both_killed_s"] + [r["restart_s"]])
    return [
        ("≤ 80 bytes a customer in an edge", f"{r['bytes_a_customer']:.0f}", r["bytes_a_customer"] <= 80),
        ("a change in force on every worker within 100 ms", f"p99 {ms[len(ms) * 99 // 100]:.1f}, most {ms[-1]:.1f} ms", ms[-1] <= 100),
        ("restart to serving ≤ 2 s", f"{restart:.2f} s", restart <= 2),
    ]
