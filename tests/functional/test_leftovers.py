"""What is killed, and what is left: replicas of a server that is gone, and those of whose companion nothing can be asked any more."""

import os
import select
import signal

import pytest
from regional import GROUPS, Server, config_of, package
from replica import is_alive

ECHO = "class Model:\n    def predict(self, model_input):\n        return model_input\n"
ELSEWHERE = "planes:\n  - {name: elsewhere, region: scaleway-par-2, first_port: 31990, last_port: 31999}\n"


def kill(server):
    """Supervisor, control and edge at once, as power loss would have it."""
    parts = [os.pidfd_open(pid) for pid in [server.process.pid, server.child("control"), server.child("edge")]]
    for part in parts:
        signal.pidfd_send_signal(part, signal.SIGKILL)
    for part in parts:  # until they are dead they hold the ports
        select.select([part], [], [])
        os.close(part)
    server.process.wait()


@pytest.mark.parametrize("planes", ["", ELSEWHERE])
def test_replicas_of_planes_that_are_no_more_are_stopped(tmp_path, planes):
    server = Server(tmp_path, config_of(more=GROUPS))
    try:
        pushed = server.push(package(tmp_path, "left", ECHO), "--environment", "prod-eu", "--wait")
        replicas = [pid for pid, words in server.left_behind() if "ambit replica" in words or "ambit_runner" in words]
        assert len(replicas) >= 2
        kill(server)
        assert all(is_alive(pid) for pid in replicas)
        server.config.write_text("gateway: {region: scaleway-par-1}\n" + planes + GROUPS)
        server.start()
        server.wait_for(f"{server.url}/health/ready")
        server.wait(lambda: not any(is_alive(pid) for pid in replicas))
        server.wait(lambda: not list((server.data / "replicas").iterdir()))
        assert {r["status"] for r in server.replicas(pushed["model_id"], pushed["deployment_id"])} == {"GONE"}
    finally:
        server.stop()


def test_why_a_killed_companion_took_its_replica_along_is_said(tmp_path):
    server = Server(tmp_path, config_of(more=GROUPS))
    try:
        pushed = server.push(package(tmp_path, "killed", ECHO), "--environment", "prod-eu", "--wait")
        [replica] = (server.data / "replicas").iterdir()
        why = "its companion process was killed"
        os.kill(int((replica / "pid").read_text()), signal.SIGKILL)
        server.wait(lambda: server.deployment(pushed["model_id"], pushed["deployment_id"])["status_reason"] == why)
        server.wait(lambda: server.deployment(pushed["model_id"], pushed["deployment_id"])["status"] == "ACTIVE")
        assert f"the replica has ended: {why}" in server.cli("logs", "killed")[1]
        [line] = [line for line in server.text().splitlines() if '"event":"replica_ended"' in line]
        assert why in line and replica.name in line
    finally:
        server.stop()
