"""The examples of the regional endpoints' documentation, with nothing changed but the domain, the ids and the key, over TLS."""

import json
import os
import ssl
import subprocess
import sys

import pytest
from regional import Server, config_of, package
from world import KEY, ROOT

DOMAIN = "api.ambit.localhost"

PYTHON = """
import httpx
import os

model_id = "{model}"
env_name = "prod-us"

client = httpx.Client(
    base_url=f"https://model-{{model_id}}-{{env_name}}.{domain}",
    headers={{"Authorization": f"Api-Key {{os.environ['BASETEN_API_KEY']}}"}},
)

response = client.post("/predict", json={{"prompt": "Hello, world!"}})
print(response.json())
"""

CURL = """
curl -X POST https://model-{model}-prod-us.{domain}/predict \\
  -H "Authorization: Api-Key $BASETEN_API_KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{{"prompt": "Hello, world!"}}'
"""

NODE = """
const modelId = "{model}";
const envName = "prod-us";

const resp = await fetch(
  `https://model-${{modelId}}-${{envName}}.{domain}/predict`,
  {{
    method: "POST",
    headers: {{
      Authorization: `Api-Key ${{process.env.BASETEN_API_KEY}}`,
      "Content-Type": "application/json",
    }},
    body: JSON.stringify({{ prompt: "Hello, world!" }}),
  }}
);

const data = await resp.json();
console.log(data);
"""

# The same request to the standard host, whose path names the environment.
STANDARD = [("-prod-us.", "."), ("-{{env_name}}.", "."), ("-${{envName}}.", "."), ("/predict", "/environments/prod-us/predict")]

# Names below .localhost are this machine's; the resolver of a bare system does not know that.
LOOPBACK = """
import socket

resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **more)
"""

MODEL = """
class Model:
    def predict(self, model_input):
        return {"prompt": model_input["prompt"], "answer": "Hello, model!"}
"""


def certify(folder):
    """A certificate for every host below the domain, from an authority of the test's own."""
    run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
        "-days", "2", "-subj", "/CN=ambit", "-addext", f"subjectAltName=DNS:*.{DOMAIN}")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    certify(folder)
    tls = f"{{certificates: [{{cert_file: {folder}/cert.pem, key_file: {folder}/key.pem}}]}}"
    config = config_of(gateway_region="aws-us-east-1", more="environment_groups: [{name: prod-us, region_rule: us}]\n")
    config = config.replace("gateway: {", f"gateway: {{domain: {DOMAIN}, tls: {tls}, ")
    trust = ssl.create_default_context(cafile=folder / "cert.pem")
    trust.check_hostname = False  # readiness is asked at the address
    s = Server(folder, config, scheme="https", trust=trust)
    yield s
    s.stop()


@pytest.fixture(scope="module")
def model(server, tmp_path_factory):
    folder = package(tmp_path_factory.mktemp("package"), "greeter", MODEL)
    return server.push(folder, "--environment", "prod-us", "--wait")["model_id"]


def run(server, model, text, command, standard):
    text = text.format(model=model, domain=f"{DOMAIN}:{server.port}") if not standard else shorten(text, model, server)
    certificate = str(server.config.parent / "cert.pem")
    env = {**os.environ, "BASETEN_API_KEY": KEY, "SSL_CERT_FILE": certificate, "NODE_EXTRA_CA_CERTS": certificate,
           "CURL_CA_BUNDLE": certificate, "NO_PROXY": "*"}
    done = subprocess.run(command(text), env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shorten(text, model, server):
    for before, after in STANDARD:
        text = text.replace(before, after)
    return text.format(model=model, domain=f"{DOMAIN}:{server.port}")


@pytest.mark.parametrize("standard", [False, True], ids=["regional", "standard"])
def test_python(server, model, standard):
    out = run(server, model, PYTHON, lambda text: [sys.executable, "-c", LOOPBACK + text], standard)
    assert out == "{'prompt': 'Hello, world!', 'answer': 'Hello, model!'}\n"


@pytest.mark.parametrize("standard", [False, True], ids=["regional", "standard"])
def test_curl(server, model, standard):
    out = run(server, model, CURL, lambda text: ["bash", "-c", text], standard)
    assert json.loads(out) == {"prompt": "Hello, world!", "answer": "Hello, model!"}


@pytest.mark.parametrize("standard", [False, True], ids=["regional", "standard"])
def test_node(server, model, standard):
    hook = ROOT / "tests" / "functional" / "node" / "loopback.cjs"
    out = run(server, model, NODE, lambda text: ["node", "--require", str(hook), "--input-type=module", "-e", text], standard)
    assert out == "{ prompt: 'Hello, world!', answer: 'Hello, model!' }\n"


def test_a_name_in_tls_that_is_not_the_hosts_is_misdirected(server, model):
    """RFC 9110, 7.4: who asked for one environment in TLS may not ask for another inside."""
    server.push(package(server.config.parent, "other", MODEL), "--environment", "prod-us", "--wait")
    other = [m["id"] for m in server.get("/v1/models")["models"] if m["name"] == "other"][0]
    done = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", str(server.config.parent / "cert.pem"),
         "-H", f"Host: model-{other}-prod-us.{DOMAIN}", "-H", f"Authorization: Api-Key {KEY}", "-d", "{}",
         f"https://model-{model}-prod-us.{DOMAIN}:{server.port}/predict"], capture_output=True, text=True, timeout=60)
    assert done.stdout == "421", done


def test_a_chain_over_tls(server, model):
    """run_remote on both hosts; who asked for one environment in TLS may not ask for another, or for a model, inside."""
    pushed = server.push(package(server.config.parent, "entry", MODEL), "--chain", "flow", "--environment", "prod-us", "--wait")
    chain = f"chain-{pushed['chain_id']}"

    def curl(name, path, host=None):
        command = ["curl", "-s", "-w", "%{http_code}", "--cacert", str(server.config.parent / "cert.pem"), "-H", f"Authorization: Api-Key {KEY}"]
        command += ["-H", f"Host: {host}.{DOMAIN}"] if host else []
        command += ["-d", '{"prompt": "Hello, world!"}', f"https://{name}.{DOMAIN}:{server.port}{path}"]
        out = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
        return int(out[-3:]), out[:-3]

    for name, path in ((chain, "/environments/prod-us/run_remote"), (f"{chain}-prod-us", "/run_remote")):
        status, body = curl(name, path)
        assert status == 200 and json.loads(body)["prompt"] == "Hello, world!", (name, body)
    assert curl(f"{chain}-prod-us", "/run_remote", f"model-{model}-prod-us")[0] == 421
    assert curl(f"model-{model}-prod-us", "/run_remote", f"{chain}-prod-us")[0] == 421
