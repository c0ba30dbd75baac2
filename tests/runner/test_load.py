"""From the start of the process to the first request: what a model is given, when it is ready, and what a failure says."""

import json

import pytest
from conftest import until

GIVEN = """
    import os

    class Model:
        def __init__(self, {arguments}):
            self.given = {{k: v for k, v in locals().items() if k not in ("self", "kwargs")}}
            self.given.update(locals().get("kwargs", {{}}))

        def predict(self, model_input):
            return {{k: str(v) for k, v in self.given.items()}}
"""


# 10^9 items in a few hundred bytes.
LAUGHS = "l0: &l0 [lol]\n" + "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 10)) + "requirements: *l9\n"


def last_line(runner):
    return json.loads(runner.log().strip().splitlines()[-1])


def test_probes_answer_while_the_model_loads(start, tmp_path):
    go = tmp_path / "go"
    runner = start(
        """
        import os, time
        class Model:
            def load(self):
                while not os.path.exists(os.environ["GO"]):
                    time.sleep(0.01)
            def predict(self, model_input):
                return model_input
        """,
        GO=str(go),
    ).listening()
    assert runner.status("/") == 200
    for path in ("/v1/models/model", "/v1/models/model/loaded", "/v1/models/model/schema", "/ping"):
        assert runner.status(path) == 503
    early = runner.predict({"a": 1})
    assert early.status_code == 503
    assert early.json() == {"error": "The model is not ready."}
    assert early.headers["x-baseten-error-source"] == "04"
    assert early.headers["x-baseten-error-code"] == "500"
    go.touch()
    runner.ready()
    assert runner.http.get("/v1/models/model").json() == {}
    assert runner.status("/v1/models/model/loaded") == 200
    assert runner.status("/ping") == 200
    assert runner.predict({"a": 1}).json() == {"a": 1}


def test_only_named_arguments_are_passed(start):
    given = start(GIVEN.format(arguments="data_dir, environment"), environment={"name": "prod-eu"}).ready().predict(0).json()
    assert set(given) == {"data_dir", "environment"}
    assert given["environment"] == "{'name': 'prod-eu'}"
    assert given["data_dir"].endswith("/package/data")


def test_keyword_arguments_take_all(start):
    given = start(GIVEN.format(arguments="**kwargs"), config="model_name: all\n").ready().predict(0).json()
    assert set(given) == {"config", "data_dir", "secrets", "lazy_data_resolver", "environment"}
    assert given["environment"] == given["lazy_data_resolver"] == "None"
    assert given["config"] == "{'model_name': 'all'}"


@pytest.mark.parametrize("load", ["def load(self):", "async def load(self):"])
def test_a_load_that_fails_ends_the_process(start, load):
    runner = start(
        f"""
        class Model:
            {load}
                raise ValueError("no weights here")
            def predict(self, model_input):
                return 1
        """
    )
    assert runner.ended() == 1
    assert "Traceback" in runner.log()
    assert last_line(runner) == {"level": "error", "message": "the model could not be loaded: ValueError: no weights here"}


@pytest.mark.parametrize(
    "model, config, words",
    [
        ("class Model:\n  def predict(self): pass", "", "Model.predict takes 0 arguments"),
        ("class Model:\n  def predict(self, a, b): pass", "", "annotate 'b' as starlette.requests.Request"),
        ("class Model:\n  pass", "", "has none of the methods predict,"),
        ("class Other:\n  pass", "", "model/model.py has no class 'Model'"),
        ("class Model:\n  def websocket(self, ws): pass", "", "Model.websocket has to be `async def`"),
        ("import nowhere_to_be_found", "", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("class Model:\n  def load(self): raise SystemExit(0)\n  def predict(self, x): pass", "", "SystemExit(0)"),
        (None, "", "the package has no model/model.py"),
        ("", "model_module_dir: ../..\n", "model_class_filename: '../../model.py' leads out of the package"),
        ("", "external_package_dirs: [shared]\n", "external_package_dirs: there is no folder 'shared'"),
        ("", "runtime: {predict_concurrency: 0}\n", "runtime.predict_concurrency: expected a number of at least 1, found 0"),
        ("", "docker_server: {start_command: x}\n", "has a server of its own"),
        ("", "- a\n", "expected a mapping"),
        ("", "a: [\n", "config.yaml is not YAML"),
        ("", "a: 2026-13-45\n", "config.yaml is not YAML: month must be in 1..12"),
        ("", "a: !!int ''\n", "config.yaml is not YAML"),
        ("", "a: !!timestamp b\n", "config.yaml is not YAML"),
        ("", "a: " + "[" * 100_000 + "\n", "config.yaml is not YAML: it is nested too deeply"),
        ("", LAUGHS, "requirements: expected a list of texts, found "),
        ("", "secrets: [hunter2]\n", "secrets: expected a mapping, found a list"),
        ("", "environment_variables: hunter2\n", "environment_variables: expected a mapping, found a text"),
    ],
)
def test_what_is_wrong_with_a_package_is_the_last_line(start, model, config, words):
    runner = start(model, config=config)
    assert runner.ended() == 1
    assert words in last_line(runner)["message"]
    assert len(last_line(runner)["message"]) < 300
    assert "hunter2" not in runner.log()


def test_a_port_that_is_taken(start):
    first = start("class Model:\n  def predict(self, x): return 1").ready()
    second = start("class Model:\n  def predict(self, x): return 1", PORT=str(first.port))
    assert second.ended() == 1
    assert f"port {first.port} cannot be listened on" in last_line(second)["message"]


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("PORT", "web", "PORT='web': expected a number that is not negative"),
        ("PORT", "70000", "port 70000 cannot be listened on"),
        ("AMBIT_GRACE_SECONDS", "-1", "AMBIT_GRACE_SECONDS='-1': expected"),
        ("AMBIT_GRACE_SECONDS", "nan", "AMBIT_GRACE_SECONDS='nan': expected"),
        ("AMBIT_DEAF_SOCKET_SECONDS", "", "AMBIT_DEAF_SOCKET_SECONDS='': expected"),
    ],
)
def test_a_variable_that_is_no_number(start, name, value, words):
    runner = start("class Model:\n  def predict(self, x): return 1", **{name: value})
    assert runner.ended() == 1
    assert words in last_line(runner)["message"]


def test_other_names_relative_imports_and_folders(start):
    runner = start(
        config="""
            model_module_dir: src
            model_class_filename: serving.py
            model_class_name: Greeter
            bundled_packages_dir: bundled
            external_package_dirs: [shared/]
            data_dir: files
        """,
        files={
            "src/serving.py": """
                from bundled_one import ONE
                from shared_two import TWO
                from .near import THREE
                class Greeter:
                    def __init__(self, data_dir):
                        self.text = (data_dir / "four").read_text()
                    def predict(self, model_input):
                        return [ONE, TWO, THREE, self.text]
            """,
            "src/near.py": "THREE = 3",
            "bundled/bundled_one.py": "ONE = 1",
            "shared/shared_two.py": "TWO = 2",
            "files/four": "4",
        },
    ).ready()
    assert runner.predict(0).json() == [1, 2, 3, "4"]


def test_the_folder_it_is_started_in_is_not_imported_from(start, tmp_path):
    for name in ("yaml", "asyncio", "uvicorn"):
        (tmp_path / "runner0").mkdir(exist_ok=True)
        (tmp_path / "runner0" / f"{name}.py").write_text("raise SystemExit(9)")
    assert start("class Model:\n  def predict(self, x): return x").ready().predict(1).json() == 1


def test_environment_variables_of_the_package(start):
    runner = start(
        """
        import os
        AT_IMPORT = os.environ["COLOUR"]
        class Model:
            def predict(self, model_input):
                return [AT_IMPORT, os.environ["COUNT"], os.environ["FLAG"], os.environ["RATE"], os.environ["AMBIT_REGION"], os.environ["BT_MODEL_ID"], os.getcwd() == os.environ["APP_HOME"],
                        os.environ["PORT"] == "1"]
        """,
        config="environment_variables: {COLOUR: green, COUNT: 3, FLAG: true, RATE: 1.10, AMBIT_REGION: elsewhere, PORT: 1}\n",
        AMBIT_REGION="ovh-gra-1",
        BT_MODEL_ID="abcd1234",
    ).ready()
    assert runner.predict(0).json() == ["green", "3", "true", "1.1", "ovh-gra-1", "abcd1234", True, False]
    assert "AMBIT_REGION belongs to the runner" in runner.log()


def test_secrets(start):
    runner = start(
        """
        class Model:
            def __init__(self, secrets):
                self.secrets = secrets
            def predict(self, name):
                return [self.secrets[name], repr(self.secrets), self.secrets.get("absent", "default"), len(self.secrets)]
        """,
        config="secrets: {token: null, absent: null}\n",
        TRUSS_SECRET_token="s3cr3t",
        TRUSS_SECRET_other="not listed",
    ).ready()
    assert runner.predict("token").json() == ["s3cr3t", "Secrets(token, absent)", "default", 1]
    assert runner.predict("absent").status_code == 500
    runner.says("secret 'absent' is listed in config.yaml, but has no value")
    assert runner.predict("other").status_code == 500
    runner.says("secret 'other' is not listed in config.yaml")
    assert "s3cr3t" not in runner.log()


HOOK = """
    class Model:
        def __init__(self):
            self.calls = []
        def setup_environment(self, environment):
            self.calls.append(environment)
            if environment == {"name": "bad"}:
                raise ValueError("bad environment")
        def load(self):
            self.calls.append("load")
        def predict(self, model_input):
            return self.calls
"""


def write_environment(runner, text):
    """By renaming, since an empty file says that there is none."""
    replacement = runner.dynamic / "new"
    replacement.write_text(text)
    replacement.rename(runner.dynamic / "environment")


def test_setup_environment_runs_before_load_and_when_the_content_changes(start):
    runner = start(HOOK, environment={"name": "staging"}).ready()
    calls = [{"name": "staging"}, "load"]
    assert runner.predict(0).json() == calls
    write_environment(runner, '{ "name":   "staging" }')
    for n, nonsense in enumerate(["not json", "[" * 50_000, '{"name": 1}'], 1):
        write_environment(runner, nonsense)
        until(lambda: runner.log().count("it is passed over") > n, f"{nonsense[:9]!r} passed over")
    assert runner.predict(0).json() == calls
    for written, called in [('{"name": "bad"}', {"name": "bad"}), ('{"name": "production"}', {"name": "production"}), ("", None)]:
        write_environment(runner, written)
        calls.append(called)
        runner.says(f"the environment is now {called['name'] if called else 'none'}")
        until(lambda: runner.predict(0).json() == calls, f"the calls {calls}")
    assert "setup_environment failed" in runner.log()


def test_readiness_says_which_environment_the_model_is_set_up_for(start):
    runner = start(HOOK, environment={"name": "staging"}).ready()

    def says():
        return runner.http.get("/v1/models/model").headers["x-ambit-environment"]

    def is_told(name):
        write_environment(runner, json.dumps({"name": name}) if name else "")
        runner.says(f"the environment is now {name or 'none'}")

    assert says() == "staging"
    is_told("bad")
    runner.says("setup_environment failed")
    assert says() == "staging"
    is_told("production")
    until(lambda: says() == "production", "the model knows")
    is_told("")
    until(lambda: says() == "", "the model knows")


def test_readiness_reads_the_environment_by_itself(start):
    model = """
        class Model:
            def predict(self, model_input):
                return model_input
    """
    runner = start(model, AMBIT_ENVIRONMENT_POLL_SECONDS="3600").ready()
    write_environment(runner, '{"name": "production"}')
    until(lambda: runner.http.get("/v1/models/model").headers["x-ambit-environment"] == "production", "the model knows")


def test_without_an_environment_the_hook_is_not_called(start):
    assert start(HOOK).ready().predict(0).json() == ["load"]


def test_a_hook_that_fails_at_the_start_is_a_load_that_fails(start):
    runner = start(HOOK, environment={"name": "bad"})
    assert runner.ended() == 1
    assert last_line(runner)["message"] == "the model could not be loaded: ValueError: bad environment"


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_is_healthy_decides_readiness_not_requests(start, tmp_path, kind):
    mood = tmp_path / "mood"
    runner = start(
        f"""
        import os
        class Model:
            {kind} is_healthy(self):
                if not os.path.exists(os.environ["MOOD"]):
                    return True
                return bool(int(open(os.environ["MOOD"]).read()))
            def predict(self, model_input):
                return 1
        """,
        MOOD=str(mood),
    ).ready()
    mood.write_text("0")
    assert runner.status() == 503
    assert runner.status("/v1/models/model/loaded") == 200
    assert runner.predict(0).json() == 1
    mood.write_text("1")
    assert runner.status() == 200
    mood.write_text("?")
    assert runner.status() == 503
    runner.says("is_healthy failed")


def test_a_log_that_nobody_reads(start):
    runner = start(
        """
        import logging, sys
        class Model:
            def predict(self, model_input):
                print("out")
                print("err", file=sys.stderr)
                logging.warning("logged")
                return 1
        """,
        unread=True,
    ).ready()
    assert runner.predict(0).json() == 1
    assert runner.predict(0).json() == 1


def test_a_model_that_takes_anything(start):
    assert start("class Model:\n  def predict(self, *inputs, **more): return inputs").ready().predict(1).json() == [1]


def test_log_lines_and_prints(start):
    runner = start(
        """
        import logging
        class Model:
            def predict(self, model_input):
                print("a plain line")
                logging.getLogger("mine").info("a logged line")
                logging.debug("a line for debugging")
                return 1
        """,
        config="runtime: {enable_debug_logs: true}\n",
    ).ready()
    runner.predict(0, headers={"x-baseten-request-id": "abc123", "x-request-id": "other"})
    runner.says("a plain line\n")
    assert {"level": "info", "message": "a logged line", "request_id": "abc123"} in runner.lines()
    assert {"level": "debug", "message": "a line for debugging", "request_id": "abc123"} in runner.lines()
