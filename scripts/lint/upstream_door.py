"""The connector takes a permit and refuses an endpoint outside it; so nobody else may open a connection for a request."""

import re

from gate import code_only, is_c, line_of

ABOUT = "only route/connector.c opens upstream streams, and few files connect at all"

# What is called, and the places that may: a path is allowed if it starts with one of these.
CALLS = [
    (r"upstream_open", ["src/http/", "src/route/connector.c"]),
    (r"upstream_pools_new", ["src/http/", "src/route/connector.c"]),
    (r"transport_connect", ["src/net/", "src/http/", "src/edge/edge_link.c", "src/control/link", "src/plane/relay.c",
                            "src/plane/probe.c", "src/cli/"]),
    (r"(?:connect|sendto|sendmsg|sendmmsg)", ["src/net/", "src/cli/"]),
    (r"BIO_(?:new_connect|do_connect|new_ssl_connect)", []),
    (r"curl_easy_(?:perform|init)|curl_multi_\w+", ["src/cli/"]),
]
INCLUDES = [
    # endpoint_state.h holds the origin's description, a struct.
    ("http/upstream.h", ["src/http/", "src/route/connector.", "src/route/endpoint_state.h"]),
]


def check(tree):
    found = []
    for path, text in tree.items():
        if not path.startswith("src/") or not is_c(path):
            continue
        code = code_only(text)
        for pattern, allowed in CALLS:
            if any(path.startswith(a) for a in allowed):
                continue
            for match in re.finditer(rf"(?<![\w.>])({pattern})\s*\(", code):
                found.append(f"{path}:{line_of(code, match.start())}: {match.group(1)} is called here; only these may: "
                             f"{', '.join(allowed) or 'none'}")
        for header, allowed in INCLUDES:
            at = text.find(f'#include "{header}"')
            if at >= 0 and not any(path.startswith(a) for a in allowed):
                found.append(f'{path}:{line_of(text, at)}: "{header}" is included here; only these may: {", ".join(allowed)}')
    return found


BAD = [
    ({"src/edge/a.c": "int f(void)\n{\n    return upstream_open (p);\n}\n"}, "src/edge/a.c:3: upstream_open"),
    ({"src/route/choose.c": '#include "http/upstream.h"\n'}, "is included here"),
    ({"src/control/webhook.c": "transport_connect(&t);\n"}, "transport_connect"),
    ({"src/edge/a.c": "connect(fd, a, n);\n"}, "connect"),
    ({"src/control/a.c": "curl_easy_perform(c);\n"}, "curl_easy_perform"),
]
GOOD = {
    "src/route/connector.c": '#include "http/upstream.h"\nupstream_open(p);\n',
    "src/edge/edge_link.c": "transport_connect(&t);\n",
    "src/edge/a.c": "/* upstream_open(x) */ log(\"connect(\"); x->connect(y); on_connect(z);\n",
}
