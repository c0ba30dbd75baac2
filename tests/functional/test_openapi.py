"""The OpenAPI document of the management API: the server keeps to it whatever is sent, and it has what Baseten's clients expect."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from test_registry import Registry
from world import KEY, Gateway, Sim, config_of, endpoint

BASETEN = pathlib.Path(__file__).parent / "data/baseten-management.json"
EU = "scaleway-par-1"
FUZZ_SECONDS = int(os.environ.get("OPENAPI_FUZZ_SECONDS", "40"))


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openapi")
    sim = Sim(folder, [EU])
    gateway = Gateway(folder, config_of([endpoint("m", sim, EU)], "gateway: {region: scaleway-par-1, domain: ambit.test}\ndeployments: {external_addresses: [127.0.0.1]}\n"))
    r = Registry(gateway)
    r.sim, r.folder = sim, folder
    yield r
    gateway.stop()
    sim.stop()


# --- what the server does with whatever is sent

# Whether a package, model or user that a body names is there, no schema can say.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,"
    "negative_data_rejection,unsupported_method,allow_header_conformance,ignored_auth"
)


def test_the_server_keeps_to_its_document_whatever_is_sent(registry):
    r = registry
    model = r.model("fuzzed")
    r("POST", f"/v1/models/{model}/environments", {"name": "staging"})
    one = r.external(model, r.sim.base(EU), EU)["id"]
    two = r.external(model, r.sim.base(EU), EU, environment_name="production")["id"]
    user = r("POST", "/v1/users", {"email": "ana@example.com"})["user_id"]
    chain = r("POST", "/v1/chains", {"name": "flow"})["chain"]["id"]
    r("POST", f"/v1/chains/{chain}/environments", {"name": "staging"})
    source = {"kind": "external", "url": r.sim.base(EU), "region": EU, "environment_name": "production"}
    r("POST", f"/v1/chains/{chain}/deployments", {"source": source})
    config = r.folder / "schemathesis.toml"
    config.write_text(
        f'[parameters]\n"path.model_id" = "{model}"\n"path.env_name" = ["production", "staging"]\n'
        f'"path.deployment_id" = ["{one}", "production", "{two}"]\n"path.team_id" = "default"\n"path.chain_id" = "{chain}"\n"path.user_id" = "{user}"\n'
    )
    command = [pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", config, "run", f"{r.gateway.control_url}/v1/openapi.json"]
    command += ["-H", f"Authorization: Bearer {KEY}", "--phases", "coverage,fuzzing", "--max-examples", "20", "--checks", CHECKS]
    command += ["--max-time", str(FUZZ_SECONDS), "--no-shrink", "--continue-on-failure", "--generation-database", "none", "--no-color", "--warnings", "off"]
    command += [] if os.environ.get("OPENAPI_FUZZ_SEED") == "random" else ["--seed", os.environ.get("OPENAPI_FUZZ_SEED", "1")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=r.folder)
    cases = re.search(r"(\d+) generated", done.stdout)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert int(cases.group(1)) > 500, done.stdout[-3000:]


# --- what Baseten's clients expect

# Operations that are not here (a part of "METHOD path"), and why.
ABSENT = {
    "/v1/prepare_model_upload": "POST /v1/packages takes the package itself",
    "/v1/instance_type_prices": "no prices",
    "/v1/billing/usage_summary": "GET /v1/usage has times, no prices",
    "/download": "the package is the caller's own",
    "/patches": "no live patches",
    "/ssh/sign": "no shell",
    "/metrics": "GET /metrics of the control port has them",
    "POST /v1/models/{model_id}/deployments/{deployment_id}/logs": "deprecated there; GET does the same",
}
# What may be lacking, wherever it is, and why.
LACKING = {
    "request source.s3_key": "a package is uploaded to POST /v1/packages and named by its SHA-256: `package`",
    "request source.disable_archive_download": "packages are not downloaded",
    "request source.lab_display_name": "there is no library of models",
    "request source.user_defined_listing_id": "there is no library of models",
    "request source.deployed_model_name": "there is no library of models",
    "query component": "logs have no components",
    # Their document gives the list the shape of models, and each of its elements that of chains: ours are chains' in both.
    "response environments.model_id": "chain_id",
    "response environments.current_deployment.model_id": "chain_id",
    "response environments.candidate_deployment.model_id": "chain_id",
}


def resolve(document, schema):
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def members(document, schema):
    """name → schema of everything that the alternatives of a schema have."""
    schema, found = resolve(document, schema), {}
    for part in schema.get("allOf", []) + schema.get("anyOf", []) + schema.get("oneOf", []):
        found.update(members(document, part))
    if "items" in schema:
        found.update(members(document, schema["items"]))
    return {**found, **schema.get("properties", {})}


def required_members(document, schema):
    """Those that every answer has: of alternatives, the first is Baseten's."""
    schema = resolve(document, schema)
    names = set(schema.get("required", []))
    for part in schema.get("allOf", []):
        names |= required_members(document, part)
    for parts in (schema.get("anyOf"), schema.get("oneOf")):
        if parts:
            names |= required_members(document, parts[0])
    if "items" in schema:
        names |= required_members(document, schema["items"])
    return names


def compare_members(theirs, name, document, schema, answer, seen=(), alternatives=()):
    """Members of Baseten's schema `name` that ours lacks, by their paths."""
    fact, have = theirs["schemas"][name], members(document, schema)
    always, missing = required_members(document, schema), []
    for member, about in fact.get("properties", {}).items():
        if member not in have or (answer and member in fact["required"] and member not in always):
            missing.append(member)
            continue
        for inner in about.get("of", []):
            if inner in theirs["schemas"] and "properties" in theirs["schemas"][inner] and inner not in seen:
                missing += [f"{member}.{m}" for m in compare_members(theirs, inner, document, have[member], answer, (*seen, inner), about["of"])]
    if not answer and len(alternatives) <= 1:
        expected = set(fact["required"]) | {"package"}
        missing += [f"{member} (required here only)" for member in always - expected]
    return missing


def pattern_of(path):
    """Parameters by any name; a word stands where a parameter may."""
    return re.compile("^" + re.sub(r"\{[^}]+\}", r"[^/]+", path) + "$")


def our_operation(document, operation):
    exact, method = re.sub(r"\{[^}]+\}", "{}", operation["path"]), operation["method"].lower()
    for path, methods in document["paths"].items():
        if re.sub(r"\{[^}]+\}", "{}", path) == exact and method in methods:
            return methods[method]
    for path, methods in document["paths"].items():
        if "{" in path and pattern_of(path).match(operation["path"]) and method in methods:
            return methods[method]
    return None


def content_schema(part):
    return part["content"]["application/json"]["schema"]


def compare(theirs, document):
    """(verdict, operation, what about it) for each operation of Baseten's."""
    for operation in theirs["operations"]:
        title = f"{operation['method']} {operation['path']}"
        ours = our_operation(document, operation)
        if not ours:
            yield "absent", title, []
            continue
        lacks = []
        if operation["response"]:
            schema = content_schema(ours["responses"]["200"])
            lacks += [f"response {m}" for m in compare_members(theirs, operation["response"], document, schema, True)]
        if operation["request"]:
            schema = content_schema(ours["requestBody"])
            lacks += [f"request {m}" for m in compare_members(theirs, operation["request"], document, schema, False)]
        names = [document["components"]["parameters"][p["$ref"].rsplit("/", 1)[1]]["name"] for p in ours["parameters"] if "$ref" in p]
        lacks += [f"query {name}" for name in operation["query"] if name not in names]
        yield ("different" if lacks else "matched"), title, lacks


def test_paths_and_members_are_those_of_basetens_document(registry):
    theirs = json.loads(BASETEN.read_text())
    document = registry("GET", "/v1/openapi.json")
    rows = list(compare(theirs, document))
    for verdict, title, lacks in rows:
        why = next((reason for part, reason in ABSENT.items() if part in title), "") if verdict == "absent" else ""
        print(f"{verdict:<10} {title:<95} {why}{', '.join(lacks)}")
    for verdict, title, lacks in rows:
        if verdict == "absent":
            assert any(part in title for part in ABSENT), title
        for what in lacks:
            assert what in LACKING, (title, what)
    verdicts = [verdict for verdict, _, _ in rows]
    print({verdict: verdicts.count(verdict) for verdict in ("matched", "different", "absent")})
    assert verdicts.count("matched") >= 68
    status = document["components"]["schemas"]["DeploymentFacts"]["properties"]["status"]["enum"]
    assert sorted(status) == sorted(theirs["schemas"]["DeploymentStatusV1"]["enum"])
    promotion = document["components"]["schemas"]["InProgressPromotion"]["properties"]["status"]["enum"]
    assert sorted(promotion) == sorted(theirs["schemas"]["InProgressPromotionStatusV1"]["enum"])
    assert set(theirs["schemas"]["APIKeyCategory"]["enum"]) <= set(document["components"]["schemas"]["ApiKeyNew"]["properties"]["type"]["enum"])
