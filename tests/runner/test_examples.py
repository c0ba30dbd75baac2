"""The example packages do what their words say."""

import os
import subprocess

import httpx
from conftest import PATIENCE, PREDICT, ROOT, free_port, until
from openai import OpenAI
from test_sockets import dial

EXAMPLES = ROOT / "examples/truss"


def test_echo(start):
    runner = start(
        package=EXAMPLES / "echo",
        environment={"name": "prod-eu"},
        AMBIT_REGION="ovh-gra-1",
        BT_MODEL_DEPLOYMENT_ID="d123456",
        TRUSS_SECRET_greeting="hello",
    ).ready()
    assert runner.predict({"text": "hi"}).json() == {
        "text": "you said: hi",
        "model": "echo",
        "environment": "prod-eu",
        "region": "ovh-gra-1",
        "deployment": "d123456",
        "greeting": "hello",
    }
    assert runner.predict({"text": "a b", "stream": True}).text == "a\nb\n"
    with dial(runner) as ws:
        ws.send("hi")
        assert ws.recv(timeout=PATIENCE) == "you said: hi"


def test_openai(start):
    runner = start(package=EXAMPLES / "openai").ready()
    with httpx.Client(trust_env=False) as http:
        client = OpenAI(base_url=runner.url + "/v1", api_key="none", http_client=http)
        messages = [{"role": "user", "content": "why so?"}]
        whole = client.chat.completions.create(model="openai", messages=messages)
        assert whole.choices[0].message.content == "You asked: why so?"
        parts = client.chat.completions.create(model="openai", messages=messages, stream=True)
        assert "".join(p.choices[0].delta.content or "" for p in parts) == "You asked: why so?"
        assert len(client.embeddings.create(model="openai", input=["a", "b"], encoding_format="float").data) == 2


def test_custom_server():
    port = free_port()
    env = {**os.environ, "PORT": str(port), "AMBIT_REGION": "ovh-gra-1"}
    server = subprocess.Popen(["python3", "server.py"], cwd=EXAMPLES / "custom-server", env=env)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE) as http:

            def alive():
                try:
                    return http.get("/ready").status_code == 200
                except httpx.TransportError:
                    return False

            until(alive, "a listening server")
            assert http.get("/alive").status_code == 200
            assert http.post("/predict", json={"numbers": [1, 2]}).json() == {"sum": 3, "region": "ovh-gra-1"}
            assert http.post("/predict", content=b"{").status_code == 400
            assert http.post(PREDICT, json={}).status_code == 404
        server.terminate()
        assert server.wait(timeout=PATIENCE) == 0
    finally:
        server.kill()
        server.wait()
