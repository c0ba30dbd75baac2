"""Environments with a region rule: what is pushed there runs inside it, and only its hosts lead there."""

import pytest
from regional import EU, GROUPS, TRUSS, US, Server, config_of, package


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("regional"))
    yield s
    s.stop()


@pytest.fixture(scope="module")
def pushed(server):
    return server.push(TRUSS / "echo", "--environment", "prod-eu", "--wait")


def test_a_push_runs_only_inside_the_rule_and_knows_its_environment(server, pushed):
    answer = server.predict(pushed["model_id"], "prod-eu", {"text": "hello"})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["environment"] == "prod-eu" and said["region"] == EU
    assert said["deployment"] == pushed["deployment_id"]
    assert answer.headers["x-ambit-region"] == EU
    replicas = server.replicas(pushed["model_id"], pushed["deployment_id"])
    assert replicas and {r["region"] for r in replicas} == {EU}


def test_an_environment_that_no_plane_may_serve_takes_no_push(server, tmp_path):
    said = server.push(package(tmp_path, "nowhere", "class Model:\n    def predict(self, i):\n        return i\n"),
                       "--environment", "prod-jp", "--wait", status=1)
    assert "hall-0" in said and "hall-1" in said and "jp" in said, said
    models = [m for m in server.get("/v1/models")["models"] if m["name"] == "nowhere"]
    for model in models:
        assert server.get(f"/v1/models/{model['id']}/deployments")["deployments"] == []


def test_the_same_package_goes_to_the_other_side_of_the_sea(server, pushed):
    there = server.push(TRUSS / "echo", "--environment", "prod-us", "--wait")
    assert there["model_id"] == pushed["model_id"] and there["deployment_id"] != pushed["deployment_id"]
    answer = server.call(server.host(there["model_id"]), "/environments/prod-us/predict", {"text": "hi"})
    assert answer.json()["region"] == US and answer.headers["x-ambit-region"] == US


@pytest.mark.parametrize("path", ["/production/predict", "/environments/prod-eu/predict", "/environments/production/predict",
                                  "/development/predict", "/deployment/{deployment}/predict"])
def test_a_regional_host_takes_bare_paths_only(server, pushed, path):
    path = path.format(deployment=pushed["deployment_id"])
    answer = server.call(server.host(pushed["model_id"], "prod-eu"), path, {})
    assert answer.status_code == 400 and "/predict" in answer.json()["error"], answer.text
    assert answer.json()["error_code"] == "client_error"


def test_a_standard_host_wants_a_selector_and_an_environment_without_rule_has_no_host(server, pushed):
    model = pushed["model_id"]
    assert server.call(server.host(model), "/predict", {}).status_code == 404
    assert server.call(server.host(model, "production"), "/predict", {}).status_code == 404
    assert server.call(server.host(model, "nonsense"), "/predict", {}).status_code == 404
    assert server.call(server.host("zzzzzzzz", "prod-eu"), "/predict", {}).status_code == 404


def test_keys(server, pushed):
    host = server.host(pushed["model_id"], "prod-eu")
    for scheme, status in [("Api-Key sk-1234", 200), ("Bearer sk-1234", 200), ("api-key sk-1234", 200), ("Bearer sk-no", 401)]:
        answer = server.client.post(server.url + "/predict", json={}, headers={"Host": host, "Authorization": scheme})
        assert answer.status_code == status, scheme
    answer = server.client.post(server.url + "/environments/x/predict", headers={"Host": host, "Authorization": "Bearer sk-no"})
    assert answer.status_code == 401  # the key is looked at first


def test_sync_streams_and_bodies(server, pushed):
    host = server.host(pushed["model_id"], "prod-eu")
    assert server.call(host, "/sync/v1/models/model", method="GET").json() == {}
    with server.client.stream("POST", server.url + "/predict", json={"text": "a b c", "stream": True},
                              headers={"Host": host}) as answer:
        assert b"".join(answer.iter_raw()) == b"a\nb\nc\n"
    large = "x" * (3 << 20)  # more than is kept for a second attempt
    assert server.predict(pushed["model_id"], "prod-eu", {"text": large}).json()["text"].endswith(large)


def test_a_gateway_outside_the_rule_sends_nothing(tmp_path):
    s = Server(tmp_path, config_of(gateway_region=US, more=GROUPS))
    try:
        pushed = s.push(TRUSS / "echo", "--environment", "prod-eu", "--wait")
        answer = s.predict(pushed["model_id"], "prod-eu", {"text": "secret-of-the-house"})
        assert answer.status_code == 421, answer.text
        # The standard host answers from anywhere; its replicas are inside the rule all the same.
        answer = s.call(s.host(pushed["model_id"]), "/environments/prod-eu/predict", {"text": "x"})
        assert answer.status_code == 200 and answer.headers["x-ambit-region"] == EU
        # What the replica itself has counted: that one, and not the one that was refused.
        counts = s.call(s.host(pushed["model_id"]), "/environments/prod-eu/sync/metrics", method="GET").text
        assert 'ambit_model_requests_total{method="predict",status="200"} 1\n' in counts, counts
    finally:
        s.stop()


def test_a_tightened_rule_moves_what_runs(tmp_path):
    s = Server(tmp_path, config_of())
    try:
        pushed = s.push(TRUSS / "echo", "--environment", "production", "--wait")
        model, deployment = pushed["model_id"], pushed["deployment_id"]
        now = {r["region"] for r in s.replicas(model, deployment)}
        assert len(now) == 1
        elsewhere = "eu" if now == {US} else "us"
        status, _, answer = s.manage("PATCH", "/v1/environment_groups/production", {"region_rule": {"allow": [elsewhere]}})
        assert status == 200, answer
        inside = EU if elsewhere == "eu" else US
        s.wait(lambda: {(r["region"], r["status"]) for r in s.replicas(model, deployment)} == {(inside, "READY")})
        answer = s.call(s.host(model), "/production/predict", {"text": "x"})
        assert answer.status_code == 200 and answer.headers["x-ambit-region"] == inside
    finally:
        s.stop()


def test_a_secret_reaches_the_package_that_names_it(server):
    status, _, answer = server.manage("POST", "/v1/secrets", {"name": "greeting", "value": "good morning"})
    assert status == 200, answer
    pushed = server.push(TRUSS / "echo", "--model-name", "confidant", "--wait")
    said = server.call(server.host(pushed["model_id"]), f"/deployment/{pushed['deployment_id']}/predict", {"text": "x"}).json()
    assert said["greeting"] == "good morning"
    assert "good morning" not in server.text()


def test_a_deployment_that_is_reused_learns_its_environment(server, tmp_path):
    """Without a redeploy the same process goes on; the runner looks at the file and calls setup_environment."""
    model_py = """
class Model:
    def __init__(self, environment):
        self.environment = environment

    def setup_environment(self, environment):
        self.environment = environment

    def predict(self, model_input):
        return self.environment
"""
    folder = package(tmp_path, "mobile", model_py)
    pushed = server.push(folder, "--wait")
    model, deployment = pushed["model_id"], pushed["deployment_id"]
    (before,) = server.replicas(model, deployment)
    ask = lambda: server.call(server.host(model), f"/deployment/{deployment}/predict", {}).json()
    assert ask() is None
    status, _, answer = server.manage("POST", f"/v1/models/{model}/environments/production/promote", {"deployment_id": deployment})
    assert status == 200 and answer["id"] == deployment, answer
    current = lambda: server.manage("GET", f"/v1/models/{model}/environments/production")[2]["current_deployment"]
    server.wait(lambda: (current() or {}).get("id") == deployment)
    said = server.call(server.host(model), "/production/predict", {}).json()
    assert said == {"name": "production"}, "it serves the environment and does not know it"
    assert [r["id"] for r in server.replicas(model, deployment)] == [before["id"]]
