"""Kills where replicas run: control during promotions, the whole server, companions, packages. Each promotion ends as documented, no process is
left without an owner, and requests are served all the while; only those in flight in what was killed may be lost."""

import os
import random
import signal
import threading
import time

import pytest
from planes import ENVIRONMENT, ENDED, STATUSES, Planes
from world import call

KILLS = int(os.environ.get("PROMOTION_KILLS", "6"))
SEED = int(os.environ.get("PROMOTION_SEED", "0")) or random.randrange(1, 1 << 31)
RATE = 50
LONGEST = 1.6  # seconds after its beginning that a promotion may meet a kill: a build, a start, the first check, the swap


@pytest.fixture
def server(tmp_path):
    s = Planes(tmp_path)
    yield s
    s.stop_hard()


def patient(s, method, path, body=None):
    """A management call whose answer a kill may take: (status, answer), or (0, None)."""
    try:
        return call(method, s.control_url + path, body, {"Authorization": f"Bearer {s.env['AMBIT_MASTER_KEY']}"})[::2]
    except OSError:
        return 0, None


def kill_control(s, after):
    """By a thread of its own, so that it may come in the middle of a call."""
    def kill():
        time.sleep(after)
        s.kill("control")
    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def check_store(told, stored):
    """What the store holds is what the API has said."""
    assert {d["id"]: d["status"] for d in told["deployments"]} == {key: d["status"] for key, d in stored["deployment"].items()}
    assert {p["id"]: p["status"] for p in told["promotions"]} == {key: p["status"] for key, p in stored["promotion"].items()}
    assert {e["name"]: e["current_deployment"] and e["current_deployment"]["id"] for e in told["environments"]["environments"]} == {
        e["name"]: e["current"] or None for e in stored["environment"].values()}
    replicas = {r["id"]: r["status"] for rows in told["replicas"].values() for r in rows}
    assert replicas == {key: r["state"] for key, r in stored["replica"].items() if r["state"] != "GONE"}


def test_control_is_killed_during_promotions(server):
    s, rng = server, random.Random(SEED)
    print(f"PROMOTION_SEED={SEED}")
    deployments = [s.deploy("v1", "--environment", ENVIRONMENT), s.deploy("v2")]
    s.settings(promotion_settings={"redeploy_on_promotion": True}, autoscaling_settings={"scale_down_delay": 3600})
    path = f"/v1/models/{s.model}/environments/{ENVIRONMENT}"
    ended = {status: 0 for status in ENDED}
    killed = refused = 0
    with s.flow(RATE) as flow:
        for i in range(KILLS):
            seen = {p["id"] for p in s.promotions()}
            killers = [kill_control(s, rng.uniform(0, LONGEST)) for _ in range(rng.choice((1, 1, 2)))]
            status, _ = patient(s, "POST", f"{path}/promote", {"deployment_id": deployments[i % 2]})
            if rng.random() < 0.3:
                time.sleep(rng.uniform(0, LONGEST / 2))
                patient(s, "POST", f"{path}/cancel_promotion", {})
            for killer in killers:
                killer.join()
            killed += len(killers)
            s.settled()
            new = [p for p in s.promotions() if p["id"] not in seen]
            assert len(new) == 1 if status == 200 else len(new) <= 1, (status, new)
            refused += not new
            for promotion in new:
                ended[promotion["status"]] += 1
                assert promotion["status"] != "FAILED", promotion
                current = s.here()["current_deployment"]["id"]
                assert (current == promotion["candidate_deployment_id"]) == (promotion["status"] == "SUCCEEDED")
            assert {d["status"] for d in s.deployments()} <= set(STATUSES)
        s.at_rest()
        flow.served(RATE)
    assert flow.failures() == [], flow.failures()[:5]
    before, processes = s.told(), s.running()
    s.kill_server()
    check_store(before, s.stored())
    s.start_again()
    after = s.told()
    assert [pair for pair in zip(before["deployments"], after["deployments"]) if pair[0] != pair[1]] == []
    assert after == before and s.running() == processes
    print(f"{killed} kills, promotions: {ended}, {refused} never begun; {len(flow.outcomes)} requests, none failed")
    assert s.stop() == 0


def test_the_whole_server_is_killed_and_comes_back(server):
    s, rng = server, random.Random(SEED)
    print(f"PROMOTION_SEED={SEED}")
    deployments = [s.deploy("v1", "--environment", ENVIRONMENT), s.deploy("v2")]
    s.settings(autoscaling_settings={"min_replica": 2, "max_replica": 2}, promotion_settings={"redeploy_on_promotion": True})
    current = deployments[0]
    for i in range(3):
        before = s.ready(current, 2)
        s.promote(deployments[(i + 1) % 2])
        one_more_dies = i == 1
        time.sleep(rng.uniform(0, 0.3 if one_more_dies else LONGEST))  # no check has been made by then: both deployments run
        s.kill_server()
        if one_more_dies:  # and takes its package along
            lost = rng.choice(sorted(before))
            os.kill(s.companion(lost), signal.SIGKILL)
            s.wait(lambda: not s.running().get(lost))
        s.start_again()
        assert s.settled()["status"] == "SUCCEEDED"
        s.at_rest()
        current = s.here()["current_deployment"]["id"]
        answer = s.predict(s.model, ENVIRONMENT, {"number": i})
        assert answer.status_code == 200 and answer.json()["deployment"] == current, answer.text

    # With nothing under way the very same processes serve on, unless they have died meanwhile.
    replicas = sorted(s.ready(current, 2))
    processes = s.running()
    s.kill_server()
    os.kill(s.companion(replicas[0]), signal.SIGKILL)
    s.start_again()
    s.wait(lambda: replicas[0] not in s.known())
    assert replicas[1] in s.ready(current, 2)
    s.at_rest()
    assert s.running()[replicas[1]] == processes[replicas[1]]
    assert s.stop() == 0


@pytest.mark.parametrize("victim", ["companion", "package_process"])
def test_a_replica_is_killed_and_replaced(server, victim):
    s = server
    current = s.deploy("v1", "--environment", ENVIRONMENT)
    s.settings(autoscaling_settings={"min_replica": 2, "max_replica": 2})
    s.ready(current, 2)
    lost = 0
    with s.flow(RATE, pause=0.05) as flow:
        for _ in range(3):
            flow.served(RATE // 2)
            replicas = s.ready(current, 2)
            chosen = random.choice(sorted(replicas))
            pid, begun = getattr(s, victim)(chosen), time.monotonic()
            os.kill(pid, signal.SIGKILL)
            killed = time.monotonic()
            s.wait(lambda: chosen not in s.known())
            assert chosen not in s.ready(current, 2)
            s.at_rest()
            flow.served(RATE // 2)
            failures = flow.failures()
            assert [o for o in failures[lost:] if o.sent_at > killed or o.ended_at < begun] == []
            lost = len(failures)
    print(f"{len(flow.outcomes)} requests, {lost} lost")
    assert s.stop() == 0


def test_control_is_killed_while_the_server_stops(server):
    s, rng = server, random.Random(SEED)
    print(f"PROMOTION_SEED={SEED}")
    current = s.deploy("v1", "--environment", ENVIRONMENT)
    s.settings(autoscaling_settings={"min_replica": 3, "max_replica": 3})
    for after in (0, rng.uniform(0, 0.01), rng.uniform(0, 0.05)):
        s.ready(current, 3)
        control = s.child("control")
        s.process.send_signal(signal.SIGTERM)
        time.sleep(after)
        try:
            os.kill(control, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it had stopped
        assert s.process.wait(60) == 0 and not s.running()
        s.start_again()
    s.ready(current, 3)
    assert s.stop() == 0
