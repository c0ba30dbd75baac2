"""A server with workload planes for a test: models are pushed with `ambit push`, called at their hosts, and run as real processes."""

import json
import pathlib
import random
import re
import time

import httpx
from world import KEY, ROOT, Gateway

EU, US = "scaleway-par-1", "aws-us-east-1"
TRUSS = ROOT / "examples" / "truss"
REPLICA_PORTS = 40


def planes_of(regions):
    """One process plane a region, each with ports of its own that nothing else is likely to use."""
    first = random.randrange(20000, 31000, REPLICA_PORTS)
    lines = [
        f"  - {{name: hall-{i}, region: {region}, first_port: {first + i * REPLICA_PORTS}, last_port: {first + (i + 1) * REPLICA_PORTS - 1}}}"
        for i, region in enumerate(regions)
    ]
    return "planes:\n" + "\n".join(lines) + "\n"


def config_of(regions=(EU, US), gateway_region=EU, more=""):
    return f"gateway: {{region: {gateway_region}}}\n" + planes_of(regions) + more


GROUPS = """environment_groups:
  - {name: prod-eu, region_rule: eu}
  - {name: prod-us, region_rule: us}
  - {name: prod-jp, region_rule: jp}
"""


class Server(Gateway):
    """`ambit serve` with planes."""

    def __init__(self, folder, config=None, *options, **more):
        super().__init__(folder, config or config_of(more=GROUPS), *options, **more)
        self.client = httpx.Client(timeout=60, headers={"Authorization": f"Api-Key {KEY}"}, trust_env=False)

    def stop(self):
        self.client.close()
        status = super().stop()
        assert not self.left_behind(), self.left_behind()
        return status

    def left_behind(self):
        """Processes that this server's replicas are, by the data directory that they were given."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes()
            except OSError:
                continue
            if str(self.data).encode() in words and int(path.parent.name) != self.process.pid:
                found.append((int(path.parent.name), words.replace(b"\0", b" ").decode()))
        return found

    def push(self, package, *options, status=0):
        """What `ambit push` printed as JSON."""
        code, out, err = self.cli("push", str(package), "--output", "json", *options)
        assert code == status, out + err + self.text()[-3000:]
        return json.loads(out) if status == 0 else out + err

    def host(self, model, environment=None, kind="model"):
        return f"{kind}-{model}" + (f"-{environment}" if environment else "") + ".localhost"

    def call(self, host, path, body=None, method="POST", key=KEY, **more):
        headers = {"Host": host, "Authorization": f"Api-Key {key}"}
        return self.client.request(method, self.url + path, json=body, headers=headers, **more)

    def predict(self, model, environment, body):
        return self.call(self.host(model, environment), "/predict", body)

    def get(self, path):
        status, _, answer = self.manage("GET", path)
        assert status == 200, answer
        return answer

    def environment(self, model, name):
        return self.get(f"/v1/models/{model}/environments/{name}")

    def deployment(self, model, deployment):
        return self.get(f"/v1/models/{model}/deployments/{deployment}")

    def replicas(self, model, deployment):
        return self.get(f"/v1/models/{model}/deployments/{deployment}/replicas")["replicas"]

    def wait(self, what, seconds=60):
        """Until what() is true; its value."""
        end = time.monotonic() + seconds
        while not (value := what()):
            assert time.monotonic() < end, "it did not come to pass\n" + self.text()[-4000:]
            time.sleep(0.05)
        return value


def package(folder, name, model_py, **config):
    """A Truss package of a test's own."""
    root = folder / name
    (root / "model").mkdir(parents=True)
    (root / "model" / "model.py").write_text(model_py)
    (root / "config.yaml").write_text(json.dumps({"model_name": name, **config}))
    return root


def words_of(text):
    return set(re.findall(r"[a-z0-9-]+", text))
