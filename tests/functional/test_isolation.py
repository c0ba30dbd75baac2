"""Packages as a user of their own: what they reach of Ambit, which is what they need and no more. Root alone can start them so."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest
from regional import GROUPS, Server, config_of, package
from replica import is_alive
from world import BUILD, ROOT

USER = 65534  # nobody
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts processes of another user")

PRIVILEGES = (ROOT / "docs/planes.md").read_text().split("| privilege of Ambit |")[1].split("\n\n")[0]

# What a package sees, as JSON to whoever asks; it starts where it is told and needs nothing but the interpreter.
PROBE = r"""
import http.server, json, os, pathlib

def attempt(what):
    try:
        what()
        return "done"
    except OSError as error:
        return type(error).__name__

def read(path):
    return attempt(lambda: open(path, "rb").read(1))

def write(path):
    return attempt(lambda: open(path, "ab").close())

def who():
    status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
    return {"uids": status["Uid"].split(), "gids": status["Gid"].split(), "groups": status["Groups"].split(), "caps": status["CapPrm"] + status["CapEff"] + status["CapInh"],
            "no_new_privs": status["NoNewPrivs"], "home": os.environ["HOME"]}

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer({"who": who(), "read": {p: read(p) for p in asked["read"]}, "list": {p: attempt(lambda: os.listdir(p)) for p in asked["list"]},
                     "write": {p: write(p) for p in asked["write"]}, "kill": {p: attempt(lambda: os.kill(p, 0)) for p in asked["kill"]}})

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

if os.fork() == 0:
    os.setsid()
    __import__("time").sleep(3600)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


# How a library is built that needs nothing to be built: by code of its own, which notes who runs it.
BACKEND = """
import os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "who_built-1-py3-none-any.whl"
    info = "who_built-1.dist-info/"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("who_built.py", f"UID = {os.getuid()}")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: who-built\\nVersion: 1\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""


def can_be_run_by_user(python):
    try:
        return subprocess.run([python, "-S", "-c", ""], user=USER, group=USER, extra_groups=[], cwd="/", capture_output=True).returncode == 0
    except OSError:
        return False


def interpreter():
    found = [p for p in (sys.executable, "/usr/bin/python3") if can_be_run_by_user(p)]
    if not found:
        pytest.skip("no Python that nobody may execute")
    return found[0]


@pytest.fixture
def folder():
    """One that others can enter, as they can /var/lib; pytest's are closed to them."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="ambit-isolation-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def config(user, **more):
    text = config_of(more=GROUPS)
    return text.replace("last_port: ", f"user: {user}, last_port: ") + (json.dumps(more)[1:-1] + "\n" if more else "")


def probe_package(folder, name="probe"):
    root = folder / name
    root.mkdir()
    (root / "probe.py").write_text(PROBE)
    server = {"start_command": f"exec {interpreter()} -S probe.py $PORT", "server_port": 8000, "predict_endpoint": "/predict", "readiness_endpoint": "/ready",
              "liveness_endpoint": "/alive"}
    (root / "config.yaml").write_text(json.dumps({"model_name": name, "docker_server": server}))
    return root


def uids_of(pid):
    return next(line for line in open(f"/proc/{pid}/status") if line.startswith("Uid:")).split()[1:]


def workloads(server):
    """Processes of the user that were started for replicas of this server."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(server.data).encode() in path.read_bytes() and uids_of(path.parent.name) == [str(USER)] * 4:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def deploy(server, package):
    pushed = server.push(package, "--environment", "prod-eu", "--wait")
    assert pushed["status"] == "ACTIVE", pushed
    return pushed


def ask(server, pushed, **asked):
    answer = server.predict(pushed["model_id"], "prod-eu", {"read": [], "list": [], "write": [], "kill": []} | asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


class Contained(Server):
    """As in a container: without CAP_SYS_PTRACE even root does not see everything of another user's process."""

    def start(self):
        if self.command[0] != "setpriv":
            self.command = ["setpriv", "--bounding-set=-sys_ptrace", *self.command]
        super().start()


class Capable(Server):
    """Not root, but with what docs/planes.md says that it takes."""

    def start(self):
        if self.command[0] != "setpriv":
            capabilities = ",".join(f"+{name}" for name in re.findall(r"`?CAP_([A-Z_]+)`", PRIVILEGES)).lower()
            shutil.chown(self.folder, "daemon", "daemon")
            self.command = ["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", f"--inh-caps=-all,{capabilities}", f"--ambient-caps={capabilities}", *self.command]
        super().start()

    def __init__(self, folder, *arguments):
        self.folder = folder
        super().__init__(folder, *arguments)


@pytest.mark.parametrize("kind", [Server, Contained, Capable])
def test_a_package_reaches_nothing_of_ambit(folder, kind):
    server = kind(folder, config("nobody"))
    try:
        first, other = deploy(server, probe_package(folder)), deploy(server, probe_package(folder, "other"))
        data, control = server.data, server.child("control")
        replicas = [r.name for r in (data / "replicas").iterdir()]
        shims = [int((data / "replicas" / r / "pid").read_text()) for r in replicas]
        secret = [p for p in data.iterdir() if p.name not in ("deployments", "replicas")]
        secret += [p for r in (data / "replicas").iterdir() for p in r.iterdir() if p.is_file()]
        assert {"control.db", "store.key"} <= {p.name for p in secret}, secret
        processes = [server.process.pid, control, server.child("edge"), *shims]
        own = data / "deployments" / first["deployment_id"] / "package"
        others = data / "deployments" / other["deployment_id"] / "package"
        said = ask(server, first, read=[str(p) for p in secret] + [f"/proc/{p}/{f}" for p in processes for f in ("environ", "mem", "maps")],
                   list=[str(data), str(data / "deployments"), str(data / "replicas"), *[f"/proc/{p}/fd" for p in processes]],
                   write=[str(own / "probe.py"), str(own / "new"), str(others / "probe.py"), str(others.parent / "new"), str(data / "new")], kill=processes)
        number = str(USER)
        assert said["who"]["uids"] == [number] * 4 and said["who"]["gids"] == [number] * 4 and said["who"]["groups"] == []
        assert set(said["who"]["caps"]) == {"0"} and said["who"]["no_new_privs"] == "1"
        for act in ("read", "list", "write", "kill"):
            assert said[act] and set(said[act].values()) == {"PermissionError"}, {p: r for p, r in said[act].items() if r != "PermissionError"}
        home = pathlib.Path(said["who"]["home"])
        assert home.parent.parent == data / "replicas" and home.stat().st_uid == USER and home.stat().st_mode & 0o777 == 0o700
        environment = str(home.parent / "config" / "environment")
        assert ask(server, first, read=[environment, str(own / "probe.py")], write=[str(home / "cache")]).items() >= {
            "read": {environment: "done", str(own / "probe.py"): "done"}, "write": {str(home / "cache"): "done"}}.items()

        # What a killed companion leaves is found and ended.
        before = workloads(server)
        assert len(before) >= 4
        for shim in shims:
            os.kill(shim, signal.SIGKILL)
        server.wait(lambda: not any(is_alive(p) for p in before))
        server.wait(lambda: any(r["status"] == "READY" and r["id"] not in replicas for r in server.replicas(first["model_id"], first["deployment_id"])))
        left = workloads(server)
        assert left
    finally:
        server.stop()
    assert not any(is_alive(p) for p in left)


def test_a_build_runs_as_the_user_and_what_it_made_stays(folder):
    runner = ROOT / "runner"
    if not can_be_run_by_user(runner / ".venv/bin/python"):
        pytest.skip("the runner's Python is closed to nobody")
    server = Server(folder, config("nobody"))
    try:
        root = package(folder, "builder", "import os, who_built\nclass Model:\n    def predict(self, i):\n        return {'uid': os.getuid(), 'built_by': who_built.UID, 'file': who_built.__file__}\n",
                       requirements=["./library"])
        library = root / "library"
        library.mkdir()
        (library / "pyproject.toml").write_text('[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
        (library / "backend.py").write_text(BACKEND)
        said = server.predict(deploy(server, root)["model_id"], "prod-eu", {}).json()
        assert said["uid"] == USER and said["built_by"] == USER
        [deployment] = (server.data / "deployments").iterdir()
        made = [p for p in deployment.rglob("*") if not p.is_symlink()]
        assert pathlib.Path(said["file"]) in made
        assert {p.stat().st_uid for p in made} == {0} and not [p for p in made if p.stat().st_mode & 0o022]
        assert not (deployment / "home").exists()
    finally:
        server.stop()


def test_a_reload_gives_a_plane_another_user(folder):
    server = Server(folder, config("nobody"))
    try:
        pushed = deploy(server, probe_package(folder))
        assert set(ask(server, pushed)["who"]["uids"]) == {str(USER)}
        [replica] = server.replicas(pushed["model_id"], pushed["deployment_id"])
        server.config.write_text(server.config.read_text().replace("user: nobody", "user: daemon"))
        code, out, err = server.cli("reload")
        assert code == 0, out + err
        server.wait(lambda: server.cli("deployments", "terminate", "probe", pushed["deployment_id"], replica["id"])[0] == 0)
        server.wait(lambda: [r["status"] for r in server.replicas(pushed["model_id"], pushed["deployment_id"]) if r["id"] != replica["id"]] == ["READY"])
        assert set(ask(server, pushed)["who"]["uids"]) == {"1"}
    finally:
        server.stop()


def test_a_user_who_cannot_enter_is_no_reason_to_run_as_root(folder):
    folder.chmod(0o700)
    server = Server(folder, config("nobody"))
    try:
        refused = server.push(probe_package(folder), "--environment", "prod-eu", "--wait", status=1)
        assert "nobody" in refused and "cannot enter" in refused and "closed to others" in refused, refused
        assert "plane_failed" in server.text() and not workloads(server)
        assert not [p for p, words in server.left_behind() if "ambit replica" in words]
    finally:
        server.stop()


def test_packages_as_root_are_warned_of(folder):
    path = folder / "ambit.yaml"
    path.write_text(config_of())
    said = subprocess.run([BUILD / "ambit", "check", "--config", path], capture_output=True, text=True).stdout
    assert "packages run as root on the plane hall-0" in said and "0 errors, 2 warnings" in said
    path.write_text(config("nobody"))
    said = subprocess.run([BUILD / "ambit", "check", "--config", path], capture_output=True, text=True).stdout
    assert "0 errors, 0 warnings" in said, said
