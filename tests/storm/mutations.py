#!/usr/bin/env python3
"""Breaks the gateway on purpose, one way after the other, and shows that the storm finds each.

    mutations.py [NAME ...]

Each mutation is a change of one line or a few in a copy of the sources, built apart. The storm must fail with one of the kinds of violation that are
named; how long it took is printed. Run by hand after the storm or the oracle has been changed: it takes a minute or two for each.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# name: (file, what it says, what it says then, kinds of violation that must follow)
MUTATIONS = {
    "permit-skipped": ("src/region/permit.h", "return region_set_within(place, &p->set);", "(void)p, (void)place;\n    return true;",
                       {"wrong_region"}),
    "customer-rule-ignored": ("src/catalog/policy.c", "if (customer->rule != CUSTOMER_RULE_NONE)", "if (customer->rule == CUSTOMER_RULE_NONE - 1)",
                              {"wrong_region"}),
    "second-customer-ignored": ("src/edge/dispatch.c", "fine = add_customer(x, c, request, header->value);", "fine = true;", {"wrong_region"}),
    "unknown-customers-pass": ("src/catalog/policy.c", "return customers_with_rule(customers) ? POLICY_UNKNOWN_CUSTOMER : POLICY_PERMITTED;",
                               "(void)customers;\n    return POLICY_PERMITTED;", {"wrong_region"}),
    "blocked-customers-pass": ("src/catalog/policy.c", "if (customer->flags & CUSTOMER_BLOCKED)", "if (customer->flags & 128)", {"wrong_region"}),
    "pin-ignored": ("src/region/permit.c", "    narrow(p, &step);\n    if (index != REGION_NONE)", "    if (index != REGION_NONE)",
                    {"wrong_region"}),
    "exclusions-ignored": ("src/region/rule.c", "out->inference = region_set_minus(&out->inference, &excluded);", "", {"wrong_region"}),
    "iceland-in-the-eu": ("src/region/zones.c", 'ZONE("eu", JURISDICTION, 0, EU27,', 'ZONE("eu", JURISDICTION, 0, EU27 " IS",', {"wrong_region"}),
    "gateway-region-ignored": ("src/edge/dispatch.c", "if (c->organization_rule == CATALOG_NONE)", "if (c->n_rules < 100000)", {"wrong_region"}),
    "forbidden-fields-pass": ("src/edge/request.c", "if (!str_eq(name, forbidden[k]))", "if (!str_eq(name, forbidden[k]) || name.n)",
                              {"wrong_region"}),
    "acknowledged-too-early": ("src/control/link_wait.c", "    forget_ended(s);\n", "    forget_ended(s);\n    if (revision)\n        return true;\n",
                               {"wrong_region"}),
    "stale-snapshot-serves": ("src/edge/edge.c", "if (edge->options.link_path)\n        deadline_set", "if (edge->options.link_path == NULL)\n        deadline_set",
                              {"wrong_region"}),
    "widening-passes": ("src/control/reload.c", "report->widening && widening == RELOAD_KEEP_NARROW", "report->widening && widening != RELOAD_KEEP_NARROW && actor.n == SIZE_MAX",
                        {"widened"}),
    "wish-instead-of-truth": ("src/edge/commit.c", "    x->trace.region = a->region;", "    x->trace.region = x->trace.attempts[0].region;",
                              {"untruth"}),
    "contradiction-unnoticed": ("src/edge/commit.c", "if (!a->tells_region || said.n == 0)", "if (!a->tells_region || said.n < 10000)", {"untruth"}),
    "environment-rule-ignored": ("src/catalog/policy.c", "if (request->environment && request->environment->rule != CATALOG_NONE)",
                                 "if (request->environment && request->environment->rule == CATALOG_NONE - 1)", {"wrong_region", "goes_on"}),
    "selectors-pass": ("src/edge/host_route.c", "return has_selector ? HOST_ROUTE_HAS_SELECTOR : find_operation(host->kind, method, route);",
                       "(void)has_selector;\n    return find_operation(host->kind, method, route);", {"wrong_region"}),
    "gateway-outside-serves": ("src/edge/host_call.c", "    return rule && rule->text.p && c->gateway_region != REGION_NONE &&\n           region_set_has(&rule->compiled.transit, c->gateway_region);",
                               "    return rule != (void *)1;", {"wrong_region"}),
    "running-calls-unchecked": ("src/edge/recheck.c", "    if (has_content(x->attempt) && !is_permitted(x, x->attempt, c))",
                                "    if (has_content(x->attempt) && !is_permitted(x, x->attempt, c) && x->began_ns == 0)", {"goes_on"}),
    "running-calls-cut": ("src/edge/recheck.c", "    return permit_allows(&permit, &stands);", "    return permit_allows(&permit, &stands) && x->began_ns == 0;",
                          {"closed_for_nothing"}),
    "key-limits-ignored": ("src/edge/host_call.c", "    if (why.n)\n        exchange_refuse(x, FAULT_KEY_LIMITED, why, STR_NULL);\n    return why.n == 0;",
                           "    (void)why;\n    return true;", {"wrong_region"}),
    "groups-without-rules": ("src/control/hosts.c", ".rule =\n                group && group->rule.n ? a->rule(a->rules, group->rule) : (uint32_t)CATALOG_NONE,",
                               ".rule =\n                group && group->rule.n > 1000 ? a->rule(a->rules, group->rule) : (uint32_t)CATALOG_NONE,",
                             {"wrong_region", "goes_on", "unavailable"}),
    "signals-posted-twice": ("src/net/loop.c", "if (!atomic_exchange(&signal->under_way, true))", "atomic_store(&signal->under_way, true);",
                             {"dropped", "complaint", "hang", "not_ready"}),
}


def copy_sources(to):
    archive = subprocess.run(["git", "-C", ROOT, "archive", "HEAD"], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", to], input=archive, check=True)


def build(source, folder):
    if not (folder / "build.ninja").exists():
        subprocess.run(["meson", "setup", folder, source], check=True, capture_output=True)
    subprocess.run(["ninja", "-C", folder, "-j2", "ambit"], check=True, capture_output=True)


def storm(build_folder, logs, seconds, seed):
    """Kinds of violation that were found."""
    command = [sys.executable, ROOT / "tests/storm/storm.py", "--build", build_folder, "--seconds", str(seconds), "--seed", str(seed),
               "--logs", logs, "--port-base", "25100"]
    result = subprocess.run(command, capture_output=True, text=True)
    found = set()
    for path in logs.glob("*/violations.jsonl"):
        found |= {json.loads(line)["kind"] for line in path.read_text().splitlines()}
    return found, result


def main():
    parser = argparse.ArgumentParser(description="Breaks the gateway on purpose and lets the storm find it.")
    parser.add_argument("names", nargs="*", choices=[*MUTATIONS, []])
    parser.add_argument("--seconds", type=int, default=90)
    given = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "source").mkdir()
        copy_sources(scratch / "source")
        for i, name in enumerate(given.names or MUTATIONS):
            path, old, new, kinds = MUTATIONS[name]
            file = scratch / "source" / path
            whole = file.read_text()
            if whole.count(old) != 1:
                print(f"{name:28} out of date: {path} says it {whole.count(old)} times", flush=True)
                missed.append(name)
                continue
            file.write_text(whole.replace(old, new))
            try:
                build(scratch / "source", scratch / "build")
                began = time.monotonic()
                found, result = storm(scratch / "build", scratch / f"logs-{name}", given.seconds, 1000 + i)
                seconds = time.monotonic() - began
            finally:
                file.write_text(whole)
            right = bool(found & kinds)
            print(f"{name:28} {'found' if right else 'MISSED'} in {seconds:5.1f} s: {', '.join(sorted(found)) or 'nothing'}", flush=True)
            if not right:
                missed.append(name)
                print(result.stdout[-1500:], result.stderr[-1500:])
    print(f"mutations: {len(given.names or MUTATIONS) - len(missed)} found, {len(missed)} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
