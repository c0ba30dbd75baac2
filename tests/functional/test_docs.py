"""The manual is true: its tables are those of the program, its examples run, its links lead somewhere."""

import os
import re
import subprocess

import pytest
from world import BUILD, KEY, ROOT

PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_and_named_pages_exist(page):
    text = page.read_text()
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text) + re.findall(r"`((?:docs|examples|scripts|src|tests|bench)/[\w./-]+\.\w+)`", text)
    for link in links:
        near, far = page.parent / link, ROOT / link
        assert near.exists() or far.exists(), f"{page.name} names {link}"


def test_the_table_of_metrics_is_the_programs():
    said = subprocess.run([BUILD / "ambit", "check", "--metrics-markdown"], capture_output=True, text=True, timeout=30).stdout
    assert said.count("\n") > 15
    assert (ROOT / "docs/metrics.md").read_text().endswith(said), "docs/metrics.md differs from `ambit check --metrics-markdown`"


def routes_of_the_program():
    source = (ROOT / "src/control/api_table.c").read_text()
    return set(re.findall(r'\{"([A-Z]+)",\s+"(/[^"]+)"', source))


def routes_of_the_manual():
    found = set()
    for row in re.findall(r"^\| (`.*)$", (ROOT / "docs/management.md").read_text(), re.M):
        method, methods = None, []
        for words in re.findall(r"`([^`]+)`", row.split("|")[0]):
            parts = words.split()
            path = next((p for p in parts if p.startswith("/")), None)
            method = next((p for p in parts if p.isupper() and not p.startswith("/")), method)
            if path is None:
                methods.append(method)
            else:
                found |= {(m, path.split("?")[0]) for m in [*methods, method]}
                methods = []
    return found


def test_the_table_of_routes_is_the_programs():
    assert routes_of_the_manual() == routes_of_the_program()


def test_the_table_of_errors_is_the_programs():
    faults = re.findall(r'X\([A-Z_]+, (\d+), "[^"]+", "([^"]+)"', (ROOT / "src/edge/fault.h").read_text())
    rows = re.findall(r"^\| (\d{3}) \| ([^|]+) \|", (ROOT / "docs/requests.md").read_text(), re.M)
    said = {(status, code) for status, codes in rows for code in re.findall(r"`([^`]+)`", codes)}
    assert said == set(faults)


@pytest.mark.parametrize("page", ["requests.md", "management.md", "metrics.md"])
def test_examples_run(vetted, page):
    vetted.chat("mistral-medium-3")
    commands = re.findall(r"^\$ (.+)$", (ROOT / "docs" / page).read_text(), re.M)
    assert commands
    env = {**os.environ, "AMBIT_URL": vetted.control_url, "AMBIT_API_KEY": KEY, "PATH": f"{BUILD}:{os.environ['PATH']}"}
    for command in commands:
        here = command.replace("http://127.0.0.1:4001", vetted.control_url).replace("ambit-data/", f"{vetted.data}/")
        here = here.replace("http://127.0.0.1:4000", vetted.url)
        done = subprocess.run(["bash", "-c", here], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stdout, (command, done.stdout, done.stderr)


def test_the_files_of_the_data_directory_are_the_manuals(vetted):
    vetted.chat("mistral-medium-3")
    said = set()
    for row in re.findall(r"^\| (`[^|]+) \|", (ROOT / "docs/operations.md").read_text(), re.M):
        said |= set(re.findall(r"`([^`]+)`", row))
    # What is being written has ".new" behind its name until it is whole.
    there = {path.name.removesuffix(".new") for path in vetted.data.iterdir()}
    assert {"control.db", "control.sock", "edge.sock", "supervisor.pid"} <= there
    assert there <= said, there - said
