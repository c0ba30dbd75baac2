"""The twelve ways in which LiteLLM's region routing fails open, and that here each of them fails closed: nothing reaches the other region."""

import http.client
import http.server
import json
import os
import resource
import signal
import threading
import time
import urllib.error
import urllib.request

import pytest
from world import KEY, Gateway, Sim, config_of, endpoint

EU, US = "azure-swedencentral", "azure-eastus"


class Place:
    def __init__(self, folder, entries=None, more="", rule="eu"):
        self.sim = Sim(folder, [EU, US])
        made = entries(self.sim) if entries else [endpoint("m", self.sim, EU), endpoint("m", self.sim, US), endpoint("only-us", self.sim, US)]
        self.gateway = Gateway(folder, config_of(made, more))
        if rule:
            created = self.gateway.send("POST", "/customer/new", {"user_id": "c", "allowed_model_region": rule})
            assert created[0] == 200, created

    def outside(self):
        return [r for r in self.sim.requests() if r["region"] == US]

    def stop(self):
        self.gateway.stop()
        self.sim.stop()


@pytest.fixture
def place(tmp_path):
    made = []

    def make(**arguments):
        made.append(Place(tmp_path, **arguments))
        return made[-1]

    yield make
    for p in made:
        p.stop()


def refused(result, code="region_not_allowed", status=403):
    assert result[0] == status and result[2]["error"]["code"] == code, result
    assert "x-ambit-region" not in result[1]


def test_01_pre_call_checks_that_are_off_switch_nothing_off(place):
    p = place(more="router_settings: {enable_pre_call_checks: false}\n")
    for _ in range(20):
        assert p.gateway.chat("m", user="c")[1]["x-ambit-region"] == EU
    refused(p.gateway.chat("only-us", user="c"))
    assert p.outside() == []


SURFACES = [
    ("/v1/completions", {"prompt": "x"}),
    ("/v1/embeddings", {"input": "x"}),
    ("/v1/responses", {"input": "x"}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
    ("/v1/audio/speech", {"input": "x", "voice": "alloy"}),
    ("/completions", {"prompt": "x"}),
    ("/embeddings", {"input": "x"}),
]


@pytest.mark.parametrize("path, body", SURFACES)
def test_02_every_surface_is_filtered_not_only_messages(place, path, body):
    p = place()
    for _ in range(10):
        status, headers, _ = p.gateway.send("POST", path, {"model": "m", "user": "c", **body})
        assert status == 200 and headers["x-ambit-region"] == EU
    refused(p.gateway.send("POST", path, {"model": "only-us", "user": "c", **body}))
    assert p.outside() == []


def test_02_files_are_filtered_as_well(place):
    p = place()
    boundary = "edge-of-parts"
    parts = [("model", "only-us"), ("user", "c"), ("file", "RIFF")]
    body = "".join(f'--{boundary}\r\ncontent-disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in parts) + f"--{boundary}--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(p.gateway.url + "/v1/audio/transcriptions", body.encode(), headers)
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=30)
    assert error.value.code == 403 and json.loads(error.value.read())["error"]["code"] == "region_not_allowed"
    assert p.outside() == []


def test_03_content_that_cannot_be_counted_does_not_lift_the_filter(place):
    p = place()
    for content in (12, {"odd": True}, [None], [{"type": "image_url", "image_url": {"url": "data:,"}}], "x" * 200000):
        body = {"model": "m", "user": "c", "messages": [{"role": "user", "content": content}]}
        for _ in range(3):
            status, headers, _ = p.gateway.send("POST", "/v1/chat/completions", body)
            assert status == 200 and headers["x-ambit-region"] == EU
        refused(p.gateway.send("POST", "/v1/chat/completions", {**body, "model": "only-us"}))
    assert p.outside() == []


def test_04_a_single_deployment_an_id_and_a_wildcard_are_filtered(place):
    def entries(sim):
        return [endpoint("one", sim, US), endpoint("*", sim, US, group="us/*"), endpoint("*", sim, US, group="*")]

    p = place(entries=entries)
    for model in ("one", "us/anything", "anything"):
        refused(p.gateway.chat(model, user="c"))
    for name in ("one-azure-eastus", "us/*-azure-eastus"):  # ids of endpoints, as names of models
        assert p.gateway.chat(name, user="c")[0] in (403, 404)
    assert p.outside() == []


def test_05_a_store_that_fails_leaves_the_rule_in_force(place):
    """The disk is full: no file may grow any more."""
    p = place()
    control = p.gateway.child("control")
    resource.prlimit(control, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    failed = p.gateway.send("POST", "/customer/update", {"user_id": "c", "allowed_model_region": None})
    assert failed[0] == 500 and failed[2]["error"]["code"] == "store_failed", failed
    for _ in range(5):
        assert p.gateway.chat("m", user="c")[1]["x-ambit-region"] == EU
    refused(p.gateway.chat("only-us", user="c"))
    refused(p.gateway.chat("m", user="nobody"), "unknown_customer")
    resource.prlimit(control, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert p.gateway.send("GET", "/customer/info?end_user_id=c")[2]["allowed_model_region"] == "eu"
    assert p.gateway.child("control") == control
    assert p.outside() == []


def test_05_a_control_plane_that_hangs_leaves_the_rule_in_force(place):
    p = place()
    control = p.gateway.child("control")
    os.kill(control, signal.SIGSTOP)
    try:
        for _ in range(5):
            assert p.gateway.chat("m", user="c")[1]["x-ambit-region"] == EU
        refused(p.gateway.chat("only-us", user="c"))
        refused(p.gateway.chat("m", user="nobody"), "unknown_customer")
    finally:
        os.kill(control, signal.SIGCONT)
    assert p.outside() == []


FORBIDDEN = ["api_base", "base_url", "api_key", "user_config", "model_list", "allowed_model_region", "region_name"]


@pytest.mark.parametrize("member", FORBIDDEN)
def test_06_and_11_a_client_cannot_bring_region_target_or_credentials_of_its_own(place, member):
    p = place()
    for value in ("us", {"model_list": []}, None):
        body = {"model": "m", "user": "c", "messages": [], member: value}
        status, _, answer = p.gateway.send("POST", "/v1/chat/completions", body)
        assert status == 400 and answer["error"]["code"] == "forbidden_field" and answer["error"]["param"] == member
    assert p.sim.requests() == []


def test_06_escapes_and_duplicates_hide_no_member(place):
    p = place()
    def send(raw):
        connection = http.client.HTTPConnection("127.0.0.1", p.gateway.port, timeout=30)
        connection.request("POST", "/v1/chat/completions", raw, {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["error"]["code"]

    assert send(b'{"model":"m","user":"c","\\u0061pi_base":"http://evil","messages":[]}') == (400, "forbidden_field")
    assert send(b'{"model":"m","user":"c","us\\u0065r":"d","messages":[]}') == (400, "duplicate_field")
    assert send(b'{"model":"m","model":"only-us","user":"c","messages":[]}') == (400, "duplicate_field")
    assert p.sim.requests() == []


def test_07_no_customer_or_an_unknown_one_is_refused_once_any_has_a_rule(place):
    p = place()
    for more in ({}, {"user": ""}, {"user": "C"}, {"user": "c "}, {"user": "unknown"}, {"metadata": {"user_id": "unknown"}}):
        refused(p.gateway.chat("m", **more), "unknown_customer")
    for header in ("x-litellm-customer-id", "x-litellm-end-user-id"):
        body = {"model": "m", "messages": []}
        refused(p.gateway.send("POST", "/v1/chat/completions", body, {header: "unknown"}), "unknown_customer")
        for _ in range(5):
            assert p.gateway.send("POST", "/v1/chat/completions", body, {header: "c"})[1]["x-ambit-region"] == EU
    assert p.outside() == []


def test_07_two_customers_intersect(place):
    p = place()
    p.gateway.send("POST", "/customer/new", {"user_id": "u", "allowed_model_region": "us"})
    body = {"model": "m", "messages": [], "user": "c"}
    refused(p.gateway.send("POST", "/v1/chat/completions", body, {"x-litellm-customer-id": "u"}))
    assert p.sim.requests() == []


def test_08_a_typo_in_a_rule_is_an_error_and_makes_no_customer(place):
    p = place(rule=None)
    for body in ({"allowed_region": "eu"}, {"allowed_model_region": "eurpe"}, {"allowed_model_region": ""}, {"allowed_model_region": []},
                 {"allowed_model_region": 1}, {"allowed_model_regions": ["eu"]}, {"allowed_model_region": {"alow": ["eu"]}}):
        status, _, answer = p.gateway.send("POST", "/customer/new", {"user_id": "t", **body})
        assert status == 400 and answer["error"]["param"], answer
        assert p.gateway.send("GET", "/customer/info?end_user_id=t")[0] == 404


def test_09_an_update_clears_and_sets_and_a_reload_keeps_regions(place):
    p = place()
    send = p.gateway.send
    assert send("POST", "/customer/update", {"user_id": "c", "alias": "x", "blocked": True})[2]["blocked"] is True
    assert send("POST", "/customer/update", {"user_id": "c", "blocked": False, "alias": None})[2]["alias"] is None
    assert send("GET", "/customer/info?end_user_id=c")[2]["allowed_model_region"] == "eu"
    p.gateway.config.write_text(p.gateway.config.read_text() + "router_settings: {num_retries: 1}\n")
    assert p.gateway.cli("reload")[0] == 0
    for _ in range(10):
        assert p.gateway.chat("m", user="c")[1]["x-ambit-region"] == EU
    refused(p.gateway.chat("only-us", user="c"))
    # A region that is taken away, or mistyped, is no longer known or no configuration at all: never "anywhere".
    text = p.gateway.config.read_text()
    p.gateway.config.write_text(text.replace('"region_name": "azure-swedencentral"', '"region_name": "azure-swedncentral"'))
    assert p.gateway.cli("reload")[0] != 0
    assert p.gateway.chat("m", user="c")[1]["x-ambit-region"] == EU
    assert p.outside() == []


def test_09_a_relabelled_endpoint_is_obeyed_at_once(place):
    p = place()
    text = p.gateway.config.read_text()
    p.gateway.config.write_text(text.replace('"region_name": "azure-swedencentral"', '"region_name": "azure-eastus"'))
    assert p.gateway.cli("reload")[0] == 0
    p.sim.reset()
    refused(p.gateway.chat("m", user="c"))
    assert p.sim.requests() == []


def test_10_fallbacks_and_retries_stay_inside_the_permit(place):
    def entries(sim):
        return [endpoint("m", sim, EU), endpoint("m", sim, US), endpoint("spare", sim, US)]

    p = place(entries=entries, more='router_settings: {num_retries: 5, fallbacks: [{"m": ["spare"]}], default_fallbacks: ["spare"]}\n')
    for kind, more in (("status", {"status": 503}), ("status", {"status": 429}), ("reset", {}), ("status", {"status": 502})):
        p.sim.fault(kind, EU, count=2, **more)
        for _ in range(3):
            assert p.gateway.chat("m", user="c")[1].get("x-ambit-region", EU) == EU
    assert p.outside() == []


def test_11_there_is_no_pass_through_route(place):
    p = place()
    for path in ("/bedrock/model/x/invoke", "/vertex_ai/v1/projects", "/azure/openai/deployments/m/chat/completions", "/openai/v1/chat/completions",
                 "/anthropic/v1/messages", "/v1/realtime", "/engines/m/chat/completions"):
        assert p.gateway.send("POST", path, {"model": "m", "user": "c", "messages": []})[0] == 404, path
    for host, expected in (("gateway", 400), (f"127.0.0.1:{p.sim.ports[US]}", 200)):  # a target in absolute form, as proxies get it
        connection = http.client.HTTPConnection("127.0.0.1", p.gateway.port, timeout=30)
        connection.putrequest("POST", f"http://127.0.0.1:{p.sim.ports[US]}/v1/chat/completions", skip_host=True)
        body = b'{"model":"m","user":"c","messages":[]}'
        headers = {"Authorization": f"Bearer {KEY}", "Content-Length": str(len(body)), "Host": host}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        assert answer.status == expected and answer.getheader("x-ambit-region") in (None, EU)
    for header in ("x-litellm-api-base", "x-litellm-timeout", "x-ambit-endpoint"):
        status, headers, _ = p.gateway.send("POST", "/v1/chat/completions", {"model": "m", "user": "c", "messages": []}, {header: p.sim.base(US)})
        assert status == 200 and headers["x-ambit-region"] == EU
    assert p.outside() == []


class Recorder(http.server.BaseHTTPRequestHandler):
    """A model server outside the permit, which keeps what it is sent."""

    def do_GET(self):
        length = int(self.headers.get("content-length") or 0)
        self.server.seen.append((self.command, length, "transfer-encoding" in self.headers))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *args):
        pass


def test_12_side_calls_carry_no_content(place):
    """Ambit's only calls of its own are health checks; they are GETs without a body, whatever goes on."""
    us = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    us.seen = []
    threading.Thread(target=us.serve_forever, daemon=True).start()
    outside = json.dumps({"model_name": "m", "litellm_params": {"model": "hosted_vllm/m", "region_name": US,
                                                                "api_base": f"http://127.0.0.1:{us.server_address[1]}/v1"}})
    p = place(entries=lambda sim: [endpoint("m", sim, EU), outside], more="routing: {health_check: {path: /v1/models, interval: 100ms}}\n")
    deadline = time.monotonic() + 30
    while len(us.seen) < 3 and time.monotonic() < deadline:
        assert p.gateway.chat("m", user="c")[1]["x-ambit-region"] == EU
    us.shutdown()
    assert len(us.seen) >= 3 and set(us.seen) == {("GET", 0, False)}, us.seen
