"""clang-format decides how C looks. Its version is pinned (tests/functional/requirements.txt): versions differ in detail."""

import os
import re
import subprocess
import tempfile

from gate import is_c

ABOUT = "C looks as clang-format 14 writes it (make format)"

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def check(tree):
    binary = os.path.join(ROOT, ".venv/bin/clang-format")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(ROOT, ".clang-format"), encoding="utf-8") as style:
            tree = {**tree, ".clang-format": style.read()}
        for path, text in tree.items():
            if is_c(path) or path == ".clang-format":
                target = os.path.join(folder, path)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "w", encoding="utf-8", newline="") as f:
                    f.write(text)
        files = [path for path in tree if is_c(path)]
        result = subprocess.run([binary, "--dry-run", "--ferror-limit=1", *files], cwd=folder,
                                capture_output=True, text=True)
    places = re.findall(r"^(\S+?:\d+):\d+: \w+: code should be clang-formatted", result.stderr, re.M)
    first = {place.split(":")[0]: place for place in reversed(places)}
    found = [f"{place}: not as clang-format writes it; run make format" for place in first.values()]
    if result.returncode and not found:
        found.append(f"clang-format failed: {result.stderr.strip()}")
    return found


BAD = [({"src/base/a.c": "int  x;\n"}, "src/base/a.c:1: not as clang-format")]
GOOD = {"src/base/a.c": "int x;\n"}
