"""Runs the gates: first each one's self-test, which shows that it can fail, then the gate over the project."""

import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

from gate import load_tree  # noqa: E402

GATES = ["include_direction", "upstream_door", "banned_functions", "length", "words", "shape", "c_format", "scripts_parse"]


def self_test(module):
    wrong = []
    for i, (tree, expected) in enumerate(module.BAD):
        found = module.check(tree)
        if not any(expected in message for message in found):
            wrong.append(f"self-test: bad tree {i} ({expected!r}) gave {found}")
    found = module.check(module.GOOD)
    if found:
        wrong.append(f"self-test: the good tree gave {found}")
    return wrong


def main(names):
    tree = load_tree(ROOT)
    failed = 0
    for name in names or GATES:
        module = importlib.import_module(name)
        found = self_test(module) or module.check(tree)
        print(f"{'not ok' if found else 'ok'} {name}: {module.ABOUT}")
        for message in found:
            print(f"  {message}")
        failed += bool(found)
    print(f"{len(names or GATES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
