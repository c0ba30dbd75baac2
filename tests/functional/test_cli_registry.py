"""The commands about models, deployments and environments, against a control server that answers as a script says: what they send, what
they print, which status they end with, also where a real server would rarely be (slow builds, late log lines, names that several teams use)."""

import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import re
import subprocess
import tarfile
import threading
import time

import pytest
from world import BUILD, KEY, ROOT

ECHO = ROOT / "examples/truss/echo"


class Control:
    """Answers each `METHOD /path` with what was put there: the next of a list, the last one again and again."""

    def __init__(self):
        self.answers, self.requests = {}, []
        control = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path, _, query = self.path.partition("?")
                control.requests.append((self.command, path, query, body, dict(self.headers)))
                scripted = control.answers.get((self.command, path), [(404, {"error": {"message": f"no {path}"}})])
                status, answer = scripted.pop(0) if len(scripted) > 1 else scripted[0]
                if callable(answer):
                    answer = answer(body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def put(self, call, *answers):
        """Bodies, or (status, body)."""
        method, path = call.split()
        self.answers[method, path] = [a if isinstance(a, tuple) else (200, a) for a in answers]

    def sent(self, call):
        """Bodies of the calls that came."""
        method, path = call.split()
        return [json.loads(r[3]) if r[3] else None for r in self.requests if r[:2] == (method, path)]

    def calls(self):
        return [f"{r[0]} {r[1]}" for r in self.requests]

    def run(self, *words, stdin=""):
        env = {**os.environ, "AMBIT_API_KEY": KEY, "AMBIT_URL": self.url}
        done = subprocess.run([BUILD / "ambit", *words], env=env, capture_output=True, text=True, timeout=60, input=stdin)
        return done.returncode, done.stdout, done.stderr

    def fine(self, *words, stdin=""):
        status, out, err = self.run(*words, stdin=stdin)
        assert status == 0, (words, out, err)
        return out


def places(*hosts):
    return {"hosts": list(hosts), "urls": [f"http://{host}:4000" for host in hosts]}


MODEL = {"id": "abcd1234", "name": "echo", "team_name": "default", "team_id": "t1", **places("model-abcd1234.localhost")}

CHAIN = {**MODEL, "id": "flow1234", "name": "flow", **places("chain-flow1234.my-house.example")}


def deployment(status="BUILDING", **members):
    return {"id": "dep0001", "name": "deployment-1", "model_id": "abcd1234", "status": status, "environment": None, **members}


USERS = [
    {"user_id": "u1", "email": "ada@example.com", "name": "Ada"},
    {"user_id": "u2", "email": "b@example.com", "name": "Bo"},
    {"user_id": "u3", "email": "c@example.com", "name": "bo"},
]


def upload(body):
    return {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}


@pytest.fixture
def control():
    c = Control()
    c.put("GET /v1/models", {"models": [MODEL]})
    c.put("GET /v1/teams/red/models", {"models": [MODEL]})
    c.put("GET /v1/chains", {"chains": [CHAIN]})
    c.put("GET /v1/teams/red/chains", {"chains": []})
    c.put("POST /v1/packages", (200, upload))
    c.put("POST /v1/models", {"model": MODEL, "deployment": deployment()})
    c.put("POST /v1/models/abcd1234/deployments", {"model": MODEL, "deployment": deployment()})
    c.put("GET /v1/models/abcd1234/deployments", {"deployments": []})
    c.put("GET /v1/users", {"items": USERS})
    c.put("GET /v1/models/abcd1234/deployments/dep0001", deployment("ACTIVE"))
    c.put("GET /v1/models/abcd1234/deployments/dep0001/logs", {"logs": []})
    yield c
    c.server.shutdown()


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "package"
    (folder / "model").mkdir(parents=True)
    (folder / "model/model.py").write_text("class Model:\n    def predict(self, model_input):\n        return model_input\n")
    (folder / "config.yaml").write_text("model_name: echo\n")
    return folder


# --- push


@pytest.mark.parametrize("words", [("--chain", "flow"), ("--model-name", "flow"), ("--chain", "flow1234")])
def test_the_entry_of_a_chain_is_pushed_to_the_chain(control, package, words):
    control.put("POST /v1/chains/flow1234/deployments", {"chain": CHAIN, "deployment": deployment()})
    out = control.fine("push", str(package), *words)
    assert "chain-flow1234.my-house.example:4000/deployment/dep0001/run_remote" in out and "chain        flow1234  flow" in out
    hosts = places("chain-flow1234.my-house.example", "chain-flow1234-prod-eu.my-house.example")
    control.put("GET /v1/chains/flow1234/environments/prod-eu", {"name": "prod-eu", **hosts})
    out = control.fine("push", str(package), *words, "--environment", "prod-eu")
    assert "chain-flow1234.my-house.example:4000/environments/prod-eu/run_remote" in out
    assert "chain-flow1234-prod-eu.my-house.example:4000/run_remote" in out
    assert not [c for c in control.calls() if "/v1/models/" in c]


def test_a_new_chain_is_made_by_a_push(control, package):
    control.put("POST /v1/chains", {"chain": {**CHAIN, "name": "other"}, "deployment": deployment()})
    control.put("GET /v1/chains/flow1234/deployments/dep0001", deployment())
    out = json.loads(control.fine("push", str(package), "--chain", "other", "--json"))
    assert out["chain_id"] == "flow1234" and out["chain_name"] == "other" and "model_id" not in out
    [body] = control.sent("POST /v1/chains")
    assert body["source"]["name"] == "other"
    for words, expected in ((("--chain", "echo"), "is a model and no chain"), (("--chain", "x", "--model-name", "y"), "exclude each other")):
        status, _, err = control.run("push", str(package), *words)
        assert status and expected in err


def test_commands_about_models_take_chains(control):
    control.put("GET /v1/chains/flow1234/environments", {"environments": []})
    control.put("PATCH /v1/chains/flow1234/environments/prod-eu", {"status": "ACCEPTED", "message": "", "ok": True})
    control.fine("env", "update", "flow", "prod-eu", "--min-replica", "1")
    assert control.sent("PATCH /v1/chains/flow1234/environments/prod-eu") == [{"autoscaling_settings": {"min_replica": 1}}]
    control.put("GET /v1/models/abcd1234/environments", {"environments": []})
    assert "chain-flow1234.my-house.example" in control.fine("hosts") and "flow1234" in control.fine("chains", "list")
    assert "flow1234" not in control.fine("models", "list")


def test_push_sends_the_folder_and_names_what_was_made(control, package):
    out = control.fine("push", str(package), "--deployment-name", "first", "--labels", '{"who": "me"}', "--deploy-timeout-minutes", "20")
    assert "abcd1234" in out and "dep0001" in out
    assert "model-abcd1234.localhost:4000/deployment/dep0001/predict" in out
    sent = next(r for r in control.requests if r[1] == "/v1/packages")
    assert sent[4]["Content-Type"] == "application/gzip" and sent[4]["Authorization"] == f"Bearer {KEY}"
    names = tarfile.open(fileobj=io.BytesIO(gzip.decompress(sent[3]))).getnames()
    assert {"config.yaml", "model/model.py"} <= set(names)
    [body] = control.sent("POST /v1/models/abcd1234/deployments")
    assert body == {
        "source": {
            "kind": "model_archive",
            "package": hashlib.sha256(sent[3]).hexdigest(),
            "deployment": {
                "config": {"model_name": "echo"},
                "raw_config": "model_name: echo\n",
                "preserve_env_instance_type": True,
                "deployment_name": "first",
                "labels": {"who": "me"},
                "deploy_timeout_minutes": 20,
            },
        }
    }


def test_a_development_deployment_has_a_path_of_its_own(control, package):
    out = control.fine("push", str(package), "--development")
    assert "model-abcd1234.localhost:4000/development/predict" in out
    [body] = control.sent("POST /v1/models/abcd1234/deployments")
    assert body["source"]["deployment"]["is_development"] is True


def test_a_new_model_comes_with_its_first_deployment(control, package):
    control.put("GET /v1/models", {"models": []})
    control.fine("push", str(package), "--promote", "--no-preserve-env-instance-type")
    [body] = control.sent("POST /v1/models")
    assert body["source"]["name"] == "echo" and body["source"]["deployment"]["environment_name"] == "production"
    assert body["source"]["deployment"]["preserve_env_instance_type"] is False


def test_a_new_environment_comes_with_the_deployment(control, package):
    control.put("GET /v1/models", {"models": []})
    control.put("GET /v1/environment_groups/prod-eu", {"name": "prod-eu"})
    hosts = places("model-abcd1234.localhost", "model-abcd1234-prod-eu.localhost")
    control.put("GET /v1/models/abcd1234/environments/prod-eu", {"name": "prod-eu", **hosts})
    out = control.fine("push", str(package), "--environment", "prod-eu")
    [body] = control.sent("POST /v1/models")
    assert body["source"]["name"] == "echo" and body["source"]["deployment"]["environment_name"] == "prod-eu"
    assert "model-abcd1234-prod-eu.localhost:4000/predict" in out
    assert "model-abcd1234.localhost:4000/environments/prod-eu/predict" in out


def test_a_name_that_only_other_models_use_is_no_group(control, package):
    control.put("GET /v1/teams/t1/environment_groups/prod-eu", {"name": "prod-eu"})
    control.put("POST /v1/models/abcd1234/deployments", (404, {"error": {"message": "the model has no environment"}}))
    status, _, err = control.run("push", str(package), "--environment", "prod-eu")
    assert status == 1 and "ambit env create echo prod-eu" in err


def test_an_environment_without_a_group_is_not_guessed(control, package):
    status, _, err = control.run("push", str(package), "--environment", "prod-eu")
    assert status == 1
    assert "ambit env create echo prod-eu" in err and "ambit group set prod-eu --allow eu" in err
    assert not any(call.startswith("POST") for call in control.calls())


def test_a_package_that_arrived_as_another_is_not_deployed(control, package):
    control.put("POST /v1/packages", {"sha256": "0" * 64, "bytes": 1})
    status, _, err = control.run("push", str(package))
    assert status == 1 and "0" * 64 in err
    assert control.sent("POST /v1/models/abcd1234/deployments") == []


PLAN = {
    "dry_run": True,
    "environment": None,
    "deployment_id": None,
    "redeploys": False,
    "reason": "it is in no environment",
    "planes": [{"name": "paris", "region": "scaleway-par-1"}, {"name": "gra", "region": "ovh-gra-1"}],
}


def test_dry_run_asks_for_a_plan_and_uploads_nothing(control, package):
    control.put("POST /v1/models/abcd1234/deployments", PLAN)
    out = control.fine("push", str(package), "--dry-run")
    assert "abcd1234" in out and "SHA-256" in out and "it is in no environment" in out and "paris (scaleway-par-1),gra (ovh-gra-1)" in out
    [body] = control.sent("POST /v1/models/abcd1234/deployments")
    assert body["dry_run"] is True and [call for call in control.calls() if call.startswith("POST")] == ["POST /v1/models/abcd1234/deployments"]
    shown = json.loads(control.fine("push", str(package), "--dry-run", "--json"))
    assert shown == {**PLAN, "model_id": "abcd1234", "model_name": "echo", "package": body["source"]["package"]}


def test_dry_run_of_a_new_model(control, package):
    control.put("GET /v1/models", {"models": []})
    control.put("POST /v1/models", PLAN)
    out = control.fine("push", str(package), "--dry-run")
    assert "new: it would be made" in out
    control.put("POST /v1/models", (409, {"error": {"message": "no plane lies within it"}}))
    status, _, err = control.run("push", str(package), "--dry-run")
    assert status == 1 and "no plane lies within it" in err


def test_a_package_that_is_wrong_is_told_line_by_line(control, package):
    (package / "config.yaml").write_text("model_name: echo\nresources:\n  cpu: lots\nruntime:\n  predict_concurrency: none\n")
    status, _, err = control.run("push", str(package))
    assert status == 1 and "config.yaml:3:" in err and "config.yaml:5:" in err
    assert control.requests == []


@pytest.mark.parametrize(
    "words, message",
    [
        (["--promote", "--environment", "x"], "--promote"),
        (["--development", "--environment", "x"], "--development is in no environment"),
        (["--development", "--deployment-name", "x"], "--development is in no environment"),
        (["--labels", "[1]"], "JSON object"),
        (["--deploy-timeout-minutes", "5"], "10 to 1440"),
        (["--deployment-name", "a b"], "--deployment-name"),
        (["--preserve-env-instance-type", "--no-preserve-env-instance-type"], "contradict"),
        (["--output", "yaml"], "text or json"),
        (["--enviroment", "x"], "did you mean --environment"),
    ],
)
def test_push_called_wrongly(control, package, words, message):
    status, _, err = control.run("push", str(package), *words)
    assert status == 2 and message in err and control.requests == []


@pytest.mark.parametrize("words", [["push", "{package}", "--environment", b"\xff"], ["models", "create", b"\xff"]])
def test_a_word_that_json_cannot_hold_is_refused(control, package, words):
    status, _, err = control.run(*[w.format(package=package) if isinstance(w, str) else w for w in words])
    assert status == 2 and "no UTF-8" in err and control.requests == []


def test_wait_ends_when_it_serves(control, package):
    states = ["BUILDING", "DEPLOYING", "LOADING_MODEL", "UPDATING", "WAKING_UP", "ACTIVE"]
    control.put("GET /v1/models/abcd1234/deployments/dep0001", *[deployment(s) for s in states])
    status, out, err = control.run("push", str(package), "--wait", "--output", "json")
    assert status == 0 and json.loads(out)["status"] == "ACTIVE"
    assert [line.split(": ")[1] for line in err.splitlines() if line.startswith("dep0001")] == states


def test_a_wait_outlives_a_restart(control, package):
    states = [deployment(), (503, {"error": {"message": "starting"}}), (502, None), deployment("ACTIVE")]
    control.put("GET /v1/models/abcd1234/deployments/dep0001", *states)
    status, _, err = control.run("push", str(package), "--wait")
    assert status == 0 and err.count("asking again") == 1


def test_a_wait_ends_where_it_is_refused(control, package):
    control.put("GET /v1/models/abcd1234/deployments/dep0001", deployment(), (403, {"error": {"message": "your key has expired"}}))
    status, _, err = control.run("push", str(package), "--wait")
    assert status == 1 and "your key has expired (HTTP 403)" in err


def test_wait_tells_why_it_failed(control, package):
    failed = deployment("BUILD_FAILED", status_reason="no-such-thing==1.2 could not be installed")
    control.put("GET /v1/models/abcd1234/deployments/dep0001", deployment(), failed)
    lines = [{"timestamp": str(10**18 + i), "message": f"line {i}", "replica": None} for i in (2, 1)]
    control.put("GET /v1/models/abcd1234/deployments/dep0001/logs", {"logs": lines})
    status, _, err = control.run("push", str(package), "--wait")
    assert status == 1 and "BUILD_FAILED: no-such-thing==1.2 could not be installed" in err
    assert err.index("line 1") < err.index("line 2")


def test_what_was_tried_several_times_is_told_once(control, package):
    lines = [{"timestamp": str(10**18 + i), "message": f"no weights {i}", "replica": f"r{i // 2}"} for i in range(6)]
    control.put("GET /v1/models/abcd1234/deployments/dep0001", deployment("DEPLOY_FAILED"))
    control.put("GET /v1/models/abcd1234/deployments/dep0001/logs", {"logs": lines[::-1]})
    status, _, err = control.run("push", str(package), "--wait")
    assert status == 1 and re.findall(r"no weights (\d)", err) == ["4", "5"]


@pytest.mark.parametrize("state, status", [("SCALED_TO_ZERO", 0), ("UNHEALTHY", 1), ("INACTIVE", 1), ("BUILD_STOPPED", 1)])
def test_states_that_end_a_wait(control, package, state, status):
    control.put("GET /v1/models/abcd1234/deployments/dep0001", deployment(state))
    assert control.run("push", str(package), "--wait")[0] == status


def test_a_wait_has_a_limit(control, package):
    control.put("GET /v1/models/abcd1234/deployments/dep0001", deployment("DEPLOYING"))
    status, _, err = control.run("push", str(package), "--wait", "--timeout-seconds", "1")
    assert status == 1 and "not done after 1 seconds" in err


def promotion(status, **members):
    return {"promotions": [{"id": "p1", "status": status, "candidate_deployment_id": "dep0001", **members}]}


@pytest.mark.parametrize(
    "last, status, said",
    [("SUCCEEDED", 0, ""), ("FAILED", 1, "no plane"), ("CANCELED", 1, "CANCELED")],
)
def test_wait_for_a_promotion(control, package, last, status, said):
    control.put("GET /v1/models/abcd1234/environments/production", {"name": "production", **places(*MODEL["hosts"])})
    ended = promotion(last, error_message="no plane" if last == "FAILED" else None)
    # ACTIVE is not the end: traffic has not moved yet.
    control.put("GET /v1/models/abcd1234/environments/production/promotions", promotion("RELEASING"), ended)
    done, _, err = control.run("push", str(package), "--promote", "--wait")
    assert done == status and said in err


def test_tail_shows_the_log_meanwhile(control, package):
    control.put("GET /v1/models/abcd1234/deployments/dep0001", deployment("BUILDING"), deployment("ACTIVE"))
    control.put("GET /v1/models/abcd1234/deployments/dep0001/logs", {"logs": [{"timestamp": str(10**18), "message": "collecting"}]})
    status, _, err = control.run("push", str(package), "--tail")
    assert status == 0 and err.count("collecting") == 1


def test_a_failure_whose_log_was_shown_does_not_show_it_again(control, package):
    control.put("GET /v1/models/abcd1234/deployments/dep0001", deployment("BUILDING"), deployment("BUILD_FAILED"))
    control.put("GET /v1/models/abcd1234/deployments/dep0001/logs", {"logs": [{"timestamp": str(10**18), "message": "no such wheel"}]})
    status, _, err = control.run("push", str(package), "--tail")
    assert status == 1 and err.count("no such wheel") == 1


# --- naming


def test_a_name_of_several_teams_has_to_be_said_more_clearly(control):
    other = {**MODEL, "id": "zzzz9999", "team_name": "red"}
    control.put("GET /v1/models", {"models": [MODEL, other]})
    control.put("GET /v1/models/zzzz9999", other)
    status, _, err = control.run("models", "get", "echo")
    assert status == 1 and "abcd1234" in err and "zzzz9999" in err
    assert "zzzz9999" in control.fine("models", "get", "zzzz9999")
    control.put("GET /v1/teams/red/models", {"models": [other]})
    assert "zzzz9999" in control.fine("models", "get", "echo", "--team", "red")


def test_a_model_that_is_not_there(control):
    status, _, err = control.run("models", "get", "ecco")
    assert status == 1 and 'there is no model "ecco"' in err


def test_deployments_have_names_too(control):
    rows = [{"id": "one0001", "name": "first"}, {"id": "two0002", "name": "same", "environment": "prod-eu"}, {"id": "three03", "name": "same"}]
    control.put("GET /v1/models/abcd1234/deployments", {"deployments": rows})
    control.put("GET /v1/models/abcd1234/deployments/one0001", rows[0])
    control.put("POST /v1/models/abcd1234/environments/production/promote", deployment())
    assert "one0001" in control.fine("deployments", "get", "echo", "first")
    control.fine("env", "promote", "echo", "production", "first")
    assert control.sent("POST /v1/models/abcd1234/environments/production/promote")[0]["deployment_id"] == "one0001"
    status, _, err = control.run("deployments", "get", "echo", "same")
    assert status == 1 and "two0002 (prod-eu) three03" in err


@pytest.mark.parametrize("word", ["u1", "ADA@example.com", "ada"])
def test_users_are_named_as_people_know_them(control, word):
    control.put("GET /v1/users/u1", USERS[0])
    control.put("PATCH /v1/users/u1", USERS[0])
    control.put("POST /v1/api_keys", {"api_key": "k", "prefix": "p"})
    control.put("PATCH /v1/environment_groups/prod-eu", {"name": "prod-eu"})
    assert "ada@example.com" in control.fine("user", "get", word)
    control.fine("user", "update", word, "--role", "MEMBER")
    control.fine("user", "key", word)
    assert control.sent("POST /v1/api_keys")[0]["user_id"] == "u1"
    control.fine("group", "set", "prod-eu", "--restrict", word)
    assert control.sent("PATCH /v1/environment_groups/prod-eu")[0]["manage_access"]["user_ids"] == ["u1"]


@pytest.mark.parametrize("words", ["user get {}", "user delete {}", "user key {}", "group set prod-eu --restrict {}"])
def test_a_user_that_could_be_several_or_none(control, words):
    status, _, err = control.run(*words.format("bo").split())
    assert status == 1 and "u2 (b@example.com) u3 (c@example.com)" in err
    status, _, err = control.run(*words.format("nobody").split())
    assert status == 1 and 'there is no user "nobody"' in err
    assert {call.split()[0] for call in control.calls()} == {"GET"}


def test_one_asks_about_oneself_and_ids_without_the_list(control):
    control.put("GET /v1/users", (403, {"error": {"message": "no"}}))
    control.put("GET /v1/users/me", {"user_id": "user_0a"})
    control.put("GET /v1/users/user_0a", {"user_id": "user_0a"})
    for word in ("me", "user_0a"):
        assert "user_0a" in control.fine("user", "get", word)


# --- verbs


@pytest.mark.parametrize(
    "words, call, body",
    [
        ("models delete echo", "DELETE /v1/models/abcd1234", None),
        ("deployments get echo production", "GET /v1/models/abcd1234/deployments/production", None),
        ("deployments activate echo d1", "POST /v1/models/abcd1234/deployments/d1/activate", None),
        ("deployments deactivate echo d1", "POST /v1/models/abcd1234/deployments/d1/deactivate", None),
        ("deployments retry echo d1", "POST /v1/models/abcd1234/deployments/d1/retry", None),
        ("deployments wake echo d1", "POST /v1/models/abcd1234/deployments/d1/wake", None),
        ("deployments delete echo d1", "DELETE /v1/models/abcd1234/deployments/d1", None),
        ("deployments terminate echo d1 r1", "DELETE /v1/models/abcd1234/deployments/d1/replicas/r1", None),
        (
            "deployments promote echo d1 --keep-previous",
            "POST /v1/models/abcd1234/deployments/d1/promote",
            {"scale_down_previous_production": False, "preserve_env_instance_type": True},
        ),
        ("deployments config echo d1", "GET /v1/models/abcd1234/deployments/d1/config", None),
        ("deployments update echo d1 --min-replica 1", "PATCH /v1/models/abcd1234/deployments/d1/autoscaling_settings", {"min_replica": 1}),
        (
            "deployments create echo --url https://gpu.example.com --region FR --environment prod-eu",
            "POST /v1/models/abcd1234/deployments",
            {"source": {"kind": "external", "url": "https://gpu.example.com", "region": "FR", "environment_name": "prod-eu"}},
        ),
        ("env promotions echo prod-eu", "GET /v1/models/abcd1234/environments/prod-eu/promotions", None),
        ("usage", "GET /v1/usage", None),
        ("env get echo prod-eu", "GET /v1/models/abcd1234/environments/prod-eu", None),
        ("env delete echo prod-eu", "DELETE /v1/models/abcd1234/environments/prod-eu", None),
        ("env activate echo prod-eu", "POST /v1/models/abcd1234/environments/prod-eu/activate", None),
        ("env deactivate echo prod-eu", "POST /v1/models/abcd1234/environments/prod-eu/deactivate", None),
        ("env cancel echo prod-eu", "POST /v1/models/abcd1234/environments/prod-eu/cancel_promotion", None),
        (
            "env create echo prod-eu --min-replica 1",
            "POST /v1/models/abcd1234/environments",
            {"name": "prod-eu", "autoscaling_settings": {"min_replica": 1}},
        ),
        (
            "env update echo prod-eu --max-replica 4 --reset scale-down-delay",
            "PATCH /v1/models/abcd1234/environments/prod-eu",
            {"autoscaling_settings": {"max_replica": 4, "scale_down_delay": None}},
        ),
        (
            "env promote echo prod-eu d1 --dry-run",
            "POST /v1/models/abcd1234/environments/prod-eu/promote",
            {"deployment_id": "d1", "dry_run": True, "preserve_env_instance_type": True, "scale_down_previous_deployment": True},
        ),
        (
            "group set prod-eu --allow eu --exclude DE --standard-endpoint refuse",
            "PATCH /v1/environment_groups/prod-eu",
            {"region_rule": {"allow": ["eu"], "exclude": ["DE"]}, "standard_endpoint": "refuse"},
        ),
        ("group set prod-eu --clear-rule --team red", "PATCH /v1/teams/red/environment_groups/prod-eu", {"region_rule": None}),
        ("group set prod-eu --unrestrict", "PATCH /v1/environment_groups/prod-eu", {"manage_access": {"is_restricted": False, "user_ids": []}}),
        ("group get prod-eu", "GET /v1/environment_groups/prod-eu", None),
        ("secret delete token", "DELETE /v1/secrets/token", None),
        ("team create red", "POST /v1/teams", {"name": "red"}),
        ("models create other --team red", "POST /v1/teams/red/models", {"name": "other"}),
        ("user create a@b.c --role TEAM_ADMIN --in-team red", "POST /v1/users", {"email": "a@b.c", "role": "TEAM_ADMIN", "team_ids": ["red"]}),
        ("chains create flow", "POST /v1/chains", {"name": "flow"}),
        ("chains create flow --team red", "POST /v1/teams/red/chains", {"name": "flow"}),
        ("chains delete flow", "DELETE /v1/chains/flow1234", None),
        (
            "key new shop --type WORKSPACE_INVOKE --model echo --environment prod-eu --region FR --team red",
            "POST /v1/teams/red/api_keys",
            {"name": "shop", "type": "WORKSPACE_INVOKE", "model_ids": ["abcd1234"], "environments": ["prod-eu"], "region_rule": {"allow": "FR"}},
        ),
        ("user update u1 --name Ada", "PATCH /v1/users/u1", {"name": "Ada"}),
        ("user delete u1", "DELETE /v1/users/u1", None),
        ("user key u1", "POST /v1/api_keys", {"type": "PERSONAL", "user_id": "u1"}),
    ],
)
def test_verbs_are_calls(control, words, call, body):
    control.put(call, {"id": "x", "name": "y", "success": True})
    control.fine(*words.split())
    assert control.sent(call) == [body]
    # The server's refusal is the command's.
    control.put(call, (409, {"error": {"message": "somebody else has it"}, "message": "somebody else has it"}))
    status, _, err = control.run(*words.split())
    assert status == 1 and "somebody else has it (HTTP 409)" in err


@pytest.mark.parametrize(
    "words",
    [
        "models get",
        "models get a b",
        "models list a",
        "deployments list",
        "deployments get echo",
        "deployments create echo --url https://gpu.example.com",
        "deployments update echo d1",
        "env update echo prod-eu",
        "env update echo prod-eu --min-replica few",
        "env promote echo prod-eu",
        "group set prod-eu",
        "group set prod-eu --allow eu --clear-rule",
        "group set prod-eu --standard-endpoint maybe",
        "logs",
        "logs echo --since never",
        "logs echo --since 8d",
        "logs echo --deployment d --environment e",
        "secret set",
        "user update u1",
        "key new shop --type WORKSPACE_INVOKE --scope inference",
        "key new shop --model echo",
        "push",
    ],
)
def test_words_that_are_no_call(control, words):
    status, out, err = control.run(*words.split())
    assert status == 2 and err.startswith("ambit ") and not out
    assert control.requests == []


def test_restricting_takes_addresses_or_ids_from_all_pages(control):
    pages = [
        {"items": [{"user_id": "u1", "email": "one@example.com"}], "pagination": {"has_more": True, "cursor": "u1"}},
        {"items": [{"user_id": "u2", "email": "two@example.com"}], "pagination": {"has_more": False, "cursor": None}},
    ]
    control.put("GET /v1/users", *pages)
    control.put("PATCH /v1/environment_groups/prod-eu", {"name": "prod-eu"})
    control.fine("group", "set", "prod-eu", "--restrict", "two@example.com", "--restrict", "u1")
    assert control.sent("PATCH /v1/environment_groups/prod-eu") == [{"manage_access": {"is_restricted": True, "user_ids": ["u2", "u1"]}}]
    assert [r[2] for r in control.requests if r[1] == "/v1/users"] == ["", "cursor=u1"]
    control.put("GET /v1/users", pages[1])
    status, _, err = control.run("group", "set", "prod-eu", "--restrict", "three@example.com")
    assert status == 1 and "three@example.com" in err


# --- promoting


def test_promote_and_wait(control):
    control.put("POST /v1/models/abcd1234/environments/production/promote", deployment("DEPLOYING"))
    control.put("GET /v1/models/abcd1234/environments/production/promotions", promotion("RELEASING"), promotion("SUCCEEDED"))
    out = control.fine("env", "promote", "echo", "production", "old0001", "--wait")
    assert "dep0001 is in production" in out
    [body] = control.sent("POST /v1/models/abcd1234/environments/production/promote")
    assert body["deployment_id"] == "old0001" and "dry_run" not in body


# --- secrets


def test_a_secret_comes_from_standard_input_or_a_file(control, tmp_path):
    control.put("POST /v1/secrets", {"name": "token"})
    control.fine("secret", "set", "token", stdin="s3cret\n")
    (tmp_path / "value").write_text("two\nlines\n")
    control.fine("secret", "set", "token", "--value-file", str(tmp_path / "value"))
    assert [b["value"] for b in control.sent("POST /v1/secrets")] == ["s3cret", "two\nlines"]
    assert control.run("secret", "set", "token", stdin="")[0] == 1
    assert control.run("secret", "set", "token", stdin="x" * 70000)[0] == 1
    assert control.run("secret", "set", "token", "s3cret")[0] == 2
    assert len(control.sent("POST /v1/secrets")) == 2


def test_the_credential_of_a_server_comes_from_a_file(control, tmp_path):
    (tmp_path / "credential").write_text("token-1\n")
    words = ["deployments", "create", "echo", "--url", "http://127.0.0.1:1", "--region", "FR", "--credential-file"]
    control.fine(*words, str(tmp_path / "credential"), "--wait")
    control.fine(*words, "-", stdin="token-2")
    assert [b["source"]["credential"] for b in control.sent("POST /v1/models/abcd1234/deployments")] == ["token-1", "token-2"]
    assert control.run(*words, str(tmp_path / "none"))[0] == 1
    (tmp_path / "credential").write_bytes(b"\xff\xfe")
    assert control.run(*words, str(tmp_path / "credential"))[0] == 1
    assert len(control.sent("POST /v1/models/abcd1234/deployments")) == 2


# --- logs


def row(ms, message, **members):
    return {"timestamp": str(ms * 10**6), "message": message, "replica": "abcde", "level": "INFO", **members}


def test_logs_are_printed_in_columns_and_filtered_by_the_server(control):
    control.put("GET /v1/models/abcd1234/deployments/d1/logs", {"logs": [row(1795258800000, "hello \x1b[31m")]})
    out = control.fine("logs", "echo", "--deployment", "d1", "--min-level", "INFO", "--replica", "abcde", "--search", "h.l+", "--since", "2h")
    assert out == "2026-11-21T11:00:00.000Z  INFO     abcde       hello ?[31m\n"
    query = control.requests[-1][2]
    control.fine("logs", "echo", "--deployment", "d1", "--search", "-f")
    assert "search_pattern=-f" in control.requests[-1][2]
    assert "min_level=INFO" in query and "replica=abcde" in query and "search_pattern=h.l%2B" in query and "direction=asc" in query


def test_logs_without_more_are_those_of_the_newest_deployment(control):
    rows = [{"id": "new", "created_at": "2026-11-21T02:00:00Z"}, {"id": "old", "created_at": "2026-11-21T01:00:00Z"}]
    control.put("GET /v1/models/abcd1234/deployments", {"deployments": rows})
    control.put("GET /v1/models/abcd1234/deployments/new/logs", {"logs": [row(1, "x")]})
    assert control.fine("logs", "echo").endswith("x\n")


def test_a_long_log_is_read_page_by_page(control):
    now = int(time.time() * 1000)
    first = [row(now + i, f"line {i}") for i in range(1000)]
    control.put("GET /v1/models/abcd1234/environments/prod/logs", {"logs": first}, {"logs": [first[-1], row(now + 2000, "last")]})
    out = control.fine("logs", "echo", "--environment", "prod", "--json")
    messages = [json.loads(line)["message"] for line in out.splitlines()]
    assert messages == [f"line {i}" for i in range(1000)] + ["last"]
    assert control.requests[-1][2].endswith(f"start_epoch_millis={now + 999}")


def test_following_repeats_and_loses_nothing(control):
    path = "GET /v1/models/abcd1234/deployments/d1/logs"
    now = int(time.time() * 1000)
    a, b, c = row(now + 10000, "a"), row(now + 30000, "b"), row(now + 29000, "late")
    end = threading.Event()

    def last(_):
        end.set()
        return {"logs": [b]}

    control.put(path, {"logs": [a]}, {"logs": [a, b]}, {"logs": [c, b]}, (503, None), {"logs": []}, (200, last))
    env = {**os.environ, "AMBIT_API_KEY": KEY, "AMBIT_URL": control.url}
    follow = subprocess.Popen([BUILD / "ambit", "logs", "-f", "echo", "--deployment", "d1"], env=env, stdout=subprocess.PIPE, text=True)
    assert end.wait(60)
    follow.terminate()
    out, _ = follow.communicate(timeout=60)
    assert [line.split()[-1] for line in out.splitlines()] == ["a", "b", "late"]
    starts = [r[2].rsplit("=", 1)[1] for r in control.requests if r[1].endswith("/logs")]
    assert starts[1:4] == [str(now + 5000), str(now + 25000), str(now + 25000)]


# --- hosts


def test_hosts_and_their_lines(control):
    environments = [
        {"name": "production", "region_rule": None, **places(*MODEL["hosts"])},
        {"name": "prod-eu", "region_rule": {"allow": ["eu"]}, **places(*MODEL["hosts"], "model-abcd1234-prod-eu.localhost")},
    ]
    control.put("GET /v1/models/abcd1234/environments", {"environments": environments})
    control.put("GET /v1/chains", {"chains": []})
    assert control.fine("hosts", "--etc-hosts", "--address", "10.0.0.1") == (
        "10.0.0.1 model-abcd1234.localhost\n10.0.0.1 model-abcd1234-prod-eu.localhost\n"
    )
    rows = json.loads(control.fine("hosts", "--json"))
    assert [(r["host"], r["environment"]) for r in rows] == [
        ("model-abcd1234.localhost", None),
        ("model-abcd1234-prod-eu.localhost", "prod-eu"),
    ]
    assert re.search(r"^http://model-abcd1234-prod-eu\.localhost:4000 +echo +prod-eu", control.fine("hosts"), re.M)
    assert "http://model-abcd1234.localhost:4000" in control.fine("models", "list")
    assert "http://model-abcd1234-prod-eu.localhost:4000" in control.fine("env", "list", "echo")


# --- all commands


def ambit(*words):
    done = subprocess.run([BUILD / "ambit", *words], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout, done.stderr


def all_commands():
    """Each command, or each of its verbs, as words; from what --help lists."""
    lines = [line for line in ambit("--help")[1].splitlines() if line.startswith("  ")]
    for command in (line.split()[0] for line in lines):
        said = ambit(command, "--help")[1]
        verbs = [line.split()[0] for line in said.splitlines() if line.startswith("  ")] if "VERB --help" in said else []
        yield from ([command, verb] for verb in verbs) if verbs else [[command]]


def test_each_command_explains_itself():
    commands = list(all_commands())
    assert len(commands) > 60 and ["push"] in commands and ["env", "promote"] in commands
    for words in commands:
        status, out, err = ambit(*words, "--help")
        assert status == 0 and not err and out.startswith(f"usage: ambit {' '.join(words)}"), words
        options = [line for line in out.splitlines() if line.startswith("  --")]
        assert all(len(line.split(None, 2)) >= 2 for line in options) and any("--help" in line for line in options), words
        assert len(out.splitlines()[0]) < 110, words
        for example in out.partition("for example:\n")[2].splitlines():
            assert example.startswith(f"  ambit {' '.join(words)} "), words
        own = {option for line in out.partition("for example:")[0].splitlines() if line.startswith("  --") for option in line.split()[:1]}
        assert set(re.findall(r" (--[a-z-]+)", out.partition("for example:")[2])) <= own, words


def test_each_command_refuses_an_option_that_it_has_not():
    for words in all_commands():
        status, out, err = ambit(*words, "--no-such-thing")
        assert (status, out) == (2, "") and err.startswith(f"ambit {' '.join(words)}: there is no option --no-such-thing"), words
    assert ambit("no-such-command")[0] == ambit("env", "no-such-verb")[0] == ambit("env")[0] == 2


def test_all_lists_print_rows(control):
    row = {"id": "r1", "name": "n", "user_id": "r1", "email": "e", "region": "r1", "object": "r1", "model_id": "r1"}
    for words, path, member in (
        ("key list", "/v1/keys", "keys"),
        ("endpoint list", "/v1/endpoints", "endpoints"),
        ("region list", "/v1/regions", "regions"),
        ("audit", "/v1/audit", "events"),
        ("models list", "/v1/models", "models"),
        ("team list", "/v1/teams", "teams"),
        ("user list", "/v1/users", "items"),
        ("secret list", "/v1/secrets", "secrets"),
        ("group list", "/v1/environment_groups", "environment_groups"),
        ("instance-types", "/v1/instance_types", "instance_types"),
        ("usage", "/v1/usage", "usage"),
    ):
        control.put(f"GET {path}", {member: [row]})
        assert json.loads(control.fine(*words.split(), "--json")) == [row], words
        head, line = control.fine(*words.split()).splitlines()
        assert head == head.upper() and ("r1" in line or "n" in line.split()), words
        control.put(f"GET {path}", {member: []})
        assert control.fine(*words.split()) == "none\n", words


def test_the_example_packages_can_be_pushed(control):
    for folder in pathlib.Path(ROOT / "examples/truss").iterdir():
        if folder.is_dir():
            control.fine("push", str(folder), "--model-name", "echo")


ODD = [None, [], {}, "x", 1, {"models": None}, {"models": [1]}, {"models": [{"id": 1, "name": []}]}, {"models": [MODEL], "pagination": {"cursor": 5}}]


@pytest.mark.parametrize("odd", ODD, ids=json.dumps)
def test_a_server_that_answers_oddly_crashes_nothing(control, package, odd):
    for words in (["push", str(package), "--environment", "e"], ["models", "get", "echo"], ["hosts"], ["logs", "echo"]):
        control.put("GET /v1/models", odd)
        assert control.run(*words)[0] in (0, 1), words
    control.put("GET /v1/models", {"models": [MODEL]})
    paths = ["models", "models/abcd1234/deployments", "models/abcd1234/environments", "models/abcd1234/environments/e", "packages", "api_keys", "users"]
    paths += ["models/abcd1234/deployments/dep0001", "models/abcd1234/deployments/dep0001/logs", "models/abcd1234/environments/e/promotions"]
    paths += ["models/abcd1234/environments/e/promote", "environment_groups/e"]
    for path in paths:
        for method in ("GET", "POST", "PATCH"):
            if (method, path) != ("GET", "models"):
                control.put(f"{method} /v1/{path}", odd)
    for words in (
        ["push", str(package), "--wait", "--timeout-seconds", "1"],
        ["env", "promote", "echo", "e", "dep0001", "--wait", "--timeout-seconds", "1"],
        ["env", "get", "echo", "e"],
        ["env", "list", "echo"],
        ["env", "update", "echo", "e", "--min-replica", "1"],
        ["env", "promotions", "echo", "e"],
        ["deployments", "list", "echo"],
        ["deployments", "get", "echo", "dep0001"],
        ["deployments", "create", "echo", "--url", "http://x", "--region", "FR"],
        ["logs", "echo", "--deployment", "dep0001"],
        ["hosts", "--etc-hosts"],
        ["key", "new", "k", "--type", "PERSONAL"],
        ["user", "list"],
        ["user", "key", "u"],
        ["user", "create", "a@b.c"],
        ["group", "set", "e", "--restrict", "a@b.c"],
    ):
        status, _, err = control.run(*words)
        assert status in (0, 1), (words, status, err)
