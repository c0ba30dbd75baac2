"""A gateway and simulated model servers for a test: real processes, real sockets, free ports."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

BUILD = pathlib.Path(os.environ["AMBIT_BUILD"])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KEY = "sk-1234"
VETTED_REGIONS = [
    "scaleway-par-1",
    "scaleway-par-2",
    "atnorth-sto-1",
    "atnorth-isl-1",
    "ovh-gra-1",
    "ovh-rbx-1",
    "hetzner-fsn-1",
    "hetzner-hel-1",
]


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def call(method, url, body=None, headers=None, timeout=30, trust=None):
    """(status, headers in lower case, JSON or text); `trust`: an ssl.SSLContext"""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=trust) as answer:
            status, seen, raw = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, seen, raw = error.code, error.headers, error.read()
    text = raw.decode(errors="replace")
    try:
        text = json.loads(text)
    except ValueError:
        pass
    return status, {k.lower(): v for k, v in seen.items()}, text


class Process:
    """Started with its output in a file; ended with SIGTERM, and its exit status is checked."""

    def __init__(self, folder, name, command, env=None):
        self.log_path = folder / f"{name}.log"
        self.command, self.env = command, {**os.environ, **(env or {})}
        self.log = open(self.log_path, "ab")
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log, env=self.env)

    def text(self):
        return self.log_path.read_text(errors="replace")

    def wait_for(self, url, seconds=60, trust=None):
        deadline = time.monotonic() + seconds
        while True:
            try:
                if call("GET", url, timeout=5, trust=trust)[0] == 200:
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            assert self.process.poll() is None and time.monotonic() < deadline, self.text()
            time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("it did not end within 120 s of SIGTERM:\n" + self.text()[-4000:])
        self.log.close()
        assert "ERROR: " not in self.text() and "runtime error:" not in self.text(), self.text()[-4000:]
        return status


class Sim(Process):
    """ambit-sim with one port a region."""

    def __init__(self, folder, regions, *options, name="sim"):
        self.ports = dict(zip(regions, free_ports(len(regions))))
        listen = [f"--listen={port}:{region}" for region, port in self.ports.items()]
        super().__init__(folder, name, [BUILD / "ambit-sim", *listen, *options])
        self.admin = f"http://127.0.0.1:{self.ports[regions[0]]}/sim"
        self.wait_for(f"{self.admin}/faults")

    def base(self, region):
        return f"http://127.0.0.1:{self.ports[region]}/v1"

    def fault(self, kind, region=None, **members):
        body = {"kind": kind, **({"region": region} if region else {}), **members}
        status, _, answer = call("POST", f"{self.admin}/faults", body)
        assert status == 200, answer

    def reset(self):
        call("POST", f"{self.admin}/reset", {})

    def requests(self):
        return call("GET", f"{self.admin}/log")[2]["requests"]

    def regions_reached(self):
        return [r["region"] for r in self.requests()]


class Gateway(Process):
    """`ambit serve`."""

    def __init__(self, folder, config, *options, scheme="http", trust=None):
        self.port, self.control_port = free_ports(2)
        self.config = folder / "ambit.yaml"
        self.config.write_text(config)
        self.data = folder / "data"
        command = [BUILD / "ambit", "serve", "--config", self.config, "--data-dir", self.data, "--workers", "2"]
        command += ["--port", str(self.port), "--control-port", str(self.control_port), *options]
        super().__init__(folder, "ambit", command, {"AMBIT_MASTER_KEY": KEY})
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.control_url = f"http://127.0.0.1:{self.control_port}"
        self.wait_for(f"{self.url}/health/ready", trust=trust)

    def send(self, method, path, body=None, headers=None, key=KEY):
        return call(method, self.url + path, body, {"Authorization": f"Bearer {key}", **(headers or {})})

    def manage(self, method, path, body=None, key=KEY):
        return call(method, self.control_url + path, body, {"Authorization": f"Bearer {key}"})

    def chat(self, model, key=KEY, **body):
        body = {"model": model, "messages": [{"role": "user", "content": "meaning of the universe?"}], **body}
        return self.send("POST", "/v1/chat/completions", body, key=key)

    def child(self, part):
        """The process id of "control" or "edge"."""
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
                words = (path.parent / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if parent == self.process.pid and words[1:2] == [part.encode()]:
                return int(path.parent.name)
        raise AssertionError(f"there is no {part}")

    def cli(self, *arguments):
        """(exit status, standard output, standard error) of an `ambit` command against this server."""
        env = {**os.environ, "AMBIT_API_KEY": KEY, "AMBIT_URL": self.control_url}
        done = subprocess.run([BUILD / "ambit", *arguments], env=env, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr


def endpoint(model, sim, region, provider="hosted_vllm", group=None, **more):
    """One line of a model_list."""
    params = {"model": f"{provider}/{model}", "api_base": sim.base(region), "region_name": region, **more}
    return json.dumps({"model_name": group or model, "litellm_params": params, "model_info": {"id": f"{group or model}-{region}"}})


def config_of(entries, more=""):
    return "model_list:\n" + "".join(f"  - {entry}\n" for entry in entries) + more
