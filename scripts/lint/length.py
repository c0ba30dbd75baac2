"""A function fits a screen or two, a file is one idea."""

from gate import is_c

ABOUT = "functions of at most 80 lines, files of src of at most 500"

FUNCTION_MAX = 80
FILE_MAX = 500
# Tables of facts, not code.
FILE_EXEMPT = ("src/region/builtin_", "src/region/country.c")


def functions(text):
    """(line of the opening brace, number of lines): with our format both braces of a function stand in column 0, alone."""
    began = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            began = number
        elif line == "}" and began:
            yield began, number - began + 1
            began = None


def check(tree):
    found = []
    for path, text in tree.items():
        if not is_c(path) or not path.startswith(("src/", "tests/", "bench/")):
            continue
        for line, lines in functions(text):
            if lines > FUNCTION_MAX:
                found.append(f"{path}:{line}: a function of {lines} lines; at most {FUNCTION_MAX}")
        lines = text.count("\n")
        if path.startswith("src/") and lines > FILE_MAX and not path.startswith(FILE_EXEMPT):
            found.append(f"{path}:1: {lines} lines; at most {FILE_MAX}: is it one module?")
    return found


def _function(lines):
    return "int f(void)\n{\n" + "    x++;\n" * (lines - 2) + "}\n"


BAD = [
    ({"src/base/a.c": _function(81)}, "src/base/a.c:2: a function of 81 lines"),
    ({"src/base/a.c": "\n" * 501}, "501 lines"),
]
GOOD = {"src/base/a.c": _function(80), "src/region/builtin_aws.c": "\n" * 900, "tests/unit/a.c": "\n" * 900}
