"""A runner as the process plane starts it: a process with a port and an environment, whose stdout is the log."""

import json
import os
import signal
import socket
import subprocess
import textwrap
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BASE_PYTHON = ROOT / "runner/.venv/bin/python"
PATIENCE = 60
PREDICT = "/v1/models/model:predict"


def until(condition, what):
    """Waits for a condition, never for a time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"in vain: {what}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def command(*arguments):
    """The command and environment with which the runner's own Python runs it."""
    return [str(BASE_PYTHON), "-m", "ambit_runner", *map(str, arguments)], {**os.environ, "PYTHONPATH": str(ROOT / "runner")}


def run_build(package, venv, **environ):
    words, env = command("build", package, venv)
    return subprocess.run(words, env={**env, **environ}, capture_output=True, text=True, timeout=PATIENCE)


class Runner:
    def __init__(self, python, package, folder, environ, unread=False):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = folder / "log"
        self.dynamic = folder / "dynamic"
        self.dynamic.mkdir(exist_ok=True)
        env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        env |= {"PORT": str(self.port), "B10_DYNAMIC_CONFIG_DIR": str(self.dynamic), "AMBIT_ENVIRONMENT_POLL_SECONDS": "0.02"}
        env |= environ
        with open(self.log_path, "wb") as log:
            words = [str(python), "-m", "ambit_runner", "serve", str(package)]
            self.process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE if unread else log, stderr=subprocess.STDOUT, cwd=folder)
        if unread:
            self.process.stdout.close()
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)

    def log(self):
        return self.log_path.read_text()

    def lines(self):
        """The lines that the runner wrote, as opposed to the model's."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith('{"level"')]

    def says(self, text):
        return until(lambda: text in self.log(), f"{text!r} in the log:\n{self.log()}")

    def status(self, path="/v1/models/model"):
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return None

    def listening(self):
        until(lambda: self.status("/") == 200 or self.process.poll() is not None, "a listening runner")
        assert self.process.poll() is None, self.log()
        return self

    def ready(self):
        until(lambda: self.status() == 200 or self.process.poll() is not None, f"a ready runner:\n{self.log()}")
        assert self.process.poll() is None, self.log()
        return self

    def predict(self, value, **more):
        return self.http.post(PREDICT, json=value, **more)

    def metric(self, name):
        """None before it is there: a counter appears with its first count."""
        found = [line for line in self.http.get("/metrics").text.splitlines() if line.startswith(name + " ")]
        return float(found[0].rpartition(" ")[2]) if found else None

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def ended(self):
        return self.process.wait(timeout=PATIENCE)

    def close(self):
        self.http.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """An environment without requirements, as `build` makes it."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "config.yaml").write_text("model_name: plain\n")
    built = run_build(folder, folder / "venv")
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "venv/bin/python"


def write_package(folder, model=None, config="", files=None):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(textwrap.dedent(config))
    files = dict(files or {})
    if model is not None:
        files["model/model.py"] = model
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder


@pytest.fixture
def start(python, tmp_path):
    """start(model source, config=..., files=..., environment=..., NAME=value...): a runner that is stopped with the test."""
    runners = []

    def begin(model=None, config="", files=None, package=None, environment=None, interpreter=None, unread=False, **environ):
        folder = tmp_path / f"runner{len(runners)}"
        folder.mkdir(exist_ok=True)
        package = package or write_package(folder / "package", model, config, files)
        if environment is not None:
            (folder / "dynamic").mkdir()
            (folder / "dynamic/environment").write_text(json.dumps(environment))
        runners.append(Runner(interpreter or python, package, folder, environ, unread))
        return runners[-1]

    yield begin
    for runner in runners:
        runner.close()
