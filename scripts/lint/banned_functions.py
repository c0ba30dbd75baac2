"""Functions that overrun buffers, hide errors, keep hidden state, look at the locale, or run a shell."""

import re

from gate import code_only, is_c, line_of

ABOUT = "no function that overruns, hides errors, or depends on hidden state"

INSTEAD = {
    "strcpy": "slices, or memcpy with a known size", "stpcpy": "slices", "strcat": "struct buf",
    "strncpy": "memcpy", "strncat": "struct buf", "sprintf": "snprintf or buf_printf", "vsprintf": "vsnprintf",
    "gets": "a bounded read", "atoi": "str_parse_u64", "atol": "str_parse_u64", "atoll": "str_parse_u64",
    "atof": "a bounded parser", "strtok": "str_cut", "strtok_r": "str_cut",
    "localtime": "clock.h", "localtime_r": "clock.h", "gmtime": "clock.h", "ctime": "clock.h", "asctime": "clock.h",
    "strftime": "clock.h", "setlocale": "nothing: no locale is used", "alloca": "an arena",
    "rand": "base/random.h", "srand": "base/random.h", "random": "base/random.h", "srandom": "base/random.h",
    "drand48": "base/random.h", "system": "fork and execve", "popen": "fork and execve", "tmpnam": "mkstemp",
    "mktemp": "mkstemp", "gethostbyname": "net/resolver.h", "inet_ntoa": "inet_ntop",
}
PATTERN = re.compile(r"(?<![\w.>])(" + "|".join(INSTEAD) + r")\s*\(")


def check(tree):
    found = []
    for path, text in tree.items():
        if not path.startswith(("src/", "tests/", "bench/")) or not is_c(path):
            continue
        code = code_only(text)
        for match in PATTERN.finditer(code):
            name = match.group(1)
            found.append(f"{path}:{line_of(code, match.start())}: {name}() is banned; use {INSTEAD[name]}")
    return found


BAD = [({"src/base/a.c": f"\nx = {name}(a);\n"}, f"src/base/a.c:2: {name}()") for name in sorted(INSTEAD)]
GOOD = {"src/base/a.c": '/* strcpy(a) */ "sprintf(x)"; my_strcpy(a); prng_random (b); r->random(c); snprintf(d);\n'}
