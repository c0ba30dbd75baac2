"""Chains: their part of the management API, and an entry that calls another model, both within one rule."""

import pytest
from regional import GROUPS, Server, config_of, package
from test_registry import EU, EU2, Registry, world
from world import KEY

__all__ = ["world"]

# --- the API


def a_chain(r, name="flow", **more):
    return r("POST", "/v1/chains", {"name": name, **more})["chain"]


def external(r, chain, region=EU, **more):
    source = {"kind": "external", "url": r.base, "region": region, **more}
    return r("POST", f"/v1/chains/{chain}/deployments", {"source": source})["deployment"]


@pytest.fixture
def registry(world):
    r = world()
    r.base = world.sim.base(EU)
    return r


def test_chains_and_models_are_apart(registry):
    r = registry
    chain, model = a_chain(r), r.model("whisper")
    assert chain["hosts"] == [f"chain-{chain['id']}.ambit.test"] and chain["deployments_count"] == 0 and chain["team_name"] == "Default"
    assert r("GET", "/v1/chains")["chains"] == [chain] == r("GET", "/v1/teams/default/chains")["chains"]
    assert [m["id"] for m in r("GET", "/v1/models")["models"]] == [model]
    path = f"/v1/chains/{chain['id']}"
    assert r("GET", path) == chain
    assert r("GET", f"/v1/models/{chain['id']}", status=404)["param"] == "model_id"
    assert r("GET", f"/v1/chains/{model}", status=404)["param"] == "chain_id"
    for tail in ("", "/deployments", "/environments/production", "/environments/production/promotions"):
        r("GET", f"/v1/models/{chain['id']}{tail}", status=404)
        r("GET", f"/v1/chains/{model}{tail}", status=404)
    assert r("POST", "/v1/models", {"name": "flow"}, 409)["param"] == "name"
    assert r("POST", "/v1/models", {"name": "other", "kind": "chain"}, 400)["param"] == "kind"
    assert r("DELETE", f"/v1/models/{chain['id']}", status=404)["code"] == "not_found"
    assert r("DELETE", path) == {"id": chain["id"], "deleted": True}
    assert r.events(1)[0] == ("CHAIN_DELETED", chain["id"])


def test_a_deployment_has_the_entry_as_its_chainlet(registry):
    r = registry
    chain = a_chain(r)["id"]
    path = f"/v1/chains/{chain}/deployments"
    one = external(r, chain)
    assert one["chain_id"] == chain and "model_id" not in one and one["environment"] is None
    (chainlet,) = one["chainlets"]
    assert (chainlet["id"], chainlet["name"], chainlet["instance_type_name"], chainlet["status"]) == (one["id"], "flow", "1x2", "ACTIVE")
    assert r("GET", path)["deployments"][0]["id"] == one["id"] == r("GET", f"{path}/{one['id']}")["id"]
    assert r("GET", f"{path}/{one['id']}/chainlets/{one['id']}/logs") == r("GET", f"{path}/{one['id']}/logs")
    assert r("GET", f"{path}/{one['id']}/chainlets/RandInt/logs", status=404)["param"] == "chainlet_id"
    assert r("POST", f"{path}/{one['id']}/deactivate") == {"success": True}
    assert r("POST", f"{path}/{one['id']}/activate") == {"success": True}
    two = external(r, chain)["id"]
    assert r("DELETE", f"{path}/{two}") == {"id": two, "deleted": True, "chain_id": chain}
    names = [action for action, _ in r.events(6)]
    assert names == [
        "CHAIN_DEPLOYMENT_DELETED",
        "CHAIN_DEPLOYED",
        "CHAIN_DEPLOYMENT_ACTIVATED",
        "CHAIN_DEPLOYMENT_DEACTIVATED",
        "CHAIN_DEPLOYED",
        "CHAIN_CREATED",
    ]


def test_an_environments_settings_are_the_chainlets(registry):
    r = registry
    chain = a_chain(r)["id"]
    path = f"/v1/chains/{chain}/environments"
    new = {"name": "staging", "chainlet_settings": [{"chainlet_name": "flow", "autoscaling_settings": {"max_replica": 3}, "instance_type_id": "2x8"}]}
    made = r("POST", path, new)
    (settings,) = made["chainlet_settings"]
    assert made["chain_id"] == chain and "model_id" not in made and made["promotion_settings"]["redeploy_on_promotion"] is False
    assert settings["chainlet_name"] == "flow" and settings["autoscaling_settings"]["max_replica"] == 3 and settings["instance_type"]["id"] == "2x8"
    assert [e["name"] for e in r("GET", path)["environments"]] == ["production", "staging"]
    tag = r.answer("GET", path + "/staging").headers["etag"]
    done = r("PATCH", path + "/staging", {"promotion_settings": {"redeploy_on_promotion": True}}, headers={"If-Match": tag})
    assert done["ok"] is True and done["status"] == "ACCEPTED"
    again = f"{path}/staging/chainlet_settings/autoscaling_settings"
    assert r("PATCH", again, {"updates": [{"chainlet_name": "flow", "autoscaling_settings": {"min_replica": 1}}]}, 409, headers={"If-Match": tag})
    assert r("PATCH", again, {"updates": [{"chainlet_name": "flow", "autoscaling_settings": {"min_replica": 1}}]})["status"] == "ACCEPTED"
    now = r("GET", path + "/staging")["chainlet_settings"][0]["autoscaling_settings"]
    assert (now["min_replica"], now["max_replica"]) == (1, 3)
    assert r("DELETE", path + "/staging") == {"name": "staging", "deleted": True, "chain_id": chain}
    assert r.events(1)[0][0] == "ENVIRONMENT_DELETED"


def test_settings_of_what_is_no_chainlet_are_refused(registry):
    r = registry
    path = f"/v1/chains/{a_chain(r)['id']}/environments/production/chainlet_settings"
    autoscaling, type_ = f"{path}/autoscaling_settings", f"{path}/instance_types/update"
    ours, other = {"chainlet_name": "flow", "autoscaling_settings": {}}, {"chainlet_name": "RandInt", "autoscaling_settings": {}}
    wrong = r("PATCH", autoscaling, {"updates": [ours, other]}, 400)
    assert wrong["param"] == "updates[1]" and 'expected "flow"' in wrong["message"] and "one chainlet" in wrong["message"]
    assert "several times" in r("PATCH", autoscaling, {"updates": [ours, ours]}, 400)["message"]
    for updates in ([], {}, [1], None, [{"chainlet_name": "flow"}], [{"autoscaling_settings": {}}], [{**ours, "more": 1}]):
        r("PATCH", autoscaling, {"updates": updates}, 400)
    assert r("POST", type_, {"updates": [{"chainlet_name": "flow", "instance_type_id": "9x9"}]}, 400)["param"] == "instance_type_id"
    assert r("POST", type_, {"updates": [{"chainlet_name": "RandInt", "instance_type_id": "2x8"}]}, 400)["param"] == "updates[0]"
    assert "chainlet_settings" in r("POST", f"/v1/models/{r.model()}/environments", {"name": "staging", "chainlet_settings": None}, 400)["message"]


def test_another_instance_type_promotes_what_runs_anew(registry):
    r = registry
    chain = a_chain(r)["id"]
    production = f"/v1/chains/{chain}/environments/production"

    def update(type_, status=200):
        return r("POST", f"{production}/chainlet_settings/instance_types/update", {"updates": [{"chainlet_name": "flow", "instance_type_id": type_}]}, status)

    empty = update("1x4")
    assert empty["requires_redeployment"] is False and empty["chain_deployment"] is None
    assert empty["chainlet_environment_settings"][0]["instance_type"]["id"] == "1x4"
    one = external(r, chain, environment_name="production")["id"]
    first = r("GET", production)["current_deployment"]
    assert first["id"] == one and first["chainlets"][0]["instance_type_name"] == "1x4"
    changed = update("2x8")
    assert changed["requires_redeployment"] is True and changed["chain_deployment"]["chain_id"] == chain
    now = r("GET", production)
    assert now["current_deployment"]["id"] == changed["chain_deployment"]["id"] != one and now["last_promotion"]["status"] == "SUCCEEDED"
    assert now["chainlet_settings"][0]["instance_type"]["id"] == "2x8" == now["current_deployment"]["chainlets"][0]["instance_type_name"]
    assert update("2x8")["requires_redeployment"] is False
    assert "CHAIN_DEPLOYMENT_INSTANCE_TYPE_CHANGED" in [action for action, _ in r.events()]


def test_promotions_of_chains(registry):
    r = registry
    chain = a_chain(r)["id"]
    one = external(r, chain)["id"]
    production = f"/v1/chains/{chain}/environments/production"
    assert r("POST", production + "/promote", {"deployment_id": one, "dry_run": True})["redeploys"] is False
    promoted = r("POST", production + "/promote", {"deployment_id": one})
    assert promoted["id"] == one and promoted["chainlets"][0]["name"] == "flow"
    assert r("GET", production)["current_deployment"]["id"] == one and r("GET", f"/v1/chains/{chain}/deployments/production")["id"] == one
    assert r("GET", production + "/promotions")["promotions"][0]["status"] == "SUCCEEDED"
    assert ("CHAIN_DEPLOYMENT_PROMOTED", one) in r.events()
    model = r.model("whisper")
    foreign = r.external(model, r.base, EU)["id"]
    assert r("POST", production + "/promote", {"deployment_id": foreign}, 404)["param"] == "deployment_id"


def test_limits_of_keys_hold_for_chains(registry):
    r = registry
    mine, other = a_chain(r)["id"], a_chain(r, "other")["id"]
    invoking = r("POST", "/v1/api_keys", {"type": "WORKSPACE_INVOKE", "name": "shop", "model_ids": [mine]})
    r.as_key(invoking["api_key"])("GET", f"/v1/chains/{mine}", status=403)
    team = r("POST", "/v1/teams", {"name": "blue"})["id"]
    of_team = r.as_key(r("POST", f"/v1/teams/{team}/api_keys", {"type": "WORKSPACE_MANAGE_ALL", "name": "blue"})["api_key"])
    assert of_team("GET", "/v1/chains")["chains"] == []
    of_team("DELETE", f"/v1/chains/{mine}", status=404)
    assert of_team("POST", "/v1/chains", {"name": "flow"})["chain"]["team_name"] == "blue"
    assert len(r("GET", "/v1/chains")["chains"]) == 3 and len(r("GET", "/v1/teams/blue/chains")["chains"]) == 1
    of_environment = r("POST", "/v1/api_keys", {"type": "WORKSPACE_MANAGE_ALL", "name": "e", "environments": ["staging"]})["api_key"]
    k = r.as_key(of_environment)
    path = f"/v1/chains/{other}/environments/production/chainlet_settings"
    body = {"updates": [{"chainlet_name": "other", "autoscaling_settings": {"max_replica": 2}}]}
    assert k("PATCH", path + "/autoscaling_settings", body, 403)["code"] == "environment_not_allowed"
    body = {"updates": [{"chainlet_name": "other", "instance_type_id": "2x8"}]}
    assert k("POST", path + "/instance_types/update", body, 403)["code"] == "environment_not_allowed"
    assert k("DELETE", f"/v1/chains/{other}", status=403)["code"] == "environment_not_allowed"


# --- an entry that calls a model, both within one rule

PEER = """
import os

class Model:
    def predict(self, model_input):
        return {"sum": sum(model_input["numbers"]), "region": os.environ["AMBIT_REGION"]}
"""

# It names the peer by its regional host, so that the peer's answer comes from inside the rule or not at all.
ENTRY = """
import json
import os
import urllib.request

class Model:
    def __init__(self, secrets, environment):
        self.secrets, self.environment = secrets, environment

    def predict(self, model_input):
        request = urllib.request.Request(
            os.environ["PEER_URL"] + "/predict",
            data=json.dumps(model_input).encode(),
            headers={"Host": os.environ["PEER_HOST"], "Authorization": "Api-Key " + self.secrets["peer_key"], "Content-Type": "application/json"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            said = json.load(answer)
        return {"peer": said, "region": os.environ["AMBIT_REGION"], "environment": self.environment, "deployment": os.environ["BT_MODEL_DEPLOYMENT_ID"]}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("chains"), config_of(more=GROUPS))
    yield s
    s.stop()


@pytest.fixture(scope="module")
def flow(server, tmp_path_factory):
    """A chain whose entry and peer are in prod-eu; its id, what pushes said, and the entry's package."""
    folder = tmp_path_factory.mktemp("packages")
    peer = server.push(package(folder, "peer", PEER), "--environment", "prod-eu", "--wait")
    status, _, answer = server.manage("POST", "/v1/secrets", {"name": "peer_key", "value": KEY})
    assert status == 200, answer
    assert server.cli("chains", "create", "flow")[0] == 0 and server.cli("env", "create", "flow", "prod-eu")[0] == 0
    variables = {"PEER_URL": server.url, "PEER_HOST": server.host(peer["model_id"], "prod-eu")}
    entry = package(folder, "entry", ENTRY, environment_variables=variables, secrets={"peer_key": None})
    pushed = server.push(entry, "--chain", "flow", "--environment", "prod-eu", "--wait")
    return {"id": pushed["chain_id"], "pushed": pushed, "peer": peer, "entry": entry}


def run_remote(server, chain, environment=None):
    path = "/run_remote" if environment else "/environments/prod-eu/run_remote"
    return server.call(server.host(chain, environment, "chain"), path, {"numbers": [1, 2, 3]})


@pytest.mark.parametrize("environment", [None, "prod-eu"], ids=["standard", "regional"])
def test_an_entry_calls_its_peer_within_the_rule(server, flow, environment):
    answer = run_remote(server, flow["id"], environment)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["peer"] == {"sum": 6, "region": EU} and said["region"] == EU and said["environment"] == {"name": "prod-eu"}
    assert said["deployment"] == flow["pushed"]["deployment_id"] and answer.headers["x-ambit-region"] == EU


def test_only_run_remote_leads_to_a_chain(server, flow):
    chain, peer = flow["id"], flow["peer"]["model_id"]
    for host, path in (
        (server.host(chain, None, "chain"), "/environments/prod-eu/predict"),
        (server.host(chain, "prod-eu", "chain"), "/predict"),
        (server.host(chain, "prod-eu", "chain"), "/sync/predict"),
        (server.host(peer, "prod-eu"), "/run_remote"),
        (server.host(chain, "prod-eu"), "/predict"),
        (server.host(peer, "prod-eu", "chain"), "/run_remote"),
    ):
        assert server.call(host, path, {"numbers": [1]}).status_code == 404, (host, path)
    answer = server.call(server.host(chain, "prod-eu", "chain"), "/environments/prod-eu/run_remote", {})
    assert answer.status_code == 400 and "/run_remote" in answer.json()["error"]
    assert server.call(server.host(chain, "prod-us", "chain"), "/run_remote", {}).status_code == 404


def test_a_chain_is_listed_with_its_hosts_and_replicas(server, flow):
    out = server.cli("hosts")[1]
    assert server.host(flow["id"], None, "chain") in out and server.host(flow["id"], "prod-eu", "chain") in out
    assert "flow" in server.cli("chains", "list")[1] and "flow" not in server.cli("models", "list")[1]
    out = server.cli("deployments", "replicas", "flow", flow["pushed"]["deployment_id"])[1]
    assert EU in out and "READY" in out
    chainlet = f"/v1/chains/{flow['id']}/deployments/{flow['pushed']['deployment_id']}/chainlets/{flow['pushed']['deployment_id']}/logs"
    assert any("loaded" in line["message"].lower() for line in server.get(chainlet)["logs"])


def test_the_next_entry_is_promoted(server, flow):
    next_one = server.push(flow["entry"], "--chain", "flow", "--wait")
    assert next_one["chain_id"] == flow["id"]
    status, out, err = server.cli("env", "promote", "flow", "prod-eu", next_one["deployment_id"], "--wait")
    assert status == 0, out + err + server.text()[-3000:]
    current = server.get(f"/v1/chains/{flow['id']}/environments/prod-eu")["current_deployment"]
    assert current["id"] != flow["pushed"]["deployment_id"]
    for environment in (None, "prod-eu"):
        said = run_remote(server, flow["id"], environment).json()
        assert said["deployment"] == current["id"] and said["peer"]["region"] == said["region"] == EU
    actions = [e["action"] for e in server.get("/v1/audit?limit=20")["events"]]
    assert "CHAIN_DEPLOYMENT_PROMOTED" in actions and "CHAIN_PROMOTION_ENDED" in actions


def test_an_entry_is_placed_where_the_rule_allows_only(server, flow):
    said = server.push(flow["entry"], "--chain", "flow", "--environment", "prod-jp", "--wait", status=1)
    assert "hall-0" in said and "jp" in said, said
