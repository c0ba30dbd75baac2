"""What the project shows to a newcomer works as it stands: `make demo`, and the commands that `make run` prints."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from world import BUILD, ROOT, call

COMMANDS = [line for line in (ROOT / "scripts/try.txt").read_text().splitlines() if line.startswith(("curl ", "AMBIT_API_KEY="))]


def test_demo():
    done = subprocess.run([sys.executable, ROOT / "scripts/demo.py", BUILD], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "All five did what they should." in done.stdout


def is_free(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`make run`, which has fixed ports."""
    if not all(is_free(port) for port in [4000, 4001, *range(9101, 9109)]):
        pytest.fail("the ports of `make run` (4000, 4001, 9101 to 9108) are in use")
    log = tmp_path_factory.mktemp("run") / "log"
    with open(log, "wb") as out:
        # As from a terminal: what a shell runs in the background ignores SIGINT, and so does all that it starts.
        process = subprocess.Popen([ROOT / "scripts/run.sh", BUILD], stdout=out, stderr=out, cwd=ROOT, start_new_session=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    deadline = time.monotonic() + 60
    while "Ctrl-C ends everything" not in log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    yield process
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert all(is_free(port) for port in [4000, 4001, *range(9101, 9109)])


def shell(command):
    command = command.replace("build/ambit", f"{BUILD}/ambit")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_printed_command_works(run):
    answers = [shell(command) for command in COMMANDS]
    expected = [
        r'"decision_mode":"preferred".*"region":"scaleway-par-1"',
        r'"decision_mode":"pinned".*"region":"ovh-gra-1"',
        r'"code":"region_not_allowed"',
        r'"region":"scaleway-par-1","status":503',
        r'"region":"scaleway-par-2","status":503',
        r'"failover":\{"from":"scaleway-par-1","to":"ovh-gra-1"',
        r'"routing_trace".*\n\ndata: \[DONE\]',
        r'"decision_mode":"degraded"',
        r'"user_id":"nordic"',
        r'"region":"atnorth-sto-1"',
        r'atnorth-isl-1',
        r'http://model-[a-z0-9]+-prod-eu\.localhost:4000/predict',
        r'"environment":"prod-eu","region":"scaleway-par-1"',
    ]
    assert len(answers) == len(expected)
    for answer, pattern in zip(answers, expected):
        assert re.search(pattern, answer, re.S), (pattern, answer)


def test_the_readmes_request_works(run):
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"^    (curl (?:.*\\\n)*.*)$", text, re.M)
    assert commands
    assert '"routing_trace"' in shell(commands[0])


def test_the_readmes_regional_endpoint_works(run):
    text = (ROOT / "README.md").read_text()
    block = text[text.index("    export AMBIT_API_KEY=sk-quickstart\n"):].split("\n\n")[0]
    said = shell("\n".join(line.strip() for line in block.splitlines()))
    assert '"environment":"prod-eu","region":"scaleway-par-1"' in said


def test_the_readmes_way_to_real_models():
    """Its commands, but for the last: that one serves until it is told to end."""
    text = (ROOT / "README.md").read_text()
    block = text[text.index("    make build\n"):].split("\n\n")[0]
    lines = [line.strip() for line in block.splitlines()]
    assert lines[0] == "make build" and lines[-1].startswith("build/ambit serve ")
    assert "refused" not in shell(" && ".join(lines[1:-1]))
