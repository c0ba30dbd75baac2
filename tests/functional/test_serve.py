"""A whole server, as a user starts it: customers are obeyed by the next request, and nothing reaches a region outside their rule."""

import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

AMBIT = pathlib.Path(os.environ["AMBIT_BUILD"]) / "ambit"
KEY = "sk-1234"


class Upstream(http.server.ThreadingHTTPServer):
    """A model server that counts what reaches it."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def base(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        answer = json.dumps({"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, folder, config):
        self.port, self.control_port = free_port(), free_port()
        (folder / "config.yaml").write_text(config)
        command = [AMBIT, "serve", "--config", folder / "config.yaml", "--data-dir", folder / "data", "--workers", "1"]
        command += ["--port", str(self.port), "--control-port", str(self.control_port)]
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(command, env={**os.environ, "AMBIT_MASTER_KEY": KEY}, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while self.get("/health/ready")[0] != 200:
            assert self.process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()

    def get(self, path):
        return self.send("GET", path)

    def send(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        request.add_header("Authorization", f"Bearer {KEY}")
        data = json.dumps(body).encode() if body is not None else None
        try:
            with urllib.request.urlopen(request, data, timeout=30) as answer:
                return answer.status, dict(answer.headers), json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), json.loads(error.read())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
            return 0, {}, None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=150)
        self.log.close()
        return self.process.returncode


@pytest.fixture
def two_regions(tmp_path):
    eu, us = Upstream(), Upstream()
    config = f"""
model_list:
  - model_name: gpt-3.5-turbo
    litellm_params: {{model: hosted_vllm/gpt-35-turbo-eu, api_base: "{eu.base}", region_name: azure-swedencentral}}
  - model_name: gpt-3.5-turbo
    litellm_params: {{model: hosted_vllm/chatgpt-v-2, api_base: "{us.base}", region_name: azure-eastus}}
  - model_name: only-us
    litellm_params: {{model: hosted_vllm/chatgpt-v-2, api_base: "{us.base}", region_name: azure-eastus}}
router_settings:
  enable_pre_call_checks: true
"""
    server = Server(tmp_path, config)
    yield server, eu, us
    server.stop()


def chat(server, user, model="gpt-3.5-turbo"):
    body = {"model": model, "messages": [{"role": "user", "content": "meaning of the universe?"}], "user": user}
    return server.send("POST", "/chat/completions", body)


def test_customer_is_obeyed_by_the_very_next_request(two_regions):
    server, eu, us = two_regions
    created = server.send("POST", "/end_user/new", {"user_id": "ishaan-jaff-45", "allowed_model_region": "eu"})
    assert created[0] == 200 and created[2]["allowed_model_region"] == "eu" and "in_force" not in created[2]
    for _ in range(20):
        status, headers, answer = chat(server, "ishaan-jaff-45")
        assert status == 200 and headers["x-litellm-api-base"] == eu.base
        assert headers["x-ambit-region"] == answer["routing_trace"]["region"] == "azure-swedencentral"
    assert len(eu.bodies) == 20 and us.bodies == []


def test_nothing_in_the_region_is_an_error_and_nothing_is_sent(two_regions):
    server, eu, us = two_regions
    server.send("POST", "/customer/new", {"user_id": "a", "allowed_model_region": "eu"})
    status, headers, answer = chat(server, "a", "only-us")
    assert status == 403 and answer["error"]["code"] == "region_not_allowed"
    assert headers["x-should-retry"] == "false" and "x-ambit-region" not in headers
    assert eu.bodies == us.bodies == []


def test_typos_in_a_rule_never_make_an_unrestricted_customer(two_regions):
    server, eu, us = two_regions
    for body in ({"allowed_region": "eu"}, {"allowed_model_region": "eurpe"}, {"allowed_model_region": []}, {"max_budget": 0}):
        status, _, answer = server.send("POST", "/customer/new", {"user_id": "t", **body})
        assert status == 400 and answer["error"]["param"] in body
    assert server.get("/customer/info?end_user_id=t")[0] == 404


def test_update_clears_and_block_holds(two_regions):
    server, eu, us = two_regions
    server.send("POST", "/customer/new", {"user_id": "b", "allowed_model_region": "eu"})
    assert server.send("POST", "/customer/block", {"user_ids": ["b"]})[0] == 200
    assert chat(server, "b")[2]["error"]["code"] == "customer_blocked"
    assert server.send("POST", "/customer/unblock", {"user_ids": ["b"]})[0] == 200
    assert chat(server, "b")[0] == 200
    assert server.send("POST", "/customer/update", {"user_id": "b", "allowed_model_region": None})[2]["allowed_model_region"] is None
    assert chat(server, "b", "only-us")[0] == 200
