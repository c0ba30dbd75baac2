"""A folder of src includes only folders to its left on its side, and its own."""

import re

from gate import is_c, line_of

ABOUT = "includes point one way between the folders of src"

TRAFFIC = ["base", "net", "http", "region", "catalog", "route", "edge"]
CONTROL = ["base", "net", "http", "region", "catalog", "config", "package", "store", "fleet", "plane", "control"]
ALL = sorted(set(TRAFFIC + CONTROL + ["supervisor"]))

ALLOWED = {"supervisor": ["base"], "cli": ALL, "sim": ALL}
for side in (TRAFFIC, CONTROL):
    for i, folder in enumerate(side):
        ALLOWED[folder] = side[:i]

# A library that belongs to one side: the edge must not be able to reach a store, or a slow parser.
LIBRARIES = {
    "sqlite3.h": ["store"],
    "yaml.h": ["config"],
    "jansson.h": ["config", "package", "store", "fleet", "plane", "control", "cli", "sim"],
    "curl/": ["control", "cli"],
    "archive": ["package"],
    "ares.h": ["net"],
    "openssl/ssl.h": ["net"],
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.M)


def check_project(path, folder, target, tree):
    if "/" not in target:
        return f'"{target}" is included without its folder; write "{folder}/{target}"'
    other = target.split("/")[0]
    if other != folder and other not in ALLOWED[folder]:
        return f'src/{folder} includes "{target}", but may include only: {", ".join(ALLOWED[folder] + [folder])}'
    if f"src/{target}" not in tree:
        return f'"{target}" is included, but there is no src/{target}'
    return None


def check_library(folder, target):
    for prefix, folders in LIBRARIES.items():
        if target.startswith(prefix) and folder not in folders:
            return f"src/{folder} includes <{target}>, but only these may: {', '.join(folders)}"
    return None


def check(tree):
    found = []
    for path, text in tree.items():
        parts = path.split("/")
        if parts[0] != "src" or len(parts) < 3 or not is_c(path):
            continue
        folder = parts[1]
        if folder not in ALLOWED:
            found.append(f"{path}:1: src/{folder} is not in the table of folders (scripts/lint/include_direction.py)")
            continue
        for match in INCLUDE.finditer(text):
            quote, target = match.groups()
            wrong = check_project(path, folder, target, tree) if quote == '"' else check_library(folder, target)
            if wrong:
                found.append(f"{path}:{line_of(text, match.start())}: {wrong}")
    return found


def _tree(path, *includes):
    tree = {f"src/{f}/a.h": "" for f in ALLOWED}
    tree[path] = "".join(f"#include {i}\n" for i in includes)
    return tree


BAD = [
    (_tree("src/base/b.c", '"net/a.h"'), "src/base includes"),
    (_tree("src/region/b.c", '"route/a.h"'), "src/region includes"),
    (_tree("src/route/b.c", '"config/a.h"'), "src/route includes"),
    (_tree("src/control/b.c", '"edge/a.h"'), "src/control includes"),
    (_tree("src/edge/b.c", '"store/a.h"'), "src/edge includes"),
    (_tree("src/supervisor/b.c", '"net/a.h"'), "src/supervisor includes"),
    (_tree("src/edge/b.c", "<sqlite3.h>"), "only these may"),
    (_tree("src/edge/b.c", "<jansson.h>"), "only these may"),
    (_tree("src/control/b.c", "<archive_entry.h>"), "only these may"),
    (_tree("src/base/b.c", '"a.h"'), "without its folder"),
    (_tree("src/base/b.c", '"base/none.h"'), "there is no"),
    (_tree("src/other/b.c"), "not in the table"),
]
GOOD = {**_tree("src/edge/b.c", '"route/a.h"', '"edge/a.h"', "<stdio.h>"),
        **{"src/control/b.c": '#include "store/a.h"\n', "src/cli/b.c": '#include "edge/a.h"\n'}}
