"""Asleep: no process, and a request that comes wakes it, waits for it within its limits, and is answered."""

import pathlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "chaos"))

from planes import ENVIRONMENT, Planes  # noqa: E402

CALLERS = 30


@pytest.fixture
def make(tmp_path):
    made = []

    def of(**config):
        made.append(Planes(tmp_path, **config))
        made[0].client = httpx.Client(timeout=60, limits=httpx.Limits(max_connections=None), trust_env=False)
        return made[0]
    yield of
    for s in made:
        s.stop_hard()


class Watch(threading.Thread):
    """Every status that the deployments of the server have had, as often as one can ask."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.seen, self.goes_on = server, {}, True
        self.start()

    def run(self):
        while self.goes_on:
            for model in self.server.get("/v1/models")["models"]:
                for d in self.server.get(f"/v1/models/{model['id']}/deployments")["deployments"]:
                    had = self.seen.setdefault(d["id"], [])
                    if had[-1:] != [d["status"]]:
                        had.append(d["status"])

    def end(self):
        self.goes_on = False
        self.join(60)


def status_of(s, deployment):
    return s.deployment(s.model, deployment)["status"]


def sleeping(s, **package):
    """A deployment that another has followed in the environment: it sleeps at once."""
    first = s.deploy("v1", "--environment", ENVIRONMENT, **package)
    s.deploy("v2", "--environment", ENVIRONMENT)
    s.wait(lambda: status_of(s, first) == "SCALED_TO_ZERO" and s.replicas(s.model, first) == [])
    return first


def call_deployment(s, deployment, number):
    return s.call(s.host(s.model), f"/deployment/{deployment}/predict", {"number": number})


def all_at_once(n, call):
    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(call, range(n)))


def begin(pool, n, call):
    return [pool.submit(call, i) for i in range(n)]


def test_what_is_idle_sleeps_and_one_replica_wakes_for_all_who_ask(make):
    s = make()
    watch = Watch(s)
    deployment = s.deploy("v1", "--environment", ENVIRONMENT)
    s.settings(autoscaling_settings={"min_replica": 0, "scale_down_delay": 0})
    s.wait(lambda: status_of(s, deployment) == "SCALED_TO_ZERO")
    s.wait(lambda: not s.running())
    assert s.replicas(s.model, deployment) == [] or {r["status"] for r in s.replicas(s.model, deployment)} == {"GONE"}

    answers = all_at_once(CALLERS, lambda i: s.predict(s.model, ENVIRONMENT, {"number": i}))
    watch.end()
    assert [a.status_code for a in answers] == [200] * CALLERS, [a.text for a in answers if a.status_code != 200]
    assert [a.json()["number"] for a in answers] == list(range(CALLERS))
    assert len({a.json()["replica"] for a in answers}) == 1
    assert all(int(a.headers["x-ambit-held-ms"]) > 0 for a in answers)
    assert status_of(s, deployment) == "ACTIVE" and len(s.running()) == 1

    seen = watch.seen[deployment]
    assert "SCALED_TO_ZERO" not in seen[:seen.index("ACTIVE")] and seen.index("SCALED_TO_ZERO") > 0, seen
    assert s.stop() == 0


def test_a_fresh_deployment_is_never_said_to_sleep_before_it_was_active(make, tmp_path):
    s = make()
    watch = Watch(s)
    gate = tmp_path / "gate"
    s.deploy("v0", "--environment", ENVIRONMENT)
    s.settings(autoscaling_settings={"min_replica": 0, "scale_down_delay": 0})
    with ThreadPoolExecutor(1) as pool:
        push = pool.submit(s.deploy, "v1", "--environment", ENVIRONMENT, load="gated", gate=gate)
        s.wait(lambda: any("LOADING_MODEL" in had for had in list(watch.seen.values())[1:]))
        gate.touch()
        deployment = push.result(60)
    s.wait(lambda: "ACTIVE" in watch.seen[deployment])
    watch.end()
    for seen in watch.seen.values():
        assert "SCALED_TO_ZERO" not in seen[:seen.index("ACTIVE")], seen
        assert seen[0] in ("BUILDING", "DEPLOYING", "LOADING_MODEL"), seen
    assert s.stop() == 0


def test_no_more_wait_than_may(make, tmp_path):
    limit, too_many = 20, 10
    s = make(limits={"held_requests": limit})
    gate = tmp_path / "gate"
    gate.touch()
    deployment = sleeping(s, load="gated", gate=gate)
    gate.unlink()
    with ThreadPoolExecutor(limit + too_many) as pool:
        calls = begin(pool, limit + too_many, lambda i: call_deployment(s, deployment, i))
        s.wait(lambda: sum(c.done() for c in calls) == too_many)
        for refused in (c.result() for c in calls if c.done()):
            assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
            assert refused.json()["error_code"] == "model_not_ready" and "limits.held_requests" in refused.json()["error"]
        gate.touch()
        statuses = sorted(c.result().status_code for c in calls)
    assert statuses == [200] * limit + [503] * too_many
    assert s.stop() == 0


def test_who_waits_for_one_deployment_leaves_room_for_others(make, tmp_path):
    share, too_many = 5, 4
    s = make(limits={"held_requests_per_deployment": share, "held_requests": 2 * share})
    gate = tmp_path / "gate"
    gate.touch()
    stuck = sleeping(s, load="gated", gate=gate)
    other = s.deploy("v3", "--environment", ENVIRONMENT, load="gated", gate=gate)
    s.deploy("v4", "--environment", ENVIRONMENT)
    s.wait(lambda: status_of(s, other) == "SCALED_TO_ZERO")
    gate.unlink()
    with ThreadPoolExecutor(2 * share + too_many) as pool:
        calls = begin(pool, share + too_many, lambda i: call_deployment(s, stuck, i))
        s.wait(lambda: sum(c.done() for c in calls) == too_many)
        for refused in (c.result() for c in calls if c.done()):
            assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
            assert "limits.held_requests_per_deployment" in refused.json()["error"]
        others = begin(pool, share, lambda i: call_deployment(s, other, i))
        s.wait(lambda: status_of(s, other) == "WAKING_UP")
        gate.touch()
        assert [c.result().status_code for c in others] == [200] * share
        assert sorted(c.result().status_code for c in calls) == [200] * share + [503] * too_many
    assert s.stop() == 0


def test_nobody_waits_longer_than_the_timer(make, tmp_path):
    s = make(timers={"hold": "500ms"})
    gate = tmp_path / "gate"
    gate.touch()
    deployment = sleeping(s, load="gated", gate=gate)
    gate.unlink()
    refused = call_deployment(s, deployment, 1)
    assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
    assert refused.json()["error_code"] == "model_not_ready" and "timers.hold" in refused.json()["error"]
    assert status_of(s, deployment) == "WAKING_UP"  # it goes on waking
    gate.touch()
    s.wait(lambda: status_of(s, deployment) == "ACTIVE")
    assert call_deployment(s, deployment, 2).json()["number"] == 2
    assert s.stop() == 0


@pytest.mark.parametrize("way", ["host", "management"])
def test_wake(make, tmp_path, way):
    s = make()
    gate = tmp_path / "gate"
    gate.touch()
    deployment = sleeping(s, load="gated", gate=gate)
    gate.unlink()
    if way == "host":
        assert s.call(s.host(s.model), f"/deployment/{deployment}/wake", {}).status_code == 202
    else:
        assert s.change(f"/v1/models/{s.model}/deployments/{deployment}/wake", {}, "POST") == {"success": True}
    s.wait(lambda: status_of(s, deployment) == "WAKING_UP")
    gate.touch()
    s.wait(lambda: status_of(s, deployment) == "ACTIVE")
    assert len(s.ready(deployment, 1)) == 1
    # Until the gateway has heard of the replica too, a call waits for a moment.
    s.wait(lambda: "x-ambit-held-ms" not in call_deployment(s, deployment, 1).headers)
    assert s.stop() == 0
