"""What the gates share: a gate looks at a tree of files and says what is wrong in it.

A tree is a dict from path to text, so that a gate's self-test can give it a small one. Each gate is a module with

    ABOUT             one line
    check(tree)       a list of "path:line: what is wrong, and what was expected"
    BAD               trees that must be found wrong, each with a part of the message
    GOOD              a tree that must pass
"""

import re
import subprocess

SUFFIXES = (".c", ".h", ".py", ".sh", ".md", ".yaml", ".build", ".txt")


def load_tree(root):
    """Tracked files, and new ones that are not ignored."""
    names = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True).stdout.split("\0")
    tree = {}
    for name in names:
        if not name or not (name.endswith(SUFFIXES) or name in ("Makefile", ".ci/run")):
            continue
        try:
            with open(f"{root}/{name}", encoding="utf-8", newline="") as f:
                tree[name] = f.read()
        except FileNotFoundError:
            continue  # deleted, not committed yet
    return tree


def is_c(path):
    return path.endswith((".c", ".h"))


_LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_only(text):
    """C without comments and literals, on the same lines."""
    def blank(match):
        kept = "\n" * match.group().count("\n")
        return '""' if match.group().startswith('"') else kept or " "
    return _LITERAL.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
