"""Who is measured, how each is configured, and what is asked of it. All listen on the loopback interface, have one worker thread, keep their
connections to the same upstream, and run on the same processor; the load and the upstream have the other one."""

import contextlib
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess

from processes import Failed, Process, until

PROXY_CPU, LOAD_CPU = 0, 1
MASTER_KEY = "sk-bench-master"
KEY = "sk-bench-5f0d3f6a1c9e4b7d8a2c"
MODEL = "mistral-medium-3"
CUSTOMER = "acme"
PATH = "/v1/chat/completions"
PORTS = {"upstream": 24101, "relay": 24110, "haproxy": 24111, "nginx": 24112, "ambit": 24113, "ambit-control": 24114, "ambit-tls": 24115}
REGIONS = ["scaleway-par-1", "scaleway-par-2", "atnorth-sto-1", "atnorth-isl-1", "ovh-gra-1", "ovh-rbx-1", "hetzner-fsn-1",
           "hetzner-hel-1"]
# What a reader may think of as a conversation of usual length: 1 KiB with its head's worth of members.
SYSTEM = ("You are the assistant of a bank's service desk. Answer in the language of the question, briefly, and only from what "
          "the documents say. If they do not say it, say so. Never give advice on investments; name the form or the page instead.")
QUESTION = ("My card was stolen on Tuesday evening in Lyon and I have blocked it in the app. Since then two payments have appeared "
            "that I did not make, 48.90 EUR and 112.00 EUR, both marked as pending. Do I have to report them separately, is there "
            "a form for it, and until when? I leave for Stockholm on Friday and won't have the app there. \\u2014 Merci d'avance.")


def chat_body(size=1024, **more):
    body = {"model": MODEL, "user": CUSTOMER, "temperature": 0.2, "max_tokens": 512, "stream": False,
            "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION.encode().decode("unicode_escape")}]}
    body.update(more)
    short = size - len(json.dumps(body)) - len(', "metadata": {"trace": ""}')
    if short > 4096:  # a document in the conversation
        body["messages"][1]["content"] += "0123456789abcdef" * (short // 16)
    elif short > 0:
        body["metadata"] = {"trace": "c0ffee" * (short // 6) + "0" * (short % 6)}
    return json.dumps(body)


HEADERS = {"content-type": "application/json", "authorization": f"Bearer {KEY}", "user-agent": "OpenAI/Python 1.99.0",
           "accept": "application/json"}

HAPROXY = """global
    nbthread 1
    maxconn {connections}
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
{more}frontend gateway
    bind 127.0.0.1:{listen}
    default_backend models
backend models
    server model 127.0.0.1:{upstream} pool-max-conn 20000 pool-purge-delay 1h
"""

NGINX = """worker_processes 1;
worker_rlimit_nofile {descriptors};
daemon off;
{user}pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_body_buffer_size 16m;
    client_max_body_size 64m;
    proxy_max_temp_file_size 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream models {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }}
    server {{
        listen 127.0.0.1:{listen} backlog=4096;
        location / {{
            proxy_pass http://models;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_read_timeout 1h;
        }}
    }}
}}
"""

AMBIT = """gateway:
  metrics_without_key: true
  region: scaleway-par-1
  listen: 127.0.0.1:{listen}
{tls}general_settings:
  master_key: {master}
organization:
  region_rule: eea
customers:
  - {{user_id: {customer}, allowed_model_region: eu}}
keys:
  - {{name: bench, key: {key}}}
model_list:
{endpoints}"""

ENDPOINT = """  - model_name: {model}
    litellm_params: {{model: hosted_vllm/{model}, api_base: "http://127.0.0.1:{port}/v1", region_name: {region}}}
    model_info: {{id: {region}}}
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def need(program):
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not path:
        raise Failed(f"{program} is not installed; scripts/setup.sh bench installs it")
    return path


def first_line(command, pattern=r".*"):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(pattern, result.stdout + result.stderr)
    return match.group(0).strip() if match else "unknown"


class Bench:
    """Starts each peer when it is first wanted."""

    def __init__(self, build, out, descriptors):
        self.build, self.out, self.descriptors = build, out, descriptors
        self.running = {}
        self.haproxy_options = ""

    def upstream(self):
        return self._start("upstream", [f"{self.build}/bench/bench-upstream", str(PORTS["upstream"]), str(len(REGIONS))], LOAD_CPU)

    def get(self, name):
        """The process of a peer; None for "direct"."""
        self.upstream()
        return None if name == "direct" else getattr(self, "_" + name)()

    def port(self, name):
        return PORTS["upstream"] if name == "direct" else PORTS[name]

    def stop(self, name):
        if name in self.running:
            self.running.pop(name).stop()

    def _start(self, name, command, cpu, env=None, ready=None, seconds=20):
        if name in self.running:
            self.running[name].check()
            return self.running[name]
        process = self.running[name] = Process(name, command, cpu, f"{self.out}/{name}.log", env)
        until(ready or (lambda: answers(PORTS[name])), "good answer", process, seconds)
        return process

    def _relay(self):
        return self._start("relay", [f"{self.build}/bench/bench-relay", str(PORTS["relay"]), str(PORTS["upstream"])], PROXY_CPU)

    def _haproxy(self):
        config = write(f"{self.out}/haproxy.cfg", HAPROXY.format(
            listen=PORTS["haproxy"], upstream=PORTS["upstream"], connections=self.descriptors // 2 - 200,
            more=self.haproxy_options))
        return self._start("haproxy", [need("haproxy"), "-db", "-f", config], PROXY_CPU)

    def _nginx(self):
        folder = f"{self.out}/nginx"
        config = write(f"{folder}/nginx.conf", NGINX.format(
            listen=PORTS["nginx"], upstream=PORTS["upstream"], folder=folder, descriptors=self.descriptors,
            connections=self.descriptors - 100, user="user root;\n" if os.getuid() == 0 else ""))
        return self._start("nginx", [need("nginx"), "-p", folder, "-c", config, "-e", f"{folder}/error.log"], PROXY_CPU)

    def _ambit(self, tls="", ca=None):
        if "ambit" in self.running:
            return self.running["ambit"]
        data = f"{self.out}/ambit-data"
        shutil.rmtree(data, ignore_errors=True)
        if not os.access(f"{self.build}/ambit", os.X_OK):
            raise Failed(f"{self.build}/ambit is missing: build it first")
        endpoints = "".join(ENDPOINT.format(model=MODEL, port=PORTS["upstream"] + i, region=region)
                            for i, region in enumerate(REGIONS))
        config = write(f"{self.out}/ambit.yaml", AMBIT.format(
            listen=PORTS["ambit"], master=MASTER_KEY, key=KEY, customer=CUSTOMER, endpoints=endpoints, tls=tls))
        return self._start("ambit", [f"{self.build}/ambit", "serve", "--config", config, "--data-dir", data,
                                     "--control-port", str(PORTS["ambit-control"]), "--workers", "1"], PROXY_CPU, ready=lambda: answers(PORTS["ambit"], ca))

    @contextlib.contextmanager
    def ambit_with_tls(self):
        """Ambit afresh, with TLS on its port; gives the file with the authority's certificate."""
        folder = f"{self.out}/tls"
        os.makedirs(folder, exist_ok=True)
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                   "-addext", "subjectAltName=DNS:localhost", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise Failed(f"openssl req: {made.stderr}")
        self.stop("ambit")
        self._ambit(f"  tls: {{certificates: [{{cert_file: {folder}/cert.pem, key_file: {folder}/key.pem}}]}}\n", f"{folder}/cert.pem")
        yield f"{folder}/cert.pem"
        self.stop("ambit")

    def versions(self):
        found = {"wrk": first_line([need("wrk"), "-v"], r"wrk \S+"), "haproxy": first_line([need("haproxy"), "-v"], r"version (\S+)"),
                 "nginx": first_line([need("nginx"), "-v"], r"nginx/\S+"), "ambit": first_line([f"{self.build}/ambit", "--version"])}
        return found


def answers(port, ca=None):
    """One whole request, as the bench will send it, is answered with 200; over TLS if there is an authority."""
    connection = (http.client.HTTPSConnection("localhost", port, timeout=5, context=ssl.create_default_context(cafile=ca)) if ca else
                  http.client.HTTPConnection("127.0.0.1", port, timeout=5))
    try:
        connection.request("POST", PATH, chat_body(), HEADERS)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status == 200 and b'"choices"' in text
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
