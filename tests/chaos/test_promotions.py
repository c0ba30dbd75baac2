"""Promotions while requests come: none fails, answers change once, and what failed or was cancelled has never been."""

import http.client
import os
import socket
import threading
import time

import pytest
from planes import ENVIRONMENT, Planes
from websockets.sync.client import connect
from world import KEY

SECONDS = float(os.environ.get("PROMOTION_SECONDS", "12"))
RATE = 200


@pytest.fixture
def server(tmp_path):
    made = []

    def make(**config):
        made.append(Planes(tmp_path, **config))
        return made[-1]
    yield make
    for s in made:
        s.stop_hard()


class Stream(threading.Thread):
    """One answer that lasts until a file is there."""

    def __init__(self, server, host, path, until):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        self.connection.request("POST", path, f'{{"stream_until": "{until}"}}', {"Host": host, "Authorization": f"Api-Key {KEY}"})
        self.answer = self.connection.getresponse()
        self.text = self.answer.readline().decode()  # it has begun
        self.start()

    def run(self):
        self.text += self.answer.read().decode()


def open_socket(s):
    """A WebSocket on the regional host."""
    return connect(f"ws://{s.host(s.model, ENVIRONMENT)}:{s.port}/websocket", sock=socket.create_connection(("127.0.0.1", s.port)),
                   additional_headers={"Authorization": f"Api-Key {KEY}"}, proxy=None, open_timeout=60)


def what_stays(s, deployment):
    """What a promotion that fails must leave as it was."""
    now = s.here()
    d = s.deployment(s.model, deployment)
    replicas = s.ready(deployment, 2)
    return (now["current_deployment"]["id"], now["autoscaling_settings"], now["promotion_settings"], d["autoscaling_settings"], d["status"],
            replicas, {r: frozenset(s.running()[r]) for r in replicas})


def nothing_is_left_of(s, deployment):
    s.wait(lambda: not [r for r in s.replicas(s.model, deployment) if r["status"] != "GONE"])
    s.at_rest()


def judge(flow, marks):
    """No request has failed; versions on one connection, and so at one worker, never go back; and what was sent after a version was in force
    everywhere has it, or a later one."""
    assert flow.failures() == [], (len(flow.failures()), flow.failures()[:5])
    order = [version for version, _ in marks]
    last = {}
    for o in sorted(flow.outcomes, key=lambda o: o.ended_at):
        at = order.index(o.said["version"])
        assert at >= last.get(o.connection, 0), o
        last[o.connection] = at
        assert all(at >= i for i, (_, since) in enumerate(marks) if o.sent_at > since), (o, marks)
    assert {o.said["version"] for o in flow.outcomes} == set(order)
    for host, path in flow.targets:
        assert {o.said["version"] for o in flow.outcomes if o.host == host} == set(order)


def succeeds(s, deployment):
    """Redeployed, and in its environment; the id of the new deployment."""
    s.promote(deployment)
    promotion = s.settled()
    assert promotion["status"] == "SUCCEEDED" and promotion["redeployed"], promotion
    new = promotion["candidate_deployment_id"]
    assert new != deployment and s.here()["current_deployment"]["id"] == new
    return new


def fails(s, deployment):
    s.promote(deployment)
    promotion = s.settled()
    assert promotion["status"] == "FAILED" and "the weights are not there" in promotion["error_message"], promotion
    nothing_is_left_of(s, promotion["candidate_deployment_id"])


def is_cancelled(s, deployment, other):
    """While its replicas load; and there is room for one promotion only."""
    candidate = s.promote(deployment)["id"]
    s.wait(lambda: [r["status"] for r in s.replicas(s.model, candidate)] == ["STARTING"] * 2)
    assert s.manage("POST", f"/v1/models/{s.model}/environments/{ENVIRONMENT}/promote", {"deployment_id": other})[0] == 409
    s.change(f"/v1/models/{s.model}/environments/{ENVIRONMENT}/cancel_promotion", {}, "POST")
    assert s.settled()["status"] == "CANCELED"
    nothing_is_left_of(s, candidate)


def what_began_ends(s, streams, ws, done, old):
    """Streams and a socket that began on the replicas `old` go on there, for as long as they like."""
    ws.send("two")
    assert ws.recv(60) == "v1 two"
    assert set(s.running()) >= old
    done.touch()
    for stream in streams:
        stream.join(60)
        *lines, end = stream.text.splitlines()
        assert end == "end" and len(set(lines)) == 1 and lines[0].startswith("v1 "), stream.text[-200:]
    s.wait(lambda: len(old & set(s.running())) == 1)  # that of the socket
    ws.send("three")
    assert ws.recv(60) == "v1 three"
    ws.close()
    assert ws.close_code == 1000
    s.wait(lambda: not old & set(s.running()))


def test_promotions_under_load_fail_no_request(server, tmp_path):
    s = server()
    done = tmp_path / "done"
    first = s.deploy("v1", "--environment", ENVIRONMENT)
    s.settings(autoscaling_settings={"min_replica": 2, "max_replica": 2}, promotion_settings={"redeploy_on_promotion": True})
    old = s.ready(first, 2)
    second, raises, waits = s.deploy("v2"), s.deploy("v3", load="raises"), s.deploy("v4", load="waits", gate=tmp_path / "never")
    began = time.monotonic()
    with s.flow(RATE) as flow, open_socket(s) as ws:
        flow.served(20)
        streams = [Stream(s, s.host(s.model), f"/environments/{ENVIRONMENT}/predict", done), Stream(s, s.host(s.model, ENVIRONMENT), "/predict", done)]
        ws.send("one")
        assert ws.recv(60) == "v1 one"

        new = succeeds(s, second)
        marks = [("v1", began), ("v2", s.everywhere())]
        before = what_stays(s, new)
        what_began_ends(s, streams, ws, done, old)
        assert s.deployment(s.model, first)["status"] == "SCALED_TO_ZERO"
        fails(s, raises)
        assert what_stays(s, new) == before
        is_cancelled(s, waits, second)
        assert what_stays(s, new) == before

        pushed = s.push(s.package("v5"), "--environment", ENVIRONMENT, "--wait")
        marks.append(("v5", s.everywhere()))
        assert s.here()["current_deployment"]["id"] == pushed["deployment_id"]
        nothing_is_left_of(s, new)
        flow.served(20)
        while time.monotonic() < began + SECONDS:
            flow.served(RATE)
    judge(flow, marks)
    print(f"{len(flow.outcomes)} requests on {flow.connections} connections in {time.monotonic() - began:.0f} s, none failed")
    assert s.stop() == 0
