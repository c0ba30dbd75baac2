"""What dies, and what that may cost: only the requests in flight in an edge that is killed; an upgrade, a reload, a killed control plane
cost nothing; and nobody who comes back brings an older policy along."""

import asyncio
import json
import os
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from load import EU, KEY, US, Load, client  # noqa: E402

BUILD = pathlib.Path(os.environ["AMBIT_BUILD"])


def play(tmp_path, scenario, **config):
    """Runs a scenario with a server, and ends it gracefully."""
    async def whole():
        load = Load(BUILD, tmp_path, **config)
        try:
            await load.start()
            await scenario(load)
        finally:
            await load.stop()
    asyncio.run(whole())


async def manage(load, method, path, body=None):
    status, answer = await client.call(load.control, KEY, method, path, body, timeout=60)
    assert status == 200, (status, answer)
    return answer


# --- kills under load


def test_killed_edge_costs_what_was_in_flight_in_it(tmp_path):
    async def scenario(load):
        load.begin()
        for _ in range(5):
            await load.served(200)
            del load.failures[:]
            killed_at = asyncio.get_running_loop().time()
            load.server.kill("edge")
            await load.served(200)
            late = [f for f in load.failures if f.opened_at > killed_at]
            assert late == [] and len(load.failures) <= len(load.tasks), load.failures
            assert not any("refused" in f.why for f in load.failures)
    play(tmp_path, scenario)


def test_killed_control_costs_nothing_on_the_gateway(tmp_path):
    async def scenario(load):
        load.begin()
        for i in range(5):
            await load.served(200)
            load.server.kill("control")
            await manage(load, "POST", "/customer/new", {"user_id": f"c{i}"})  # waits for the next one
            await load.served(200)
        assert load.failures == []
        assert len(await manage(load, "GET", "/customer/list")) == 5
    play(tmp_path, scenario)


def test_both_killed_and_service_resumes(tmp_path):
    async def scenario(load):
        load.begin()
        for _ in range(3):
            await load.served(200)
            del load.failures[:]
            killed_at = asyncio.get_running_loop().time()
            load.server.kill("control")
            load.server.kill("edge")
            await load.served(200)
            assert [f for f in load.failures if f.opened_at > killed_at] == []
    play(tmp_path, scenario)


# --- upgrades and reloads under load


def test_upgrades_fail_nothing(tmp_path):
    async def scenario(load):
        load.begin()
        for n in range(1, 4):
            edges, controls = set(load.server.parts("edge")), set(load.server.parts("control"))
            load.server.signal(signal.SIGUSR2)

            async def all_new():
                log = (tmp_path / "server.err").read_text()
                now = set(load.server.parts("edge")), set(load.server.parts("control"))
                return log.count('"upgraded"') == n and not now[0] & edges and not now[1] & controls and all(now)
            await load.until(all_new)
            await load.served(200)
        assert load.failures == []
    play(tmp_path, scenario)


def test_a_hundred_reloads_fail_nothing(tmp_path):
    async def scenario(load):
        load.begin()
        for i in range(100):
            extra = [{"model_name": "m", "litellm_params": {"model": "openai/m", "weight": 1 + i % 3, "region_name": EU,
                                                            "api_base": f"http://127.0.0.1:{load.bases[EU]}/v1/"}}]
            load.extra = {"router_settings": {"num_retries": i % 4}}
            config = load.config()
            if i % 2:

                whole = json.loads(config)
                whole["model_list"] += extra
                config = json.dumps(whole)
            load.server.write_config(config)
            if i % 5 == 0:
                load.server.signal(signal.SIGHUP)
            await manage(load, "POST", "/v1/reload", {"allow_widening": True})
            await load.served(5)
        assert load.failures == []
    play(tmp_path, scenario)


# --- graceful end


def test_stop_finishes_what_has_begun_and_waits_for_nobody_idle(tmp_path):
    async def scenario(load):
        idle = [await client.Connection.open(load.gateway) for _ in range(3)]
        for connection in idle:
            await load.ask(connection)
        slow = [asyncio.ensure_future(load.ask_once(pause=1.0)), asyncio.ensure_future(load.ask_once(pause=0.5, stream=True))]

        async def under_way():
            return len(load.seen) == 5
        await load.until(under_way)
        load.server.signal(signal.SIGTERM)
        async with asyncio.timeout(15):  # far below the time for which an idle connection is kept otherwise
            for connection in idle:
                while not connection.lost:
                    await asyncio.sleep(0.01)
        assert [message.status for message in await asyncio.gather(*slow)] == [200, 200]
        assert await load.server.stop(30) == 0
    play(tmp_path, scenario)


# --- no older policy comes back


def kill_edge(load):
    load.server.kill("edge")


def kill_both(load):
    load.server.kill("control")
    load.server.kill("edge")


def upgrade(load):
    load.server.signal(signal.SIGUSR2)


@pytest.mark.parametrize("disaster", [kill_edge, kill_both, upgrade])
def test_an_acknowledged_rule_holds_in_whatever_takes_over(tmp_path, disaster):
    async def scenario(load):
        await manage(load, "POST", "/customer/new", {"user_id": "c", "allowed_model_region": "eu"})
        for i in range(8):
            region, place = (EU, "eu") if i % 2 else (US, "US")
            written = await manage(load, "POST", "/customer/update", {"user_id": "c", "allowed_model_region": place})
            assert written.get("in_force") is not False
            disaster(load)
            for _ in range(40):
                del load.seen[:]
                try:
                    message = await load.ask_once(user="c")
                except client.Gone:  # it was in flight in the edge that was killed
                    continue
                assert message.status == 200 and set(load.seen) == {region}
                assert message.headers["x-ambit-region"] == region
    play(tmp_path, scenario)


def test_a_rule_that_is_written_while_no_edge_runs_holds_in_the_next(tmp_path):
    async def scenario(load):
        await manage(load, "POST", "/customer/new", {"user_id": "c", "allowed_model_region": "eu"})
        for i in range(8):
            region, place = (EU, "eu") if i % 2 else (US, "US")
            load.server.kill("edge")
            written = await manage(load, "POST", "/customer/update", {"user_id": "c", "allowed_model_region": place})
            for _ in range(20):
                del load.seen[:]
                message = await load.ask_once(user="c")
                assert written.get("in_force") is False or set(load.seen) == {region}
                assert message.status == 200
    play(tmp_path, scenario)
