"""What clang-format does not see: header guards, tabs, blanks at line ends, a last line without an end."""

import re

from gate import is_c, line_of

ABOUT = "headers begin with #pragma once; no tabs, no trailing blanks"


def check(tree):
    found = []
    for path, text in tree.items():
        if path.startswith("tests/corpus/"):
            continue
        if path.endswith(".h") and path.startswith("src/") and not text.startswith("#pragma once\n"):
            found.append(f"{path}:1: a header begins with #pragma once")
        for match in re.finditer(r"[ \t]+$", text, re.M):
            if not path.endswith(".md"):
                found.append(f"{path}:{line_of(text, match.start())}: blanks at the end of the line")
        if "\t" in text and (is_c(path) or path.endswith((".py", ".build", ".yaml"))):
            found.append(f"{path}:{line_of(text, text.index(chr(9)))}: a tab; indent with spaces")
        if "\r" in text:
            found.append(f"{path}:{line_of(text, text.index(chr(13)))}: a carriage return")
        if text and not text.endswith("\n"):
            found.append(f"{path}:{line_of(text, len(text))}: the last line has no end")
    return found


BAD = [
    ({"src/base/a.h": "int x;\n"}, "#pragma once"),
    ({"src/base/a.c": "int x; \n"}, "blanks at the end"),
    ({"src/base/a.c": "\tint x;\n"}, "a tab"),
    ({"src/base/a.c": "int x;"}, "no end"),
    ({"src/base/a.c": "int x;\r\n"}, "carriage return"),
]
GOOD = {"src/base/a.h": "#pragma once\n\nint x;\n", "Makefile": "all:\n\tcc\n"}
