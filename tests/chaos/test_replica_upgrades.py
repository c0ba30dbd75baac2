"""Changes of the server under which replicas serve on: an upgrade, and a plane more."""

import signal

import pytest
from planes import ENVIRONMENT, Planes, words_of
from world import call

RATE = 100


@pytest.fixture
def server(tmp_path):
    s = Planes(tmp_path)
    yield s
    s.stop_hard()


def upgrade(s, n):
    """The n-th: all parts are others afterwards, the supervisor is the same."""
    parts = [s.child(part) for part in ("control", "edge")]
    s.process.send_signal(signal.SIGUSR2)
    s.wait(lambda: s.text().count('"upgraded"') == n)
    s.wait(lambda: not any(words_of(pid, "cmdline")[0:1] for pid in parts))  # the old edge has finished what it had
    assert call("GET", f"{s.control_url}/health/ready")[0] == 200


def test_upgrades_and_a_new_plane_leave_replicas_alone(server):
    s = server
    first = s.deploy("v1", "--environment", ENVIRONMENT)
    s.settings(autoscaling_settings={"min_replica": 3, "max_replica": 3})
    s.ready(first, 3)
    processes = s.running()
    with s.flow(RATE) as flow:
        flow.served(RATE // 2)
        upgrade(s, 1)
        flow.served(RATE // 2)
        s.add_plane()
        s.at_rest()
        assert s.running() == processes
        upgrade(s, 2)
        flow.served(RATE // 2)
        assert s.running() == processes and s.ready(first, 3) == set(processes)

        # The new plane takes part: of four more replicas some run there, beside those that were there before.
        s.settings(autoscaling_settings={"min_replica": 7, "max_replica": 7})
        now = s.ready(first, 7)
        assert now > set(processes) and {r: s.running()[r] for r in processes} == processes
        assert {r["plane"] for r in s.replicas(s.model, first)} == {"hall", "annex"}
        upgrade(s, 3)
        assert set(s.running()) == now
        flow.served(RATE)
    assert flow.failures() == [], flow.failures()[:5]
    assert {o.said["replica"] for o in flow.outcomes} == now
    print(f"{len(flow.outcomes)} requests, none failed")
    assert s.stop() == 0
