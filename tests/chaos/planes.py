"""A server whose replicas are real processes, with what chaos wants to know of them: which there are, by /proc, and which the API says there are."""

import contextlib
import json
import os
import pathlib
import random
import select
import shutil
import signal
import sqlite3
import sys
import time

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "functional"))

from regional import EU, Server  # noqa: E402
from world import KEY  # noqa: E402

from flow import Flow  # noqa: E402

ENVIRONMENT = "prod-eu"
PORTS = 400
ENDED = ("SUCCEEDED", "FAILED", "CANCELED")
STATUSES = ("BUILDING", "BUILD_FAILED", "BUILD_STOPPED", "DEPLOYING", "DEPLOY_FAILED", "LOADING_MODEL", "ACTIVE", "UNHEALTHY", "UPDATING",
            "SCALED_TO_ZERO", "WAKING_UP", "DEACTIVATING", "INACTIVE", "FAILED")


def plane(name, first_port, region=EU):
    return {"name": name, "region": region, "first_port": first_port, "last_port": first_port + PORTS - 1}


def config_of(planes, more):
    return json.dumps({"gateway": {"region": EU}, "planes": planes, "environment_groups": [{"name": ENVIRONMENT, "region_rule": "eu"}], **more})


def words_of(pid, what):
    """The NUL-separated words of /proc/PID/cmdline or environ; none if it has ended or is a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/{what}").read_bytes().split(b"\0")
    except OSError:
        return []


class Planes(Server):
    def __init__(self, folder, *options, **config):
        self.folder = folder
        self.first_port = random.randrange(11000, 30000, PORTS)
        self.planes, self.more = [plane("hall", self.first_port)], config
        super().__init__(folder, config_of(self.planes, config), *options)

    # --- deploying

    def package(self, version, load="", gate="", name="model", **config):
        """A package of model_server.py."""
        root = self.folder / f"package-{version}"
        root.mkdir()
        shutil.copy(HERE / "model_server.py", root)
        variables = {"VERSION": version, "LOAD": load, "GATE": str(gate)}
        server = {"start_command": f"exec {sys.executable} -S model_server.py $PORT", "server_port": 8000, "predict_endpoint": "/predict",
                  "readiness_endpoint": "/ready", "liveness_endpoint": "/alive"}
        (root / "config.yaml").write_text(json.dumps({"model_name": name, "docker_server": server, "environment_variables": variables, **config}))
        return root

    def deploy(self, version, *options, **package):
        """Its deployment's id, which stands alone and is awake."""
        pushed = self.push(self.package(version, **package), "--wait", *options)
        self.model = pushed["model_id"]
        return pushed["deployment_id"]

    def change(self, path, body, method="PATCH", status=200):
        code, _, answer = self.manage(method, path, body)
        assert code == status, answer
        return answer

    def settings(self, **sections):
        self.change(f"/v1/models/{self.model}/environments/{ENVIRONMENT}", sections)

    def promote(self, deployment, **more):
        path = f"/v1/models/{self.model}/environments/{ENVIRONMENT}/promote"
        return self.change(path, {"deployment_id": deployment, **more}, "POST")

    def here(self):
        return self.environment(self.model, ENVIRONMENT)

    def promotions(self):
        return self.get(f"/v1/models/{self.model}/environments/{ENVIRONMENT}/promotions")["promotions"]

    def settled(self):
        """The last promotion, once none is in progress."""
        def ended():
            now = self.here()
            return not now["in_progress_promotion"] and now["last_promotion"]
        promotion = self.wait(ended, 90)
        assert promotion["status"] in ENDED, promotion
        return promotion

    def ready(self, deployment, n):
        """Its replicas by id, once there are just these and they are ready."""
        def all_ready():
            now = self.replicas(self.model, deployment)
            return len(now) == n and all(r["status"] == "READY" for r in now) and {r["id"] for r in now}
        return self.wait(all_ready)

    def flow(self, rate, **more):
        """To the environment, by its standard and its regional host."""
        targets = [(self.host(self.model), f"/environments/{ENVIRONMENT}/predict"), (self.host(self.model, ENVIRONMENT), "/predict")]
        return Flow(self.port, KEY, targets, rate, **more)

    def everywhere(self):
        """A policy write has been answered: whatever was in force before it binds all that is sent from now on."""
        self.change("/customer/new", {"user_id": f"barrier-{time.monotonic_ns()}"}, "POST")
        return time.monotonic()

    def add_plane(self):
        """Under the file that is in force, as an editor should: it is there whole or not at all."""
        self.planes.append(plane("annex", self.first_port + PORTS))
        fresh = self.folder / "ambit.new"
        fresh.write_text(config_of(self.planes, self.more))
        fresh.rename(self.config)
        self.change("/v1/reload", {}, "POST")

    # --- processes

    def running(self):
        """{replica: process ids} of what this server's replicas are: companions by their folder, the rest by their environment."""
        found, data = {}, str(self.data).encode()
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            pid = int(path.name)
            words = words_of(pid, "cmdline")
            if words[1:2] == [b"replica"] and any(word.startswith(data) for word in words):
                folder = words[words.index(b"--folder") + 1]
                found.setdefault(pathlib.PurePath(os.fsdecode(folder)).name, set()).add(pid)
                continue
            variables = dict(word.partition(b"=")[::2] for word in words_of(pid, "environ"))
            if variables.get(b"APP_HOME", b"").startswith(data) and b"AMBIT_REPLICA_ID" in variables:
                found.setdefault(variables[b"AMBIT_REPLICA_ID"].decode(), set()).add(pid)
        return found

    def companion(self, replica):
        return next(pid for pid in self.running()[replica] if words_of(pid, "cmdline")[1:2] == [b"replica"])

    def package_process(self, replica):
        return next(pid for pid in self.running()[replica] if words_of(pid, "cmdline")[1:2] != [b"replica"])

    def deployments(self):
        return self.get(f"/v1/models/{self.model}/deployments")["deployments"]

    def known(self):
        """{replica: status} that the API tells, of all deployments."""
        return {r["id"]: r["status"] for d in self.deployments() for r in self.replicas(self.model, d["id"]) if r["status"] != "GONE"}

    def at_rest(self):
        """Nothing starts or stops any more, and the replicas of the API are the processes that there are."""
        def same():
            known = self.known()
            return set(known.values()) <= {"READY"} and set(self.running()) == set(known)
        self.wait(same, 90)

    # --- what is written down

    def told(self):
        """What the API says of everything that outlives a restart. Replicas that are GONE are let go of within seconds."""
        deployments = self.deployments()
        return {"deployments": deployments, "environments": self.get(f"/v1/models/{self.model}/environments"), "promotions": self.promotions(),
                "replicas": {d["id"]: [r for r in self.replicas(self.model, d["id"]) if r["status"] != "GONE"] for d in deployments}}

    def stored(self):
        """{kind: {key: object}} of the store, of which control is the only reader while it runs."""
        copy = self.folder / "copy"
        copy.mkdir()
        for path in self.data.glob("control.db*"):
            shutil.copy(path, copy)
        db = sqlite3.connect(copy / "control.db")
        kinds = {}
        for kind, key, body in db.execute("SELECT kind, key, body FROM objects"):
            kinds.setdefault(kind, {})[key] = json.loads(body)
        db.close()
        shutil.rmtree(copy)
        return kinds

    # --- ends

    def kill(self, part):
        """As soon as there is one: it may have been killed a moment ago."""
        end = time.monotonic() + 30
        while True:
            try:
                return os.kill(self.child(part), signal.SIGKILL)
            except (AssertionError, ProcessLookupError):
                assert time.monotonic() < end, self.text()[-4000:]
                time.sleep(0.01)

    def kill_server(self):
        """Supervisor, control and edge at once, as power loss would have it; replicas live on."""
        parts = [os.pidfd_open(pid) for pid in [self.process.pid, self.child("control"), self.child("edge")]]
        for part in parts:
            with contextlib.suppress(ProcessLookupError):  # the others go with the supervisor, and may have
                signal.pidfd_send_signal(part, signal.SIGKILL)
        for part in parts:  # until they are dead they hold the ports
            select.select([part], [], [])
            os.close(part)
        self.process.wait()

    def start_again(self):
        self.start()
        self.wait_for(f"{self.url}/health/ready")

    def stop(self):
        status = super().stop()
        assert not self.running(), self.running()
        return status

    def stop_hard(self):
        """After a test that failed: nothing of it goes on."""
        for pid in [self.process.pid, *(pid for pids in self.running().values() for pid in pids)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
