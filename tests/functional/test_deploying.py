"""docs/deploying.md from its first command to its last, and what the command line says of real deployments that go wrong or are looked at while they run."""

import json
import os
import random
import re
import signal
import subprocess

import pytest
from regional import EU, GROUPS, US, Server, config_of, package
from world import BUILD, KEY, ROOT, Sim

ECHO = "class Model:\n    def predict(self, model_input):\n        print('was asked', model_input['text'])\n        return model_input\n"


def example_config():
    """The example's, on ports that nothing else is likely to use."""
    first = random.randrange(20000, 31000, 100)
    ports = iter([first, first + 49, first + 50, first + 99])
    text = (ROOT / "examples/deploying.yaml").read_text()
    assert len(re.findall(r"_port: \d+", text)) == 4
    return re.sub(r"_port: \d+", lambda _: f"_port: {next(ports)}", text)


@pytest.fixture
def shell(tmp_path):
    """One shell for the whole page: (commands with what each printed, exit status)."""
    server, sim = Server(tmp_path, example_config()), Sim(tmp_path, ["scaleway-par-1"])

    def run(page):
        here = page.replace(":4000/", f":{server.port}/").replace(":9101 ", f":{sim.ports['scaleway-par-1']} ")
        commands = re.findall(r"^\$ (.+)$", here, re.M)
        script = "set -eo pipefail\n" + "\n".join(f"echo '@@@ {i}'\n{command}" for i, command in enumerate(commands))
        env = {**os.environ, "AMBIT_URL": server.control_url, "AMBIT_API_KEY": KEY, "PATH": f"{BUILD}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-c", script], env=env, cwd=ROOT, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:] + server.text()[-2000:]
        return dict(zip(commands, re.split(r"@@@ \d+\n", done.stdout)[1:]))

    yield run
    sim.stop()
    server.stop()


def test_the_manual_from_its_first_command_to_its_last(shell):
    page = (ROOT / "docs/deploying.md").read_text()
    said = shell(page)
    assert len(said) > 25
    answers = [json.loads(out) for command, out in said.items() if command.startswith("curl")]
    development = answers.pop(2)
    assert (development["text"], development["environment"]) == ("you said: hello", None)
    assert [(a["text"], a["environment"], a["region"]) for a in answers] == [("you said: hello", "prod-eu", "scaleway-par-1")] * 3

    def output(words):
        return next(out for command, out in said.items() if words in command)

    assert "paris" in output("deployments replicas") and "virginia" not in output("deployments replicas")
    plan = output("second --dry-run")
    assert re.search(r"redeploys +yes", plan) and "region rule" in plan and "virginia" not in plan
    assert "is in prod-eu" in output("prod-eu second --wait")
    assert output("env promotions").count("SUCCEEDED") == 2
    assert "the model is loaded" in output("ambit logs echo")
    assert re.search(r"autoscaling_settings.max_replica +3\n", output("env get"))
    assert re.search(r"deployment-1 +ACTIVE +prod-eu +1 +FR", output("deployments list translator"))
    assert output("ambit usage").count("echo") >= 2


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp("deploying"), config_of(more=GROUPS))
    yield s
    s.stop()


def test_what_fails_says_why_with_its_log(server, tmp_path):
    broken = package(tmp_path, "broken", "class Model:\n    def load(self):\n        raise RuntimeError('no weights in ' + 'the attic')\n    def predict(self, i):\n        return i\n")
    code, _, err = server.cli("push", str(broken), "--environment", "prod-eu", "--wait")
    assert code == 1 and "DEPLOY_FAILED" in err and "is FAILED" in err, err
    assert "no weights in the attic" in err[err.index("the last lines of its log:") :]


def test_dry_run_makes_nothing(server, tmp_path):
    folder = str(package(tmp_path, "later", ECHO))
    code, out, err = server.cli("push", folder, "--environment", "prod-us", "--dry-run")
    assert code == 0 and "would be made" in out, err
    assert f"({US})" in out and f"({EU})" not in out and "it was pushed to the environment" in out and "max_replica" in out
    code, out, err = server.cli("push", folder, "--dry-run", "--json")
    assert code == 0 and {plane["region"] for plane in json.loads(out)["planes"]} == {EU, US}, err
    assert "later" not in [m["name"] for m in server.get("/v1/models")["models"]]


def test_dry_run_and_push_fail_for_the_same_reason(server, tmp_path):
    folder = str(package(tmp_path, "nowhere", ECHO))
    said = []
    for more in (["--dry-run"], []):
        code, _, err = server.cli("push", folder, "--environment", "prod-jp", *more)
        assert code == 1
        said.append([line for line in err.splitlines() if not line.startswith("upload")])
    assert said[0] == said[1] and "plane" in said[0][0] and "jp" in said[0][0].lower()
    assert "nowhere" not in [m["name"] for m in server.get("/v1/models")["models"]]


def test_a_plan_says_what_the_push_does(server, tmp_path):
    folder = str(package(tmp_path, "planned", ECHO))
    first = server.push(folder, "--environment", "prod-eu", "--wait")
    code, out, err = server.cli("push", folder, "--environment", "prod-eu", "--dry-run", "--json")
    plan = json.loads(out)
    assert code == 0 and plan["previous_deployment_id"] == first["deployment_id"], err
    assert plan["region_rule"] == {"allow": ["eu"]} and [p["region"] for p in plan["planes"]] == [EU]
    second = server.push(folder, "--environment", "prod-eu", "--wait")
    promotion = server.environment(first["model_id"], "prod-eu")["last_promotion"]
    assert promotion["candidate_deployment_id"] == second["deployment_id"]
    assert (promotion["reason"], promotion["redeployed"]) == (plan["reason"], plan["redeploys"])
    code, out, err = server.cli("env", "promote", "planned", "production", second["deployment_id"], "--dry-run", "--json")
    assert code == 0 and set(json.loads(out)) == set(plan) - {"model_id", "model_name", "package"}, err


def test_a_development_deployment_is_replaced_by_the_next(server, tmp_path):
    folder = package(tmp_path, "draft", ECHO)
    code, out, err = server.cli("push", str(folder), "--development", "--wait")
    assert code == 0, err
    host, path = re.search(r"endpoint +(?:https?://)?([^/\s]+)(/development/predict)\n", out).groups()
    assert server.call(host, path, {"text": "one"}).json() == {"text": "one"}
    [model] = [m for m in server.get("/v1/models")["models"] if m["name"] == "draft"]
    assert model["development_deployment_id"] and model["development_deployment_id"] in out
    (folder / "model/model.py").write_text(ECHO.replace("return model_input", "return {'new': True}"))
    code, out, err = server.cli("push", str(folder), "--development", "--dry-run", "--json")
    assert code == 0 and json.loads(out)["previous_deployment_id"] == model["development_deployment_id"], err
    pushed = server.push(folder, "--development", "--wait")
    assert server.call(host, path, {"text": "two"}).json() == {"new": True}
    [now] = server.get(f"/v1/models/{model['id']}/deployments")["deployments"]
    assert now["id"] == pushed["deployment_id"] and now["is_development"]
    code, out, err = server.cli("deployments", "get", "draft", "development", "--json")
    assert code == 0 and json.loads(out)["id"] == now["id"], err


def test_an_environment_that_nobody_has_heard_of(server, tmp_path):
    folder = str(package(tmp_path, "lost", ECHO))
    code, _, err = server.cli("push", folder, "--environment", "canary")
    assert code == 1 and "ambit models create lost" in err and "ambit env create lost canary" in err
    assert server.cli("models", "create", "lost")[0] == 0 and server.cli("env", "create", "lost", "canary")[0] == 0
    # Its name alone is no group for another model.
    code, _, err = server.cli("push", str(package(tmp_path, "found", ECHO)), "--environment", "canary")
    assert code == 1 and "ambit env create found canary" in err
    assert "found" not in [m["name"] for m in server.get("/v1/models")["models"]]


def test_a_log_is_followed_while_it_grows(server, tmp_path):
    pushed = server.push(package(tmp_path, "talker", ECHO), "--environment", "prod-eu", "--wait")
    assert pushed["status"] == "ACTIVE" and pushed["environment"] == "prod-eu"
    env = {**os.environ, "AMBIT_API_KEY": KEY, "AMBIT_URL": server.control_url}
    follow = subprocess.Popen([BUILD / "ambit", "logs", "talker", "-f"], env=env, stdout=subprocess.PIPE, text=True)
    lines = []
    try:
        for word in ("one", "two"):
            assert server.predict(pushed["model_id"], "prod-eu", {"text": word}).status_code == 200
            for line in follow.stdout:
                lines.append(line)
                if f"was asked {word}" in line:
                    break
    finally:
        follow.terminate()
        follow.wait(30)
    assert len([line for line in lines if "was asked" in line]) == 2
    assert any("the model is loaded" in line for line in lines)
    code, out, _ = server.cli("logs", "talker", "--search", "was asked t", "--json")
    assert code == 0 and [json.loads(line)["message"] for line in out.splitlines()] == ["was asked two"]


def test_a_wait_outlives_a_crash_of_control(server, tmp_path):
    slow = package(tmp_path, "slow", "import time\nclass Model:\n    def load(self):\n        time.sleep(4)\n" + ECHO.partition("\n")[2])
    env = {**os.environ, "AMBIT_API_KEY": KEY, "AMBIT_URL": server.control_url}
    words = [BUILD / "ambit", "push", slow, "--environment", "prod-eu", "--tail", "--timeout-seconds", "100", "--json"]
    push = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = ""
    while "LOADING_MODEL" not in said and "ACTIVE" not in said:
        line = push.stderr.readline()
        assert line, said
        said += line
    os.kill(server.child("control"), signal.SIGKILL)
    out, err = push.communicate(timeout=120)
    assert push.returncode == 0 and json.loads(out)["status"] == "ACTIVE", said + err


def test_inactive_and_back(server, tmp_path):
    pushed = server.push(package(tmp_path, "sleeper", ECHO), "--wait")
    model, deployment = pushed["model_id"], pushed["deployment_id"]
    path = f"/deployment/{deployment}/predict"
    assert server.call(server.host(model), path, {"text": "x"}).status_code == 200
    assert server.cli("deployments", "deactivate", "sleeper", deployment)[0] == 0
    server.wait(lambda: server.deployment(model, deployment)["status"] == "INACTIVE")
    assert server.call(server.host(model), path, {"text": "x"}).status_code == 404
    code, _, err = server.cli("env", "promote", "sleeper", "production", deployment)
    assert code == 1 and "activate" in err
    assert server.cli("deployments", "activate", "sleeper", deployment)[0] == 0
    code, out, err = server.cli("env", "promote", "sleeper", "production", deployment, "--wait")
    assert code == 0 and "is in production" in out, err
    assert server.call(server.host(model), "/production/predict", {"text": "x"}).status_code == 200
    assert server.cli("env", "delete", "sleeper", "production")[0] == 1
