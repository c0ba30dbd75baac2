"""Building a package's environment: what is installed, whose versions win, and what a failure says. Without a network."""

import subprocess
import zipfile

import pytest
from conftest import run_build, write_package

# Nothing may be asked of an index; what is not in the package is not there.
OFFLINE = {"PIP_NO_INDEX": "1"}


def wheel(folder, name, version, source, requires=()):
    """A wheel by hand, which needs nothing to be built."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(f"Requires-Dist: {r}\n" for r in requires)
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{n},,\n" for n in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path.name


def run_in(venv, code):
    found = subprocess.run([venv / "bin/python", "-c", code], capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def test_a_requirement_is_installed_and_served(start, tmp_path):
    package = write_package(
        tmp_path / "package",
        "import tiny\nclass Model:\n    def predict(self, x):\n        return tiny.NAME\n",
        "requirements: [./wheels/tiny-1.0-py3-none-any.whl]\n",
    )
    wheel(package / "wheels", "tiny", "1.0", "NAME = 'tiny one'\n")
    venv = tmp_path / "venv"
    built = run_build(package, venv, **OFFLINE)
    assert built.returncode == 0, built.stdout
    assert built.stdout.splitlines()[-1] == "build finished"
    assert "Successfully installed tiny-1.0" in built.stdout
    assert start(package=package, interpreter=venv / "bin/python").ready().predict(0).json() == "tiny one"


def test_a_requirements_file_and_a_second_build(tmp_path):
    package = write_package(
        tmp_path / "package", "", "requirements_file: deps/list.txt\n", {"deps/list.txt": "./wheels/tiny-1.0-py3-none-any.whl\n"}
    )
    wheel(package / "wheels", "tiny", "1.0", "NAME = 1\n")
    venv = tmp_path / "venv"
    assert run_build(package, venv, **OFFLINE).returncode == 0
    assert run_in(venv, "import tiny; print(tiny.NAME)") == "1"
    (package / "config.yaml").write_text("model_name: x\n")
    assert run_build(package, venv, **OFFLINE).returncode == 0
    assert run_in(venv, "import importlib.util as u; print(u.find_spec('tiny'))") == "None"


def test_the_packages_versions_go_before_the_runners(tmp_path):
    package = write_package(tmp_path / "package", "", "requirements: [./wheels/click-99.0-py3-none-any.whl]\n")
    wheel(package / "wheels", "click", "99.0", "NAME = 'own'\nclass Choice:\n    pass\n")
    venv = tmp_path / "venv"
    run_build(package, venv, **OFFLINE)
    assert run_in(venv, "import click; print(click.__file__)").startswith(str(venv))


def test_a_version_that_the_runner_cannot_use(tmp_path):
    package = write_package(tmp_path / "package", "", "requirements: [./wheels/starlette-0.1-py3-none-any.whl]\n")
    wheel(package / "wheels", "starlette", "0.1", "")
    built = run_build(package, tmp_path / "venv", **OFFLINE)
    assert built.returncode == 1
    assert built.stdout.splitlines()[-1].startswith("build failed: the runner does not work with the versions that the package asks for: ")


@pytest.mark.parametrize(
    "config, words",
    [
        ("requirements: [no-such-thing==1.2]\n", ["requirement 'no-such-thing==1.2' could not be installed", "No matching distribution found"]),
        ("requirements: ['# fine', 'two words']\n", ["requirement 'two words' could not be installed", "Invalid requirement"]),
        ("requirements: [./none.whl]\n", ["requirement './none.whl' could not be installed"]),
        ("requirements: [./wheels/needs-1.0-py3-none-any.whl]\n", ["requirement './wheels/needs-1.0", "No matching distribution found for absent"]),
        (
            "requirements: [./wheels/needs-1.0-py3-none-any.whl, ./wheels/absent-1.0-py3-none-any.whl]\n",
            ["Cannot install", "conflicting dependencies"],
        ),
        ("requirements: 7\n", ["requirements: expected a list of texts, found 7"]),
        ("requirements: [a]\nrequirements_file: b\n", ["exclude each other"]),
        ("requirements_file: absent.txt\n", ["the package has no file 'absent.txt'"]),
        ("requirements_file: ../secret.txt\n", ["leads out of the package"]),
        ("requirements_file: pyproject.toml\n", ["pyproject.toml is not read"]),
    ],
)
def test_the_last_line_says_what_failed(tmp_path, config, words):
    package = write_package(tmp_path / "package", "", config, {"pyproject.toml": ""})
    wheel(package / "wheels", "needs", "1.0", "", ["absent>=2"])
    wheel(package / "wheels", "absent", "1.0", "")
    built = run_build(package, tmp_path / "venv", **OFFLINE)
    assert built.returncode == 1
    last = built.stdout.splitlines()[-1]
    assert last.startswith("build failed: ")
    for word in words:
        assert word in last, built.stdout


@pytest.mark.parametrize("requirement", ["tiny @ http://{}/tiny-1.0-py3-none-any.whl", "two words http://{}/", "-r http://{}/list"])
def test_a_failure_does_not_tell_a_password(tmp_path, requirement):
    address = "someone:hunter2@127.0.0.1:1"
    package = write_package(tmp_path / "package", "", f"requirements: ['{requirement.format(address)}']\n")
    built = run_build(package, tmp_path / "venv", PIP_RETRIES="0", **OFFLINE)
    assert built.returncode == 1
    assert built.stdout.splitlines()[-1].startswith("build failed: requirement ")
    assert "http://****@127.0.0.1:1/" in built.stdout.splitlines()[-1]
    assert "hunter2" not in built.stdout


def test_no_package(tmp_path):
    built = run_build(tmp_path, tmp_path / "venv")
    assert built.returncode == 1
    assert "has no config.yaml" in built.stdout.splitlines()[-1]


def test_warnings(tmp_path):
    package = write_package(tmp_path / "package", "", "python_version: py39\nsystem_packages: [ffmpeg]\n")
    built = run_build(package, tmp_path / "venv")
    assert built.returncode == 0
    assert "asks for Python 3.9; this machine's runner has 3." in built.stdout
    assert "system_packages is not carried out" in built.stdout


def test_a_package_with_its_own_server_has_only_its_requirements(tmp_path):
    package = write_package(tmp_path / "package", None, "docker_server: {start_command: python3 server.py}\n")
    venv = tmp_path / "venv"
    assert run_build(package, venv).returncode == 0
    assert run_in(venv, "import importlib.util as u; print(u.find_spec('ambit_runner'))") == "None"
