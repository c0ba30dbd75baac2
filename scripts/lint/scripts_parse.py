"""Shell scripts parse, and stop at the first mistake."""

import re
import subprocess

ABOUT = "shell scripts parse and use set -u"


def check(tree):
    found = []
    for path, text in tree.items():
        if not text.startswith("#!") or "bash" not in text.splitlines()[0]:
            continue
        result = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        if result.returncode:
            found.append(f"{path}:1: {result.stderr.strip()}")
        if not re.search(r"^set -\w*u", text, re.M):
            found.append(f"{path}:1: no set -u: a misspelt variable would be empty")
    return found


BAD = [
    ({"a.sh": "#!/usr/bin/env bash\nset -eu\nif\n"}, "syntax error"),
    ({"a.sh": "#!/usr/bin/env bash\necho\n"}, "no set -u"),
]
GOOD = {"a.sh": "#!/usr/bin/env bash\nset -euo pipefail\necho\n"}
