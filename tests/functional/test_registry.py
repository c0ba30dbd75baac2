"""The registry over HTTP: models, environments, groups with rules, deployments, promotions, users, keys, secrets, logs, packages."""

import hashlib
import http.server
import json
import os
import signal
import threading
import time

import httpx
import pytest
from world import KEY, Gateway, Sim, config_of, endpoint

EU, EU2, US = "scaleway-par-1", "ovh-gra-1", "aws-us-east-1"


class Registry:
    """httpx against the control port: `r.get(path)` and so on, with a key."""

    def __init__(self, gateway, key=KEY):
        self.gateway, self.key = gateway, key
        self.client = httpx.Client(base_url=gateway.control_url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False)

    def __call__(self, method, path, body=None, status=200, **more):
        answer = self.client.request(method, path, json=body, **more) if body is not None else self.client.request(method, path, **more)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        if status >= 400:
            error = answer.json()
            assert error["message"] == error["error"]["message"]
            return error["error"]
        return answer.json()

    def answer(self, method, path, **more):
        return self.client.request(method, path, **more)

    def as_key(self, key):
        return Registry(self.gateway, key)

    def model(self, name="whisper", **more):
        return self("POST", "/v1/models", {"name": name, **more})["model"]["id"]

    def external(self, model, base, region, **more):
        source = {"kind": "external", "url": base, "region": region, **more}
        return self("POST", f"/v1/models/{model}/deployments", {"source": source})["deployment"]

    def events(self, n=20):
        return [(e["action"], e["object"]) for e in self("GET", f"/v1/audit?limit={n}")["events"]]


@pytest.fixture
def world(tmp_path):
    sim = Sim(tmp_path, [EU, EU2, US])
    made = []

    def make(more="", external_addresses="127.0.0.0/8"):
        base = "gateway: {region: scaleway-par-1, domain: ambit.test}\n" + more
        if external_addresses:
            base += f"deployments: {{package_bytes: 2MiB, external_addresses: ['{external_addresses}']}}\n"
        made.append(Gateway(tmp_path, config_of([endpoint("m", sim, EU)], base)))
        return Registry(made[-1])

    make.sim = sim
    yield make
    for gateway in made:
        gateway.stop()
    sim.stop()


# --- models and environments


def test_a_models_life(world):
    r = world()
    model = r("POST", "/v1/models", {"name": "whisper"})
    assert model["deployment"] is None and model["model"]["deployments_count"] == 0
    path = f"/v1/models/{model['model']['id']}"
    assert r("GET", path) == model["model"] and r("GET", "/v1/models")["models"] == [model["model"]]
    assert r("GET", "/v1/teams/default/models")["models"] == [model["model"]]
    assert r("POST", "/v1/models", {"name": "whisper"}, 409)["param"] == "name"
    assert [e["name"] for e in r("GET", path + "/environments")["environments"]] == ["production"]
    assert r("DELETE", path + "/environments/production", status=409)["code"] == "conflict"
    assert r("POST", path + "/environments", {"name": "production"}, 409)["param"] == "name"
    assert r("DELETE", path) == {"id": model["model"]["id"], "deleted": True}
    assert r("GET", path, status=404)["param"] == "model_id" and r("GET", "/v1/models")["models"] == []
    assert r.events(3)[0] == ("MODEL_DELETED", model["model"]["id"])


@pytest.mark.parametrize(
    "words, front",
    [("public_scheme: https", "https://{}"), ("public_port: 8443", "http://{}:8443"), ("public_scheme: https, public_port: 8443", "https://{}:8443"), ("public_port: 80", "http://{}")],
)
def test_urls_behind_a_load_balancer(tmp_path, words, front):
    sim = Sim(tmp_path, [EU])
    gateway = Gateway(tmp_path, config_of([endpoint("m", sim, EU)], f"gateway: {{region: {EU}, domain: ambit.test, {words}}}\n"))
    r = Registry(gateway)
    model = r("POST", "/v1/models", {"name": "whisper"})["model"]
    assert model["urls"] == [front.format(f"model-{model['id']}.ambit.test")]
    gateway.stop()
    sim.stop()


def test_an_environments_life(world):
    r = world()
    path = f"/v1/models/{r.model()}/environments"
    made = r("POST", path, {"name": "staging", "autoscaling_settings": {"max_replica": 3, "scale_down_delay": 60}})
    assert made["autoscaling_settings"]["max_replica"] == 3 and made["autoscaling_settings"]["autoscaling_window"] == 60
    assert made["current_deployment"] is None and made["in_progress_promotion"] is None and made["instance_type"]["gpu_count"] == 0
    assert r("POST", path, {"name": "staging"}, 409)["param"] == "name"
    patch = {"autoscaling_settings": {"min_replica": 2}, "promotion_settings": {"redeploy_on_promotion": True}}
    assert r("PATCH", path + "/staging", patch)["status"] == "ACCEPTED"
    assert r("PATCH", path + "/staging", patch)["status"] == "UNCHANGED"
    now = r("GET", path + "/staging")
    assert now["autoscaling_settings"]["min_replica"] == 2 and now["autoscaling_settings"]["max_replica"] == 3
    r("PATCH", path + "/staging", {"autoscaling_settings": {"min_replica": None}})
    assert r("GET", path + "/staging")["autoscaling_settings"]["min_replica"] == 0
    r("PATCH", path + "/staging", {"autoscaling_settings": None, "promotion_settings": None})
    now, untouched = r("GET", path + "/staging"), r("GET", path + "/production")
    assert now["autoscaling_settings"] == untouched["autoscaling_settings"]
    assert now["promotion_settings"] == untouched["promotion_settings"]
    assert r("DELETE", path + "/staging")["deleted"] is True
    assert r("GET", path + "/staging", status=404)["param"] == "env_name"
    actions = [action for action, _ in r.events()]
    assert actions[0] == "ENVIRONMENT_DELETED" and "ENVIRONMENT_CREATED" in actions and "ENVIRONMENT_UPDATED" in actions
    before, after = [(e["before"], e["after"]) for e in r("GET", "/v1/audit?limit=2")["events"]][1]
    assert before["autoscaling_settings"]["max_replica"] == 3 and after["autoscaling_settings"]["max_replica"] == 1


AUTO, PROMO, ROLL = "autoscaling_settings", "promotion_settings", "rolling_deploy_config"


@pytest.mark.parametrize(
    "body, param",
    [
        ({"nmae": "x"}, "nmae"),
        ({"name": "x", AUTO: {"min_repica": 1}}, f"{AUTO}.min_repica"),
        ({"name": "x", AUTO: {"min_replica": -1}}, f"{AUTO}.min_replica"),
        ({"name": "x", AUTO: {"min_replica": 1.5}}, f"{AUTO}.min_replica"),
        ({"name": "x", AUTO: {"min_replica": "1"}}, f"{AUTO}.min_replica"),
        ({"name": "x", AUTO: {"min_replica": 5, "max_replica": 4}}, f"{AUTO}.min_replica"),
        ({"name": "x", AUTO: {"max_replica": 0}}, f"{AUTO}.max_replica"),
        ({"name": "x", AUTO: {"autoscaling_window": 9}}, f"{AUTO}.autoscaling_window"),
        ({"name": "x", AUTO: {"autoscaling_window": 3601}}, f"{AUTO}.autoscaling_window"),
        ({"name": "x", AUTO: {"scale_down_delay": 3601}}, f"{AUTO}.scale_down_delay"),
        ({"name": "x", AUTO: {"concurrency_target": 0}}, f"{AUTO}.concurrency_target"),
        ({"name": "x", AUTO: {"target_utilization_percentage": 101}}, f"{AUTO}.target_utilization_percentage"),
        ({"name": "x", AUTO: {"max_scale_down_rate": 51}}, f"{AUTO}.max_scale_down_rate"),
        ({"name": "x", AUTO: []}, AUTO),
        ({"name": "x", PROMO: {"redeploy_on_promotion": 1}}, f"{PROMO}.redeploy_on_promotion"),
        ({"name": "x", PROMO: {"rolling_deploy": True}}, f"{PROMO}.rolling_deploy"),
        ({"name": "x", PROMO: {"ramp_up_while_promoting": True}}, f"{PROMO}.ramp_up_while_promoting"),
        ({"name": "x", PROMO: {"promotion_cleanup_strategy": "BURN"}}, f"{PROMO}.promotion_cleanup_strategy"),
        ({"name": "x", PROMO: {ROLL: {"max_surge": 1}}}, f"{PROMO}.{ROLL}.max_surge"),
        ({"name": "x", PROMO: {ROLL: {"max_surge_percent": 51}}}, f"{PROMO}.{ROLL}.max_surge_percent"),
        ({"name": "x", PROMO: {ROLL: {"max_surge_percent": 0}}}, f"{PROMO}.{ROLL}"),
        ({"name": "x", PROMO: {ROLL: {"max_unavailable_percent": 10}}}, f"{PROMO}.{ROLL}"),
        ({"name": "x", PROMO: {ROLL: {"rolling_deploy_strategy": "NODE"}}}, f"{PROMO}.{ROLL}.rolling_deploy_strategy"),
        ({"name": "development"}, "name"),
        ({"name": "region-eu"}, "name"),
        ({"name": "-prod"}, "name"),
        ({"name": "Prod"}, "name"),
        ({"name": "x" * 41}, "name"),
        ({}, "name"),
    ],
    ids=lambda v: json.dumps(v) if isinstance(v, dict) else "",
)
def test_what_is_wrong_is_named(validated, body, param):
    r, path = validated
    error = r("POST", path, body, 400)
    assert error["param"] == param and error["message"].startswith(param), error
    assert [e["name"] for e in r("GET", path)["environments"]] == ["production"]


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("validated")
    sim = Sim(folder, [EU])
    gateway = Gateway(folder, config_of([endpoint("m", sim, EU)]))
    r = Registry(gateway)
    yield r, f"/v1/models/{r.model()}/environments"
    gateway.stop()
    sim.stop()


def test_two_writers_of_one_object(world):
    r = world()
    path = f"/v1/models/{r.model()}/environments/production"
    first = r.answer("GET", path).headers["etag"]
    done = r.answer("PATCH", path, json={"autoscaling_settings": {"max_replica": 2}}, headers={"If-Match": first})
    assert done.status_code == 200 and done.headers["etag"] == r.answer("GET", path).headers["etag"] != first
    late = r("PATCH", path, {"autoscaling_settings": {"max_replica": 9}}, 409, headers={"If-Match": first})
    assert late["code"] == "version_conflict"
    assert r("GET", path)["autoscaling_settings"]["max_replica"] == 2
    r("PATCH", path, {"autoscaling_settings": {"max_replica": 4}}, headers={"If-Match": f'"7777", {done.headers["etag"]}'})
    r("PATCH", path, {"autoscaling_settings": {"max_replica": 5}}, headers={"If-Match": "*"})
    none = r.answer("GET", "/v1/organization").headers["etag"]
    ruled = r.answer("PUT", "/v1/organization", json={"region_rule": "eea"}, headers={"If-Match": none}).headers["etag"]
    r("PUT", "/v1/organization", {"region_rule": "eu"}, 409, headers={"If-Match": none})
    assert r.answer("GET", "/v1/organization").headers["etag"] == ruled != none
    r("DELETE", "/v1/organization", status=409, headers={"If-Match": none})
    r("DELETE", "/v1/organization", headers={"If-Match": ruled})
    group = "/v1/environment_groups/prod-eu"
    r("PATCH", group, {"region_rule": "eu"}, 409, headers={"If-Match": "*"})
    r("PATCH", group, {"region_rule": "eu"})
    r("PATCH", group, {"region_rule": "FR"}, 409, headers={"If-Match": first})
    assert r("GET", group)["region_rule"] == {"allow": ["eu"]}


# --- groups


def test_a_group_before_any_model_and_who_may_widen_it(world):
    r = world()
    writer = r.as_key(r("POST", "/v1/keys", {"name": "writer", "scopes": ["policy:write", "deploy"]})["key"])
    plain = r.as_key(r("POST", "/v1/keys", {"name": "plain", "scopes": ["deploy"]})["key"])
    group = "/v1/environment_groups/prod-eu"
    assert r("GET", group, status=404)["param"] == "env_name"
    assert plain("PATCH", group, {"region_rule": "eu"}, 403)["code"] == "insufficient_scope"
    made = writer("PATCH", group, {"region_rule": {"allow": ["eea"], "exclude": ["fr"]}})
    assert made["region_rule"] == {"allow": ["eea"], "exclude": ["fr"]} and made["standard_endpoint"] == "serve"
    writer("PATCH", group, {"region_rule": {"allow": ["eu"], "exclude": ["fr"]}, "standard_endpoint": "refuse"})
    for wider in ({"region_rule": "eu"}, {"region_rule": None}, {"standard_endpoint": "serve"}):
        assert "policy:widen" in writer("PATCH", group, wider, 403)["message"]
    assert r("GET", group)["region_rule"] == {"allow": ["eu"], "exclude": ["fr"]}
    error = r("PATCH", group, {"region_rule": {"allow": ["eurpe"]}}, 400)
    assert error["code"] == "invalid_region" and error["param"] == "region_rule.allow[0]"
    assert r("PATCH", group, {"region_rle": "eu"}, 400)["param"] == "region_rle"
    assert r("PATCH", "/v1/environment_groups/development", {"region_rule": "eu"}, 400)["param"] == "env_name"
    assert r("PATCH", group, {"region_rule": None, "standard_endpoint": None})["region_rule"] is None
    assert [name for name, _ in r.events(9)].count("ENVIRONMENT_GROUP_UPDATED") == 2
    r("PATCH", "/v1/environment_groups/empty", {})
    r.model()
    assert [g["name"] for g in r("GET", "/v1/environment_groups")["items"]] == ["prod-eu", "empty", "production"]


def test_the_files_group_is_the_files(world):
    r = world("environment_groups:\n  - {name: prod-eu, region_rule: {allow: [eu]}}\n")
    assert r("GET", "/v1/environment_groups/prod-eu")["owner"] == "file"
    assert r("PATCH", "/v1/environment_groups/prod-eu", {"region_rule": "FR"}, 409)["code"] == "owned_by_file"


def test_who_asks_again_is_told_as_truly_what_is_in_force(world):
    r = world()
    model = r.model()
    asked = (
        ("PATCH", f"/v1/models/{model}/environments/production", {"autoscaling_settings": {"max_replica": 3}}),
        ("PATCH", "/v1/environment_groups/prod-eu", {"region_rule": "eu"}),
        ("PUT", "/v1/organization", {"region_rule": "eu"}),
    )
    edge = r.gateway.child("edge")
    os.kill(edge, signal.SIGSTOP)
    try:
        for one in asked + asked:  # the second time there is nothing to change
            assert r(*one)["in_force"] is False, one
        revision = r("GET", "/v1/configuration")["revision"]
        assert r(*asked[0])["status"] == "UNCHANGED" and r("GET", "/v1/configuration")["revision"] == revision
    finally:
        os.kill(edge, signal.SIGCONT)
    for one in asked:
        answer = r(*one)
        while "in_force" in answer:  # it catches up
            answer = r(*one)


def test_restricted_environments(world):
    r = world()
    ana = r("POST", "/v1/users", {"email": "ana@example.com", "name": "Ana"})["user_id"]
    bob = r("POST", "/v1/users", {"email": "bob@example.com"})["user_id"]
    keys = {u: r.as_key(r("POST", "/v1/api_keys", {"type": "PERSONAL", "user_id": u})["api_key"]) for u in (ana, bob)}
    model = r.model()
    path = f"/v1/models/{model}/environments/production"
    deployment = r.external(model, world.sim.base(EU), EU)["id"]
    patch = {"autoscaling_settings": {"max_replica": 2}}
    keys[bob]("PATCH", path, patch)
    restrict = {"manage_access": {"is_restricted": True, "user_ids": [ana]}}
    assert keys[bob]("PATCH", "/v1/environment_groups/production", restrict, 403)["code"] == "insufficient_role"
    assert r("PATCH", "/v1/environment_groups/production", {"manage_access": {"is_restricted": True, "user_ids": ["x"]}}, 400)
    shown = r("PATCH", "/v1/environment_groups/production", restrict)["manage_access"]
    assert shown == {"is_restricted": True, "users": [{"user_id": ana, "email": "ana@example.com", "name": "Ana"}]}
    for method, where, body in (
        ("PATCH", path, patch),
        ("POST", f"{path}/promote", {"deployment_id": deployment}),
        ("POST", f"{path}/cancel_promotion", None),
        ("POST", f"{path}/deactivate", None),
        ("POST", f"/v1/models/{model}/deployments/{deployment}/promote", {}),
    ):
        assert keys[bob](method, where, body, 403)["code"] == "restricted_environment"
    keys[ana]("PATCH", path, {"autoscaling_settings": {"max_replica": 3}})
    keys[ana]("POST", f"{path}/promote", {"deployment_id": deployment})
    assert keys[bob]("GET", path)["current_deployment"]["id"] == deployment
    r("PATCH", path, {"autoscaling_settings": {"max_replica": 4}})
    r("PATCH", "/v1/environment_groups/production", {"manage_access": {"is_restricted": False}})
    keys[bob]("PATCH", path, patch)


# --- deployments and promotions


def test_external_deployments_are_planned_promoted_and_kept_in_their_rule(world):
    r, sim = world(), world.sim
    model = r.model()
    path = f"/v1/models/{model}"
    r("PATCH", "/v1/environment_groups/prod-eu", {"region_rule": "eu"})
    r("POST", path + "/environments", {"name": "prod-eu"})
    one = r.external(model, sim.base(EU), EU, credential="sk-upstream-secret", labels={"team": "speech"}, deployment_name="first")
    assert one["status"] == "ACTIVE" and one["labels"] == {"team": "speech"} and one["name"] == "first" and one["regions"] == [EU]
    assert r("GET", path + "/deployments")["deployments"] == [one]
    assert [(e["provider"], e["region"]) for e in r("GET", "/v1/endpoints")["endpoints"] if e["model_group"] != "m"] == [("replica", EU)]
    us = r.external(model, sim.base(US), US)["id"]
    where = path + "/environments/prod-eu"
    plan = r("POST", where + "/promote", {"deployment_id": one["id"], "dry_run": True})
    assert plan["dry_run"] and plan["redeploys"] and "rule" in plan["reason"] and plan["region_rule"] == {"allow": ["eu"]}
    revision = r("GET", "/v1/configuration")["revision"]
    assert plan == r("POST", where + "/promote?dry_run=true", {"deployment_id": one["id"]})
    assert revision == r("GET", "/v1/configuration")["revision"]
    assert r("GET", where)["current_deployment"] is None
    promoted = r("POST", where + "/promote", {"deployment_id": one["id"]})
    assert promoted["copied_from"] == one["id"] and promoted["promotion"]["redeployed"] and promoted["region_rule"] == {"allow": ["eu"]}
    now = r("GET", where)
    assert now["current_deployment"]["id"] == promoted["id"] and now["last_promotion"]["status"] == "SUCCEEDED"
    assert now["hosts"] == [f"model-{model}.ambit.test", f"model-{model}-prod-eu.ambit.test"]
    assert now["urls"] == [f"http://{host}:{r.gateway.port}" for host in now["hosts"]]
    assert r("GET", f"{where}/promotions/{promoted['promotion']['id']}")["ended_at"]
    assert r("POST", where + "/promote", {"deployment_id": us}, 409)["message"]
    assert r("GET", where)["current_deployment"]["id"] == promoted["id"]
    assert r("POST", where + "/promote", {"deployment_id": "nowhere"}, 404)["param"] == "deployment_id"
    assert r("POST", where + "/promote", {}, 400)["param"] == "deployment_id"
    assert r("DELETE", f"{path}/deployments/{promoted['id']}", status=409)["code"] == "conflict"
    assert "sk-upstream-secret" not in json.dumps(r("GET", "/v1/audit?limit=50"))
    store = b"".join(p.read_bytes() for p in r.gateway.data.iterdir() if p.is_file() and p.name.startswith("control.db"))
    assert b"sk-upstream-secret" not in store


def test_replicas_are_endpoints_and_none_of_the_files(world):
    r, sim = world(), world.sim
    source = {"kind": "external", "name": "speech", "url": sim.base(US), "region": US}
    deployment = r("POST", "/v1/models", {"source": source})["deployment"]["id"]
    (replica,) = r("GET", f"/v1/models/{r('GET', '/v1/models')['models'][0]['id']}/deployments/{deployment}/replicas")["replicas"]
    listed = {e["id"]: e for e in r("GET", "/v1/endpoints")["endpoints"]}
    assert listed[replica["id"]]["provider"] == "replica"
    r.gateway.config.write_text(r.gateway.config.read_text() + "organization: {region_rule: eu}\n")
    assert r("POST", "/v1/reload")["reloaded"]
    changed = r.events(50)
    assert ("organization.new", "organization") in changed
    assert replica["id"] not in [name for _, name in changed]


def test_production_and_its_verbs(world):
    r, sim = world(), world.sim
    made = r("POST", "/v1/models", {"source": {"kind": "external", "name": "speech", "url": sim.base(EU), "region": "FR"}})
    model, one = made["model"]["id"], made["deployment"]["id"]
    path = f"/v1/models/{model}"
    assert r("GET", path + "/deployments/production", status=404)["param"] == "deployment_id"
    assert r("POST", f"{path}/environments/production/activate", status=409)["code"] == "conflict"
    assert r("POST", f"{path}/deployments/{one}/promote")["is_production"] is True
    assert r("GET", path + "/deployments/production")["id"] == one == r("GET", path)["production_deployment_id"]
    for verb in ("pause", "resume", "force_cancel", "force_roll_forward"):
        error = r("POST", f"{path}/environments/production/{verb}_promotion", status=409)
        assert "no rolling promotion in progress" in error["message"]
    assert r("POST", f"{path}/environments/production/cancel_promotion", status=409)["code"] == "conflict"
    assert r("PATCH", f"{path}/deployments/production/autoscaling_settings", {"max_replica": 2})["status"] == "ACCEPTED"
    assert r("PATCH", f"{path}/deployments/production/autoscaling_settings", {"max_replica": 0}, 400)["param"] == "max_replica"
    assert r("GET", f"{path}/deployments/production")["autoscaling_settings"]["max_replica"] == 2
    assert r("POST", f"{path}/deployments/{one}/retry") == {"retried": False, "reason": "the deployment has not failed", "deployment": r("GET", f"{path}/deployments/{one}")}
    r("POST", f"{path}/environments/production/deactivate")
    assert r("GET", f"{path}/deployments/{one}")["status"] in ("DEACTIVATING", "INACTIVE")
    r("POST", f"{path}/deployments/{one}/activate")
    assert r("GET", f"{path}/deployments/{one}/config") == {"config": {}, "raw_config": None}
    assert r("GET", f"{path}/deployments/{one}/config?output_format=xml", status=400)["param"] == "output_format"
    wait_until(lambda: any(not u["to"] and u["replica_milliseconds"] for u in r("GET", "/v1/usage")["usage"]))
    usage = r("GET", "/v1/usage")["usage"]
    assert {(u["environment"], u["deployment_id"]) for u in usage} == {("production", one)}
    r("DELETE", path)
    assert r("GET", "/v1/usage")["usage"][0]["to"] and r("GET", "/v1/usage")["usage"][0]["model_name"] == "speech"


@pytest.mark.parametrize(
    "source, param",
    [
        ({"kind": "s3"}, "source"),
        ({}, "source.package"),
        ({"kind": None}, "source"),
        ({"kind": "external", "url": "http://gpu.example/v1", "region": "eurpe"}, "source.region"),
        ({"kind": "external", "url": "http://gpu.example/v1"}, "source.region"),
        ({"kind": "external", "url": "ftp://x", "region": "FR"}, "source.url"),
        ({"kind": "external", "region": "FR"}, "source.url"),
        ({"kind": "external", "url": "http://gpu.example/v1", "region": "FR", "name": "x"}, "source.name"),
        ({"kind": "external", "url": "http://gpu.example/v1", "region": "FR", "credential": "a b"}, "source.credential"),
        ({"kind": "external", "url": "http://gpu.example/v1", "region": "FR", "deployment_name": "a b"}, "deployment_name"),
        ({"kind": "external", "url": "http://gpu.example/v1", "region": "FR", "labels": []}, "labels"),
        ({"kind": "external", "url": "http://gpu.example/v1", "region": "FR", "instance_type": "9x9"}, "source.instance_type"),
        ({"kind": "model_archive", "package": "abc", "deployment": {"config": {}}}, "source.package"),
        ({"kind": "model_archive", "package": "0" * 64, "deployment": {"config": {}}}, "source.package"),
    ],
)
def test_a_wrong_source_is_named(validated, source, param):
    r, path = validated
    model = path.split("/")[3]
    assert r("POST", f"/v1/models/{model}/deployments", {"source": source}, 400)["param"] == param
    assert r("GET", f"/v1/models/{model}/deployments")["deployments"] == []


def test_an_external_deployment_is_reached_with_its_credential(world):
    r, seen = world(), []

    class Upstream(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append((self.path, self.headers["authorization"]))
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model = r.model()
    base = f"http://127.0.0.1:{server.server_port}/base"
    r.external(model, base, EU, credential="sk-upstream-secret", environment_name="production")
    r.external(model, base, EU, deployment_name="bare")
    headers = {"Host": f"model-{model}.ambit.test", "Authorization": f"Api-Key {KEY}"}
    answer = httpx.post(f"{r.gateway.url}/production/sync/v1/x", json={}, headers=headers, trust_env=False)
    bare = next(d["id"] for d in r("GET", f"/v1/models/{model}/deployments")["deployments"] if d["name"] == "bare")
    again = httpx.post(f"{r.gateway.url}/deployment/{bare}/sync/v1/x", json={}, headers=headers, trust_env=False)
    server.shutdown()
    server.server_close()
    assert (answer.status_code, again.status_code) == (200, 200), (answer.text, again.text)
    assert seen == [("/base/v1/x", "Bearer sk-upstream-secret"), ("/base/v1/x", None)]


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:4001", "http://localhost:1/", "http://x.localhost", "http://[::1]:1", "http://[::ffff:127.0.0.1]", "http://169.254.169.254/latest"]
    + ["http://0.0.0.0:1", "http://[::]", "http://[64:ff9b::a9fe:a9fe]", "http://224.0.0.1", "https://[fe80::1]"],
)
def test_an_external_deployment_does_not_lead_back_here(refusing, url):
    r, model = refusing
    error = r("POST", f"/v1/models/{model}/deployments", {"source": {"kind": "external", "url": url, "region": EU}}, 400)
    assert (error["code"], error["param"]) == ("address_not_allowed", "source.url")
    assert "deployments.external_addresses" in error["message"]
    assert r("GET", f"/v1/models/{model}/deployments")["deployments"] == []


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusing")
    sim = Sim(folder, [EU])
    r = Registry(Gateway(folder, config_of([endpoint("m", sim, EU)], "gateway: {region: scaleway-par-1, domain: ambit.test}\n")))
    yield r, r.model()
    r.gateway.stop()
    sim.stop()


def test_networks_that_the_operator_takes_away_are_not_reached_any_more(world):
    r, sim = world(), world.sim
    model = r.model()
    one = r.external(model, sim.base(EU), EU)["id"]
    headers = {"Host": f"model-{model}.ambit.test", "Authorization": f"Api-Key {KEY}"}

    def call():
        url = f"{r.gateway.url}/deployment/{one}/sync/chat/completions"
        return httpx.post(url, json={"model": "m", "messages": []}, headers=headers, trust_env=False).status_code

    assert call() == 200
    r.gateway.config.write_text(r.gateway.config.read_text().replace("'127.0.0.0/8'", "10.0.0.0/8"))
    assert r("POST", "/v1/reload")["reloaded"]
    assert call() == 503
    assert '"event":"address_refused"' in r.gateway.text()
    assert "in none of the networks" in r("POST", f"/v1/models/{model}/deployments", EXTERNAL(sim.base(EU)), 400)["message"]


def test_only_who_operates_the_installation_states_where_a_server_stands(world):
    r, sim = world(), world.sim
    model = r.model()
    for made in ({"type": "WORKSPACE_MANAGE_ALL"}, {"type": "WORKSPACE_MANAGE_ALL", "team": True}):
        where = "/v1/teams/default/api_keys" if made.pop("team", False) else "/v1/api_keys"
        key = r.as_key(r("POST", where, made)["api_key"])
        error = key("POST", f"/v1/models/{model}/deployments", EXTERNAL(sim.base(EU)), 403)
        assert error["code"] == "insufficient_scope" and "operate" in error["message"], error
    admin = r("POST", "/v1/users", {"email": "ada@example.com", "role": "ORGANIZATION_ADMIN"})["user_id"]
    key = r.as_key(r("POST", "/v1/api_keys", {"type": "PERSONAL", "user_id": admin})["api_key"])
    assert key.external(model, sim.base(EU), EU)["status"] == "ACTIVE"


def EXTERNAL(url):
    return {"source": {"kind": "external", "url": url, "region": EU}}


# --- packages


def test_packages_come_whole_or_not_at_all(world):
    r = world()
    data = b"x" * (1 << 20)
    made = r("POST", "/v1/packages", content=data, headers={"Content-Type": "application/gzip"})
    assert made == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    folder = r.gateway.data / "packages"
    assert [p.name for p in folder.iterdir()] == [made["sha256"] + ".tar.gz"]
    assert (folder / (made["sha256"] + ".tar.gz")).read_bytes() == data
    assert (folder / (made["sha256"] + ".tar.gz")).stat().st_mode & 0o777 == 0o600

    def pieces(n):
        for _ in range(n):
            yield b"y" * 65536

    assert r("POST", "/v1/packages", content=data * 3, status=413)["code"] == "request_too_large"
    assert r("POST", "/v1/packages", content=pieces(40), status=413)["code"] == "request_too_large"
    assert r("POST", "/v1/packages", content=b"", status=400)["code"] == "missing_package"
    weak = r.as_key(r("POST", "/v1/keys", {"name": "weak", "scopes": ["policy:read"]})["key"])
    assert weak("POST", "/v1/packages", content=b"z", status=403)["code"] == "insufficient_scope"
    assert r.as_key("nobody's")("POST", "/v1/packages", content=b"z", status=401)["code"] == "invalid_api_key"
    assert len(list(folder.iterdir())) == 1
    chunked = r("POST", "/v1/packages", content=pieces(3))
    assert chunked["bytes"] == 3 * 65536 and chunked["sha256"] == hashlib.sha256(b"y" * 3 * 65536).hexdigest()


def stored(r):
    folder = r.gateway.data / "packages"
    return {p.name.removesuffix(".tar.gz") for p in folder.iterdir()}


def test_a_package_is_of_the_team_that_uploaded_it(world):
    r = world("planes: [{name: here, region: scaleway-par-1}]\nquotas: {package_bytes: 1000}\n")
    teams = {name: r("POST", "/v1/teams", {"name": name})["id"] for name in ("alpha", "beta")}
    alpha, beta = (r.as_key(r("POST", f"/v1/teams/{team}/api_keys", {"type": "WORKSPACE_MANAGE_ALL"})["api_key"]) for team in teams.values())

    def push(key, package, status=200, **more):
        source = {"kind": "model_archive", "name": f"of-{package[:8]}", "package": package, "deployment": {"config": {}}}
        return key("POST", "/v1/models", {"source": source, **more}, status)

    package = alpha("POST", "/v1/packages", content=b"a" * 600)["sha256"]
    error = push(beta, package, 400)
    nowhere = push(beta, "0" * 64, 400)
    assert error["code"] == "package_not_found" and error == json.loads(json.dumps(nowhere).replace("0" * 64, package))
    assert push(alpha, package)["deployment"]["package"] == package
    assert push(r, package)["deployment"]["package"] == package  # a key of the workspace may: of the default team now, too
    assert push(beta, package, 400)["code"] == "package_not_found"
    free = r("POST", "/v1/packages", content=b"w")["sha256"]
    assert push(alpha, free, 400)["code"] == "package_not_found"
    assert beta("POST", "/v1/packages", content=b"a" * 600)["sha256"] == package and push(beta, package)

    # So many bytes of each, told before they have come and after.
    for more in ({"content": b"b" * 401}, {"content": iter([b"b" * 401])}):
        error = alpha("POST", "/v1/packages", status=409, **more)
        assert error["code"] == "quota_exceeded" and "quotas.package_bytes leaves the team 400 bytes" in error["message"]
    big = r("POST", "/v1/packages", content=b"c" * 500)["sha256"]
    source = {"kind": "model_archive", "name": "too-much", "package": big, "deployment": {"config": {}}}
    error = r("POST", f"/v1/teams/{teams['alpha']}/models", {"source": source}, 409)
    assert error["code"] == "quota_exceeded" and "600 bytes of packages, this is 500 more, and quotas.package_bytes allows 1000" in error["message"]
    assert stored(r) == {package, free, big}
    assert r("POST", f"/v1/teams/{teams['beta']}/api_keys", {"type": "WORKSPACE_INVOKE"})  # and nothing is stuck


def test_packages_go_with_what_is_made_from_them(world):
    r = world("planes: [{name: here, region: scaleway-par-1}]\ndeployments: {package_retention: 2s}\n", external_addresses="")
    used, unused = (r("POST", "/v1/packages", content=content)["sha256"] for content in (b"used", b"unused"))
    source = {"kind": "model_archive", "name": "speech", "package": used, "deployment": {"config": {}}}
    model = r("POST", "/v1/models", {"source": source})["model"]["id"]
    wait_until(lambda: unused not in stored(r))
    assert stored(r) == {used}
    again = {"kind": "model_archive", "package": unused, "deployment": {"config": {}}}
    assert r("POST", f"/v1/models/{model}/deployments", {"source": again}, 400)["code"] == "package_not_found"

    # What a crash left between the store and the disk goes with the next start; what is in use stays.
    stray = r.gateway.data / "packages" / ("f" * 64 + ".tar.gz")
    stray.write_bytes(b"stray")
    control = r.gateway.child("control")
    os.kill(control, signal.SIGKILL)
    wait_until(lambda: not stray.exists())
    assert stored(r) == {used}

    def is_back():
        try:
            return r.answer("GET", "/v1/teams").status_code == 200
        except httpx.TransportError:
            return False

    wait_until(is_back)
    r("DELETE", f"/v1/models/{model}")
    wait_until(lambda: not stored(r))
    wait_until(lambda: not list((r.gateway.data / "deployments").glob("*")))


def test_a_packages_configuration_is_checked_before_anything_is_made(world):
    r = world("planes: [{name: here, region: scaleway-par-1}]\n")
    package = r("POST", "/v1/packages", content=b"whatever")["sha256"]

    def push(config, status, **more):
        source = {"kind": "model_archive", "name": "speech", "package": package, "deployment": {"config": config, **more}}
        return r("POST", "/v1/models", {"source": source}, status)

    error = push({"resources": {"cpu": 1}}, 400)
    assert error["code"] == "invalid_config" and error["message"].startswith("deployment.config.resources.cpu: "), error
    assert push({}, 400, deploy_timeout_minutes=5)["param"] == "deploy_timeout_minutes"
    assert push({}, 400, is_development=True, environment_name="production")["param"] == "is_development"
    assert push({}, 400, enviroment_name="x")["param"] == "source.deployment.enviroment_name"
    assert push({}, 404, environment_name="prod-eu")["message"]
    assert r("GET", "/v1/models")["models"] == []
    r("PATCH", "/v1/environment_groups/prod-eu", {"region_rule": "us"})
    refused = push({}, 409, environment_name="prod-eu")
    assert "here" in refused["message"] and r("GET", "/v1/models")["models"] == []
    r("PATCH", "/v1/environment_groups/prod-eu", {"region_rule": "eu"})
    made = push({"model_name": "speech"}, 200, environment_name="prod-eu", raw_config="model_name: speech\n")
    path = f"/v1/models/{made['model']['id']}"
    assert made["deployment"]["package"] == package and made["deployment"]["environment"] == "prod-eu"
    assert r("GET", path + "/environments/prod-eu")["region_rule"] == {"allow": ["eu"]}
    config = r("GET", f"{path}/deployments/{made['deployment']['id']}/config")
    assert config == {"config": {"model_name": "speech"}, "raw_config": "model_name: speech\n"}


def wait_until(what):
    deadline = time.monotonic() + 30
    while not what() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert what()


def test_an_upload_that_is_cut_off_leaves_nothing(world):
    r = world()
    folder = r.gateway.data / "packages"

    def pieces():
        yield b"y" * 65536
        wait_until(lambda: list(folder.glob("*.new")))
        raise RuntimeError("cut")

    with pytest.raises(RuntimeError):
        r.client.post("/v1/packages", content=pieces())
    wait_until(lambda: not list(folder.iterdir()))


# --- users, keys, secrets


def test_users_and_their_keys(world):
    r = world()
    ana = r("POST", "/v1/users", {"email": "ana@example.com", "role": "TEAM_ADMIN"})
    assert ana["team_ids"] == ["default"] and ana["role"] == "TEAM_ADMIN"
    assert r("POST", "/v1/users", {"email": "ANA@example.com"}, 409)["param"] == "email"
    assert r("POST", "/v1/users", {"email": "nonsense"}, 400)["param"] == "email"
    assert r("GET", "/v1/users/me", status=404)
    key = r.as_key(r("POST", "/v1/api_keys", {"type": "PERSONAL", "user_id": ana["user_id"]})["api_key"])
    assert key("GET", "/v1/users/me") == ana
    assert key("POST", "/v1/users", {"email": "x@y.z", "role": "ORGANIZATION_ADMIN"}, 403)["param"] == "role"
    assert key("GET", "/v1/regions") and key("POST", "/v1/reload", status=403)
    path = f"/v1/users/{ana['user_id']}"
    r("PATCH", path, {"role": "MEMBER"})
    assert key("POST", "/v1/users", {"email": "x@y.z"}, 403)["code"] == "insufficient_scope"
    assert key("GET", "/v1/api_keys")["keys"][0]["user_id"] == ana["user_id"]
    mine = key("POST", "/v1/api_keys", {"type": "PERSONAL"})
    assert key("POST", "/v1/api_keys", {"type": "WORKSPACE_INVOKE"}, 403)
    assert key("DELETE", f"/v1/api_keys/{mine['prefix']}") == {"prefix": mine["prefix"]}
    assert r("DELETE", path) == {"user_id": ana["user_id"], "deleted": True}
    assert key("GET", "/v1/users/me", status=401)["code"] == "invalid_api_key"
    for i in range(5):
        r("POST", "/v1/users", {"email": f"u{i}@example.com"})
    first = r("GET", "/v1/users?limit=3")
    rest = r("GET", f"/v1/users?limit=3&cursor={first['pagination']['cursor']}")
    assert first["pagination"]["has_more"] and not rest["pagination"]["has_more"]
    assert [u["email"] for u in first["items"] + rest["items"]] == [f"u{i}@example.com" for i in range(5)]


def test_keys_by_type_and_with_limits(world):
    r = world()
    one, two = r.model("one"), r.model("two")
    made = r("POST", "/v1/api_keys", {"type": "WORKSPACE_INVOKE", "name": "shop", "model_ids": [one], "environments": ["prod-eu"], "region_rule": "eu", "expires": "2031-01-01T00:00:00Z"})
    assert made["api_key"].startswith(made["prefix"] + ".")
    (listed,) = [k for k in r("GET", "/v1/api_keys")["keys"] if k["prefix"] == made["prefix"]]
    assert listed["model_ids"] == [one] and listed["environments"] == ["prod-eu"] and listed["region_rule"] == {"allow": ["eu"]}
    assert listed["type"] == "WORKSPACE_INVOKE" and listed["expires"].startswith("2031-01-01T00:00:00")
    event = r("GET", "/v1/audit?limit=1")["events"][0]
    assert event["action"] == "API_KEY_CREATED" and event["after"]["model_ids"] == [one] and event["after"]["environments"] == ["prod-eu"]
    assert made["api_key"] not in json.dumps(r("GET", "/v1/audit"))
    deployer = r.as_key(r("POST", "/v1/api_keys", {"type": "WORKSPACE_MANAGE_ALL", "environments": ["staging"]})["api_key"])
    deployer("POST", f"/v1/models/{two}/environments", {"name": "staging"})
    error = deployer("PATCH", f"/v1/models/{two}/environments/production", {"autoscaling_settings": {"max_replica": 2}}, 403)
    assert error["code"] == "environment_not_allowed"
    assert deployer("DELETE", f"/v1/models/{two}", status=403)["code"] == "environment_not_allowed"
    assert deployer("POST", "/v1/api_keys", {"type": "WORKSPACE_INVOKE", "environments": ["production"]}, 400)["param"] == "environments"
    assert deployer("POST", "/v1/secrets", {"name": "x", "value": "y"}, 403)["code"] == "environment_not_allowed"
    inherited = deployer("POST", "/v1/api_keys", {"type": "WORKSPACE_INVOKE"})["prefix"]
    assert [k["environments"] for k in r("GET", "/v1/api_keys")["keys"] if k["prefix"] == inherited] == [["staging"]]
    for body, param in (
        ({"type": "EVERYTHING"}, "type"),
        ({"type": "WORKSPACE_INVOKE", "model_ids": ["nope"]}, "model_ids"),
        ({"type": "WORKSPACE_INVOKE", "model_ids": []}, "model_ids"),
        ({"type": "WORKSPACE_MANAGE_ALL", "model_ids": [one]}, "model_ids"),
        ({"type": "WORKSPACE_EXPORT_METRICS", "model_ids": [one]}, "model_ids"),
        ({"type": "WORKSPACE_INVOKE", "environments": ["No Good"]}, "environments"),
        ({"type": "PERSONAL"}, "user_id"),
        ({"type": "WORKSPACE_INVOKE", "name": "a b"}, "name"),
        ({"type": "WORKSPACE_INVOKE", "expires": "yesterday"}, "expires"),
        ({"type": "WORKSPACE_INVOKE", "modelids": [one]}, "modelids"),
    ):
        assert r("POST", "/v1/api_keys", body, 400)["param"] == param
    keeper = r.as_key(r("POST", "/v1/api_keys", {"type": "WORKSPACE_MANAGE_API_KEYS"})["api_key"])
    assert keeper("POST", "/v1/api_keys", {"type": "WORKSPACE_INVOKE"})["prefix"]
    assert keeper("POST", "/v1/api_keys", {"type": "WORKSPACE_MANAGE_ALL"}, 403)["code"] == "insufficient_scope"
    assert keeper("GET", "/v1/models", status=403)["code"] == "insufficient_scope"
    r("DELETE", f"/v1/api_keys/{made['prefix']}")
    assert r("DELETE", f"/v1/api_keys/{made['prefix']}", status=404)["param"] == "api_key_prefix"
    assert [a for a, _ in r.events(1)] == ["API_KEY_DELETED"]


def test_a_key_of_a_team_sees_its_team_only(world):
    r = world()
    team = r("POST", "/v1/teams", {"name": "speech"})
    assert r("POST", "/v1/teams", {"name": "speech"}, 409)["param"] == "name"
    ours, theirs = r.model("ours"), r("POST", "/v1/teams/speech/models", {"name": "ours"})["model"]
    assert theirs["team_name"] == "speech"
    key = r.as_key(r("POST", f"/v1/teams/{team['id']}/api_keys", {"type": "WORKSPACE_MANAGE_ALL"})["api_key"])
    assert [m["id"] for m in key("GET", "/v1/models")["models"]] == [theirs["id"]]
    assert key("GET", f"/v1/models/{ours}", status=404) and key("GET", "/v1/teams/default", status=404)
    assert [t["name"] for t in key("GET", "/v1/teams")["teams"]] == ["speech"]
    for method, path, body in (
        ("POST", "/v1/teams", {"name": "more"}),
        ("PUT", "/v1/organization", {"region_rule": "eu"}),
        ("GET", "/v1/audit", None),
        ("GET", "/v1/keys", None),
        ("GET", "/customer/list", None),
        ("POST", "/v1/keys", {"name": "wider"}),
    ):
        assert key(method, path, body, 403)["code"] == "key_limited"
    assert key("POST", "/v1/models", {"name": "new"})["model"]["team_id"] == team["id"]
    assert key("PATCH", "/v1/environment_groups/prod-eu", {"region_rule": "eu"})["team_id"] == team["id"]
    assert [g["name"] for g in r("GET", "/v1/environment_groups")["items"]] == ["production"]
    assert [k["team_name"] for k in key("GET", "/v1/api_keys")["keys"]] == ["speech"]


def furnish_host(r, team, sim, kind):
    """A model or a chain of a team with all that it can have. Returns what stands for each parameter of its paths."""
    name, word = f"{team['name']}-env", f"{team['name']}-{kind}"
    host = r("POST", f"/v1/teams/{team['id']}/{kind}s", {"name": word})[kind]["id"]
    path = f"/v1/{kind}s/{host}"
    r("POST", f"{path}/environments", {"name": name})

    def external(**more):
        source = {"kind": "external", "url": sim.base(EU), "region": EU, **more}
        return r("POST", f"{path}/deployments", {"source": source})["deployment"]["id"]

    deployment, _ = external(deployment_name=f"{word}-deployment", environment_name=name), external(deployment_name=f"{word}-loose")
    promotion = r("GET", f"{path}/environments/{name}/promotions")["promotions"][0]["id"]
    replica = r("GET", f"{path}/deployments/{deployment}/replicas")["replicas"][0]["id"]
    own = {"deployment_id": deployment, "chainlet_id": deployment, "promotion_id": promotion, "replica_id": replica}
    return {f"{kind}_id": host} | own | {f"{kind}_{parameter}": value for parameter, value in own.items()}


def furnish(r, team, sim):
    """One of everything in a team. Returns a key of it, what makes a path of a route, and every word that is this team's alone."""
    name = team["name"]
    r("PATCH", f"/v1/teams/{team['id']}/environment_groups/{name}-env", {"region_rule": "eu"})
    hosts = {kind: furnish_host(r, team, sim, kind) for kind in ("model", "chain")}
    r("POST", f"/v1/teams/{team['id']}/secrets", {"name": f"{name}-secret", "value": "x"})
    user = r("POST", "/v1/users", {"email": f"{name}@example.org", "team_ids": [team["id"]]})["user_id"]
    key = r("POST", f"/v1/teams/{team['id']}/api_keys", {"type": "WORKSPACE_MANAGE_ALL", "name": f"{name}-key", "region_rule": "eu"})
    common = {"team_id": team["id"], "env_name": f"{name}-env", "user_id": user, "secret_name": f"{name}-secret", "api_key_prefix": key["prefix"]}

    def fill(route):
        return common | hosts["chain" if "{chain_id}" in route else "model"]

    words = {name} | set(common.values()) | {word for host in hosts.values() for word in host.values()}
    return r.as_key(key["api_key"]), fill, words


def test_no_answer_tells_one_team_of_another(world):
    r = world("environment_groups: [{name: default-env, region_rule: eu}]\n")
    teams = [r("POST", "/v1/teams", {"name": name}) for name in ("alpha", "beta")]
    (_, of_alpha, alpha), (beta, of_beta, beta_words) = (furnish(r, team, world.sim) for team in teams)
    both = r("POST", "/v1/users", {"email": "both@example.org", "team_ids": [t["id"] for t in teams]})["user_id"]
    r("POST", "/v1/keys", {"name": "workspace-key", "scopes": ["inference"], "region_rule": "eu"})
    alpha |= {"workspace-key", "default-env"}  # nor of what is no team's, or the default one's
    seen, routes = "", [path for path, methods in r("GET", "/v1/openapi.json")["paths"].items() if "get" in methods]
    for route in routes:
        if route == "/metrics":  # no JSON, and of the whole installation
            continue
        if route.startswith("/v1/chains/"):
            route = route.replace("{deployment_id}", "{chain_deployment_id}").replace("{promotion_id}", "{chain_promotion_id}")
        own = beta.answer("GET", route.format_map(of_beta(route)))
        assert own.status_code in (200, 403, 404), (route, own.text)  # 403: of the whole workspace; 404: no personal key
        assert not [word for word in alpha if word in own.text], (route, own.text)
        seen += own.text
        foreign = beta.answer("GET", route.format_map(of_alpha(route)))
        if "{" in route:
            asked = {word for name, word in of_alpha(route).items() if "{%s}" % name in route}
            assert foreign.status_code in (403, 404), (route, foreign.text)
            assert not [word for word in alpha - asked if not any(word in a for a in asked) and word in foreign.text], (route, foreign.text)
    assert not [word for word in beta_words if word not in seen], "what is its own, it sees"
    of_alpha, of_beta = of_alpha(""), of_beta("")
    assert beta("GET", f"/v1/users/{both}")["team_ids"] == [of_beta["team_id"]]
    rules = {rule["name"] for rule in beta("GET", "/v1/rules")["rules"]}
    assert rules == {"beta-env", "beta-key"}
    everything = r.answer("GET", "/v1/rules").text + r.answer("GET", "/v1/endpoints").text
    assert all(word in everything for word in ("alpha-env", "beta-env", "default-env", "workspace-key", of_alpha["replica_id"], of_beta["replica_id"]))

    # What is asked for by name is not told either.
    assert beta("POST", "/v1/permits/explain", {"model": "m", "key": "alpha-key"}, 404)["param"] == "key"
    assert beta("POST", "/v1/permits/explain", {"model": "m", "customer": "somebody"}, 403)["code"] == "key_limited"
    assert beta("POST", "/v1/permits/explain", {"model": "m", "key": "beta-key"})["decision"] == "permitted"
    for path, method, body, param in (
        ("/v1/environment_groups/beta-env", "PATCH", {"manage_access": {"is_restricted": True, "user_ids": [of_alpha["user_id"]]}}, "manage_access.user_ids"),
        ("/v1/api_keys", "POST", {"type": "PERSONAL", "user_id": of_alpha["user_id"]}, "user_id"),
    ):
        error = beta(method, path, body, 400)
        assert error["param"] == param and "no" in error["message"] and "alpha" not in error["message"], error


def test_secrets_are_kept_and_never_shown(world):
    r = world()
    first = r("POST", "/v1/secrets", {"name": "hf_access_token", "value": "hf-very-secret"})
    again = r("POST", "/v1/secrets", {"name": "hf_access_token", "value": "hf-other-secret"})
    assert again["id"] == first["id"] and r("GET", "/v1/secrets")["secrets"] == [again]
    seen = json.dumps([first, again, r("GET", "/v1/secrets"), r("GET", "/v1/audit?limit=50")])
    store = b"".join(p.read_bytes() for p in r.gateway.data.iterdir() if p.is_file() and p.name.startswith("control.db"))
    for value in ("hf-very-secret", "hf-other-secret"):
        assert value not in seen and value not in r.gateway.text() and value.encode() not in store
    assert r("POST", "/v1/secrets", {"name": "../x", "value": "y"}, 400)["param"] == "name"
    assert r("POST", "/v1/secrets", {"name": "x"}, 400)["param"] == "value"
    assert r("DELETE", "/v1/secrets/hf_access_token") == {"name": "hf_access_token"}
    assert r("DELETE", "/v1/secrets/hf_access_token", status=404)
    assert [a for a, _ in r.events(3)] == ["SECRET_DELETED", "SECRET_UPDATED", "SECRET_UPDATED"]


# --- logs


def log_line(at_ms, message, level="INFO", request=None):
    return json.dumps({"timestamp": str(at_ms * 1_000_000), "level": level, "message": message, **({"request_id": request} if request else {})}) + "\n"


def test_logs_are_found_by_what_was_asked(world):
    r = world()
    model = r.model()
    one = r.external(model, world.sim.base(EU), EU)["id"]
    path = f"/v1/models/{model}/deployments/{one}"
    r("POST", path + "/promote")
    folder = r.gateway.data / "logs" / one
    folder.mkdir(parents=True)
    now = int(time.time() * 1000)
    (folder / "aaaaa.log.1").write_text(log_line(now - 9000, "loading the model") + "torn line\n" + log_line(now - 8000, "slow {load}", "WARNING"))
    (folder / "aaaaa.log").write_text(log_line(now - 7000, "ready") + log_line(now - 3000, "failed: no memory", "ERROR", "req-1"))
    (folder / "bbbbb.log").write_text(log_line(now - 5000, "ready too", "DEBUG") + log_line(now - 4000, "a\u00e9b \U0001f600"))
    (folder / "notes.txt").write_text(log_line(now, "not a log"))

    def found(**query):
        answer = r("GET", path + "/logs", params=query)
        assert answer["truncated"] is False
        return [line["message"] for line in answer["logs"]]

    everything = ["loading the model", "slow {load}", "ready", "ready too", "a\u00e9b \U0001f600", "failed: no memory"]
    assert found() == everything and found(direction="desc") == everything[::-1]
    assert found(limit=2) == everything[:2] and found(limit=2, direction="desc") == everything[:3:-1]
    assert found(min_level="WARNING") == ["slow {load}", "failed: no memory"]
    assert found(replica="bbbbb") == everything[3:5] and found(request_id="req-1") == everything[5:]
    assert found(search_pattern="^(ready|load)") == ["loading the model", "ready", "ready too"]
    assert found(includes=["ready", "too"]) == ["ready too"] and found(includes="ready", excludes="too") == ["ready"]
    assert found(start_epoch_millis=now - 5000, end_epoch_millis=now - 3000) == everything[3:5]
    line = r("GET", path + "/logs", params={"request_id": "req-1"})["logs"][0]
    assert line == {"timestamp": str((now - 3000) * 1_000_000), "message": "failed: no memory", "replica": "aaaaa", "request_id": "req-1", "level": "ERROR"}
    environment = r("GET", f"/v1/models/{model}/environments/production/logs")["logs"]
    assert [line["message"] for line in environment] == everything
    for query, param in (
        ({"direction": "up"}, "direction"),
        ({"limit": 1001}, "limit"),
        ({"min_level": "LOUD"}, "min_level"),
        ({"search_pattern": "("}, "search_pattern"),
        ({"search_pattern": "(a)\\1"}, "search_pattern"),
        ({"search_pattern": "a{1,9999}"}, "search_pattern"),
        ({"search_pattern": "x" * 257}, "search_pattern"),
        ({"includes": ["x"] * 9}, "includes"),
        ({"start_epoch_millis": now, "end_epoch_millis": now - 1}, "start_epoch_millis"),
        ({"start_epoch_millis": now - 8 * 86400_000, "end_epoch_millis": now}, "start_epoch_millis"),
    ):
        assert r("GET", path + "/logs", params=query, status=400)["param"] == param


# --- what survives


def test_a_team_has_no_more_than_its_quotas(world):
    r = world("quotas: {models: 2, deployments_per_model: 1, environments_per_model: 2, secrets: 1, environment_groups: 1}\n")
    model = r.model("one")
    empty = r.model("two")
    for path, body, setting, value in (
        ("/v1/models", {"name": "three"}, "models", 2),
        (f"/v1/models/{model}/environments", {"name": "third"}, "environments_per_model", 2),
        ("/v1/secrets", {"name": "b", "value": "x"}, "secrets", 1),
    ):
        if setting == "environments_per_model":
            r("POST", path, {"name": "second"})
        if setting == "secrets":
            r("POST", path, {"name": "a", "value": "x"})
        error = r("POST", path, body, status=409)
        assert error["code"] == "quota_exceeded" and f"quotas.{setting} allows {value}" in error["message"], error
    r.external(model, world.sim.base(EU), EU)
    error = r("POST", f"/v1/models/{model}/deployments", {"source": {"kind": "external", "url": world.sim.base(EU), "region": EU}}, status=409)
    assert error["code"] == "quota_exceeded" and "quotas.deployments_per_model allows 1" in error["message"]
    r("POST", "/v1/secrets", {"name": "a", "value": "another"})  # none more
    r("PATCH", "/v1/environment_groups/one", {"region_rule": "eu"})
    error = r("PATCH", "/v1/environment_groups/two", {"region_rule": "eu"}, 409)
    assert error["code"] == "quota_exceeded" and "quotas.environment_groups allows 1" in error["message"]
    r("PATCH", "/v1/environment_groups/one", {"region_rule": "FR"})
    r("DELETE", f"/v1/models/{empty}")
    r.model("three")
    other = r("POST", "/v1/teams", {"name": "other"})["id"]
    r("POST", f"/v1/teams/{other}/models", {"name": "one"})


def test_everything_is_there_after_a_crash(world):
    r = world()
    model = r.model()
    r("PATCH", "/v1/environment_groups/prod-eu", {"region_rule": "eu"})
    r("POST", f"/v1/models/{model}/environments", {"name": "prod-eu"})
    r.external(model, world.sim.base(EU), EU, environment_name="prod-eu")
    key = r("POST", "/v1/api_keys", {"type": "WORKSPACE_INVOKE", "model_ids": [model]})["api_key"]
    paths = (f"/v1/models/{model}/environments", "/v1/environment_groups", "/v1/api_keys")
    before, (used,) = [r("GET", p) for p in paths], r("GET", "/v1/usage")["usage"]
    control = r.gateway.child("control")
    os.kill(control, signal.SIGKILL)

    def is_back():
        try:
            return r.gateway.child("control") != control and r.answer("GET", "/v1/teams").status_code == 200
        except (httpx.TransportError, AssertionError):
            return False

    wait_until(is_back)
    after, (uses,) = [r("GET", p) for p in paths], r("GET", "/v1/usage")["usage"]
    assert before == after and key
    assert uses.pop("replica_milliseconds") > used.pop("replica_milliseconds") and uses == used  # it runs on


def test_a_key_of_one_environment_manages_neither_users_nor_other_keys(world):
    """Else whoever holds it could raise themselves, or end the keys of everybody."""
    r = world()
    made = r("POST", "/v1/api_keys", {"type": "WORKSPACE_MANAGE_ALL", "name": "only-staging", "environments": ["staging"]})
    other = r("POST", "/v1/api_keys", {"type": "WORKSPACE_INVOKE", "name": "somebody-elses"})
    user = r("POST", "/v1/users", {"email": "limited@example.org"})
    limited = r.as_key(made["api_key"])
    for method, path, body in [
        ("POST", "/v1/users", {"email": "second@example.org"}),
        ("PATCH", f"/v1/users/{user['user_id']}", {"role": "TEAM_ADMIN"}),
        ("DELETE", f"/v1/users/{user['user_id']}", None),
        ("DELETE", f"/v1/api_keys/{other['prefix']}", None),
    ]:
        assert limited(method, path, body, 403)["code"] == "key_limited", (method, path)
    limited("DELETE", f"/v1/api_keys/{made['prefix']}")  # its own
