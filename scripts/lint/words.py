"""Work is finished or not begun: no marks of what is left to do, and nothing that names the machine it was written on."""

import re

from gate import line_of

ABOUT = "no marks of unfinished work, no machine's paths"

# Put together, so that this file does not find itself.
MARKS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")
PATHS = re.compile(r"(?<![\w.])/(?:home/[a-z]|ro" + r"ot/|wo" + r"rk/)")


def check(tree):
    found = []
    for path, text in tree.items():
        for pattern, what in ((MARKS, "finish it, or leave it out"), (PATHS, "a path of one machine")):
            for match in pattern.finditer(text):
                found.append(f'{path}:{line_of(text, match.start())}: "{match.group()}": {what}')
    return found


BAD = [
    ({"src/base/a.c": "\n/* TO" + "DO: later */\n"}, "src/base/a.c:2:"),
    ({"README.md": "run /ro" + "ot/x\n"}, "a path of one machine"),
    ({"scripts/a.sh": "# FIX" + "ME\n"}, "finish it"),
]
GOOD = {"src/base/a.c": '"XXXXXX" todo_list /var/lib/ambit\n'}
