"""What is tried again, in which order, and what is not: as docs/litellm.md and the contract of the routing trace say."""

import json
import socket

import pytest
from world import KEY, VETTED_REGIONS, Gateway, Sim, config_of, endpoint


@pytest.fixture
def start(tmp_path):
    """start(entries of a model_list, more configuration, regions) gives (gateway, sim)."""
    started = []

    def begin(make_entries, more="", regions=VETTED_REGIONS):
        sim = Sim(tmp_path, regions)
        started.append(sim)
        gateway = Gateway(tmp_path, config_of(make_entries(sim), more))
        started.append(gateway)
        return gateway, sim

    yield begin
    for process in reversed(started):
        process.stop()


def outcomes(answer):
    return [(a["region"], a["outcome"]) for a in answer["routing_trace"]["attempts"]]


CHAIN = ["scaleway-par-1", "scaleway-par-2", "ovh-gra-1"]


def chain(sim):
    return [endpoint("m", sim, region) for region in CHAIN]


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_statuses_that_are_worth_another_try_are_tried_elsewhere(start, status):
    gateway, sim = start(chain)
    sim.fault("status", CHAIN[0], status=status)
    got, headers, answer = gateway.chat("m")
    assert got == 200 and outcomes(answer) == [(CHAIN[0], "retryable_status"), (CHAIN[1], "served")]
    assert headers["x-litellm-attempted-retries"] == "1" and headers["x-ambit-region"] == CHAIN[1]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 500, 501])
def test_other_statuses_are_the_clients_as_they_came(start, status):
    gateway, sim = start(chain)
    sim.fault("status", CHAIN[0], status=status)
    got, headers, answer = gateway.chat("m")
    assert got == status and headers["x-ambit-region"] == CHAIN[0]
    assert sim.regions_reached() == [CHAIN[0]]


def test_a_reset_before_the_head_is_tried_elsewhere(start):
    gateway, sim = start(chain)
    sim.fault("reset", CHAIN[0])
    got, _, answer = gateway.chat("m")
    assert got == 200 and outcomes(answer) == [(CHAIN[0], "reset_before_answer"), (CHAIN[1], "served")]


def test_silence_is_not_tried_elsewhere(start):
    gateway, sim = start(chain, "model_group_settings: {m: {first_byte_timeout: 300ms}}\n")
    sim.fault("hang", CHAIN[0])
    got, headers, answer = gateway.chat("m")
    assert got == 504 and answer["error"]["code"] == "upstream_timeout", answer
    assert sim.regions_reached() == [CHAIN[0]]


def test_when_all_fail_the_last_answer_comes_as_it_came(start):
    gateway, sim = start(chain, "router_settings: {num_retries: 2}\n")
    for region, status in zip(CHAIN, (502, 503, 429)):
        sim.fault("status", region, status=status, count=1)
    got, headers, answer = gateway.chat("m")
    assert got == 429 and headers["x-ambit-region"] == CHAIN[2]
    assert sim.regions_reached() == CHAIN


def test_the_attempt_budget_bounds_tries(start):
    gateway, sim = start(chain, "router_settings: {num_retries: 0}\n")
    sim.fault("status", CHAIN[0], status=503)
    assert gateway.chat("m")[0] == 503
    assert sim.regions_reached() == [CHAIN[0]]


def test_another_endpoint_of_the_region_comes_before_another_region(start):
    def entries(sim):
        one, two = endpoint("m", sim, CHAIN[0]), endpoint("m", sim, CHAIN[0]).replace(f"m-{CHAIN[0]}", "twin")
        return [one, two, endpoint("m", sim, CHAIN[1])]

    gateway, sim = start(entries)
    sim.fault("status", CHAIN[0], status=502, count=1)
    got, _, answer = gateway.chat("m")
    attempts = answer["routing_trace"]["attempts"]
    assert got == 200 and [a["region"] for a in attempts] == [CHAIN[0], CHAIN[0]] and attempts[0]["endpoint"] != attempts[1]["endpoint"]


def test_429_with_retry_after_saturates_and_the_region_is_passed_over(start):
    gateway, sim = start(chain)
    sim.fault("status", CHAIN[0], status=429, retry_after=3600, count=1)
    gateway.chat("m")
    sim.reset()
    got, _, answer = gateway.chat("m")
    assert got == 200 and sim.regions_reached() == [CHAIN[1]]
    candidates = {c["region"]: c for c in answer["routing_trace"]["candidates"]}
    assert candidates[CHAIN[0]] == {"region": CHAIN[0], "eligible": False, "why_not": "saturated"}


def test_consecutive_failures_eject_and_a_probe_brings_back(start):
    gateway, sim = start(chain, "router_settings: {allowed_fails: 2, cooldown_time: 3}\n")
    sim.fault("status", CHAIN[0], status=502, count=3)
    for _ in range(3):
        assert gateway.chat("m")[2]["routing_trace"]["region"] == CHAIN[1]
    sim.reset()
    passed_over = gateway.chat("m")[2]["routing_trace"]
    assert passed_over["region"] == CHAIN[1] and sim.regions_reached() == [CHAIN[1]]
    assert {"region": CHAIN[0], "eligible": False, "why_not": "degraded"} in passed_over["candidates"]
    # Once the cool-down is over one request tries it, and from then on it is back.
    while gateway.chat("m")[2]["routing_trace"]["region"] != CHAIN[0]:
        assert gateway.process.poll() is None
    assert gateway.chat("m")[2]["routing_trace"]["region"] == CHAIN[0]


def test_a_probe_that_is_answered_by_a_long_stream_brings_back_at_once(start):
    gateway, sim = start(lambda sim: [endpoint("m", sim, CHAIN[0])], "router_settings: {allowed_fails: 1, cooldown_time: 0.2}\n")
    sim.fault("status", CHAIN[0], status=500, count=1)
    assert gateway.chat("m")[0] == 500
    body = json.dumps({"model": "m", "messages": [], "stream": True, "sim": {"tokens": 1000, "interval_ms": 60000}}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
    answer = b""
    while not answer.startswith(b"HTTP/1.1 200 "):  # until the cool-down is over
        assert gateway.process.poll() is None
        with socket.create_connection(("127.0.0.1", gateway.port), 30) as stream:
            stream.sendall(head.encode() + body)
            answer = stream.recv(4096)
            if answer.startswith(b"HTTP/1.1 200 "):
                assert gateway.chat("m")[0] == 200, "the stream goes on"


def test_order_comes_before_latency_and_weight_zero_of_an_order_is_not_needed(start):
    def entries(sim):
        return [endpoint("m", sim, CHAIN[0], order=2), endpoint("m", sim, CHAIN[1], order=1)]

    gateway, sim = start(entries)
    assert gateway.chat("m")[2]["routing_trace"]["region"] == CHAIN[1]
    sim.fault("status", CHAIN[1], status=503)
    assert gateway.chat("m")[2]["routing_trace"]["region"] == CHAIN[0]


def test_rpm_saturates_an_endpoint(start):
    def entries(sim):
        return [endpoint("m", sim, CHAIN[0], rpm=2), endpoint("m", sim, CHAIN[1])]

    gateway, sim = start(entries)
    regions = [gateway.chat("m")[2]["routing_trace"]["region"] for _ in range(6)]
    assert regions[0] == CHAIN[0] and regions[-1] == CHAIN[1]


def test_fallbacks_go_to_another_model_inside_the_permit(start):
    def entries(sim):
        return [endpoint("m", sim, CHAIN[0]), endpoint("spare", sim, "atnorth-isl-1"), endpoint("spare", sim, CHAIN[1])]

    gateway, sim = start(entries, 'router_settings: {fallbacks: [{"m": ["spare"]}]}\n')
    gateway.send("POST", "/customer/new", {"user_id": "c", "allowed_model_region": "eu"})
    sim.fault("status", CHAIN[0], status=503)
    for _ in range(5):
        got, _, answer = gateway.chat("m", user="c")
        assert got == 200 and answer["routing_trace"]["region"] == CHAIN[1], answer
    assert "atnorth-isl-1" not in sim.regions_reached()


def test_an_alias_is_the_model_that_it_stands_for(start):
    gateway, sim = start(chain, "router_settings: {model_group_alias: {nice-name: m}}\n")
    got, headers, answer = gateway.chat("nice-name")
    assert got == 200 and answer["routing_trace"]["region"] == CHAIN[0]
    assert '"model":"m"' in sim.requests()[0]["body"].replace(" ", "")


def test_a_wildcard_passes_on_what_it_stood_for(start):
    gateway, sim = start(lambda sim: [endpoint("*", sim, CHAIN[0], group="house/*")])
    assert gateway.chat("house/llama-3")[0] == 200
    assert '"model":"llama-3"' in sim.requests()[0]["body"].replace(" ", "")
    assert gateway.chat("other/llama-3")[0] == 404


def test_primary_and_secondary_and_nothing_else(start):
    gateway, sim = start(chain)
    gateway.send("POST", "/customer/new", {"user_id": "bank", "primary": CHAIN[1], "secondary": CHAIN[2]})
    assert gateway.chat("m", user="bank")[2]["routing_trace"]["region"] == CHAIN[1]
    sim.fault("status", CHAIN[1], status=503)
    assert gateway.chat("m", user="bank")[2]["routing_trace"]["region"] == CHAIN[2]
    sim.fault("status", CHAIN[2], status=503)
    assert gateway.chat("m", user="bank")[0] == 503
    assert CHAIN[0] not in sim.regions_reached()
    got, _, answer = gateway.chat("m", user="bank", vetted={"routing": "carbon_aware"})
    assert got == 400 and answer["error"]["code"] == "conflicting_routing"


def test_two_pins_that_differ_and_a_pin_with_carbon_aware_contradict(start):
    gateway, sim = start(chain)
    body = {"model": "m", "messages": [], "vetted": {"region": CHAIN[0]}}
    got = gateway.send("POST", "/v1/chat/completions", body, {"x-ambit-region": CHAIN[1]})
    assert got[0] == 400 and got[2]["error"]["code"] == "conflicting_routing"
    body["vetted"]["routing"] = "carbon_aware"
    got = gateway.send("POST", "/v1/chat/completions", body)
    assert got[0] == 400 and got[2]["error"]["code"] == "conflicting_routing"
    assert sim.requests() == []


def test_a_zone_or_country_narrows(start):
    gateway, sim = start(lambda sim: [endpoint("m", sim, r) for r in ("atnorth-isl-1", "atnorth-sto-1", "scaleway-par-1")])
    assert gateway.chat("m", vetted={"region": "SE"})[2]["routing_trace"]["region"] == "atnorth-sto-1"
    assert gateway.chat("m", vetted={"region": "IS"})[2]["routing_trace"]["region"] == "atnorth-isl-1"
    assert gateway.chat("m", vetted={"region": "eu"})[2]["routing_trace"]["region"] == "scaleway-par-1"


def test_latency_budget_uses_the_catalogues_figure_until_something_was_measured(start):
    gateway, sim = start(lambda sim: [endpoint("m", sim, r) for r in ("atnorth-isl-1", "scaleway-par-1")])
    trace = gateway.chat("m", vetted={"latency_budget_ms": 60})[2]["routing_trace"]
    assert trace["region"] == "scaleway-par-1"
    assert {"region": "atnorth-isl-1", "eligible": False, "why_not": "over_latency_budget"} in trace["candidates"]
    assert gateway.chat("m", vetted={"latency_budget_ms": 60, "region": "atnorth-isl-1"})[0] == 503


def test_hosts_for_gateways_serve_only_whom_names_them(start):
    gateway, sim = start(lambda sim: [endpoint("m", sim, r) for r in ("hetzner-hel-1", "scaleway-par-1")])
    assert gateway.chat("m", vetted={"region": "hetzner-hel-1"})[2]["routing_trace"]["region"] == "hetzner-hel-1"
    assert gateway.chat("m")[2]["routing_trace"]["region"] == "scaleway-par-1"
