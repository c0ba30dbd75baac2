"""The management API and its command line: what is written is in force, audited, owned by one side, and bounded by the caller's scopes."""

import json
import socket
import time

import httpx
import pytest
from world import KEY, Gateway, Sim, config_of, endpoint

EU, US = "scaleway-par-1", "aws-us-east-1"


@pytest.fixture
def place(tmp_path):
    sim = Sim(tmp_path, [EU, US])
    made = []

    def make(more=""):
        made.append(Gateway(tmp_path, config_of([endpoint("m", sim, EU), endpoint("m", sim, US)], more + "gateway: {region: scaleway-par-1}\n")))
        return made[-1]

    make.sim = sim
    yield make
    for gateway in made:
        gateway.stop()
    sim.stop()


def error(result):
    return result[0], result[2]["error"]["code"], result[2]["error"]["param"]


def new_key(g, maker=KEY, **members):
    status, _, made = g.manage("POST", "/v1/keys", members, key=maker)
    assert status == 200, made
    return made


# --- paths


def test_paths_are_found_refused_and_described(place):
    g = place()
    status, headers, answer = g.manage("DELETE", "/v1/organization/")
    assert status == 404 and answer["message"] == answer["error"]["message"]
    status, headers, answer = g.manage("PATCH", "/v1/keys/some")
    assert status == 405 and headers["allow"] == "DELETE"
    assert g.manage("DELETE", "/v1/keys/a%2Fb")[2]["message"] == 'there is no key "a/b"'
    assert g.manage("DELETE", "/v1/keys/")[0] == 404
    status, _, document = g.manage("GET", "/v1/openapi.json", key="nobody's")
    assert status == 200 and document["paths"]["/v1/keys/{id}"]["delete"]["parameters"][0]["name"] == "id"


# --- keys


def test_a_key_is_shown_once_works_at_once_and_ends_at_once(place):
    g = place()
    made = new_key(g, name="shop")
    assert made["key"].startswith("sk-") and made["scopes"] == ["inference"]
    assert g.chat("m", key=made["key"])[0] == 200
    assert error(g.manage("GET", "/v1/keys", key=made["key"])) == (403, "insufficient_scope", None)
    assert error(g.send("POST", "/customer/new", {"user_id": "x"}, key=made["key"])) == (403, "insufficient_scope", None)
    listed = g.manage("GET", "/v1/keys")[2]
    assert {k["name"] for k in listed["keys"]} >= {"shop"} and made["key"] not in json.dumps(listed)
    assert g.manage("DELETE", f"/v1/keys/{made['id']}")[2] == {"id": made["id"], "deleted": True}
    assert error(g.chat("m", key=made["key"]))[:2] == (401, "invalid_api_key")
    assert made["key"].encode() not in b"".join(p.read_bytes() for p in g.data.iterdir() if p.is_file())


def test_a_keys_rule_customer_and_expiry_hold(place):
    g = place()
    regional = new_key(g, name="eu-only", region_rule={"allow": ["eu"]})
    for _ in range(10):
        assert g.chat("m", key=regional["key"])[1]["x-ambit-region"] == EU
    g.manage("POST", "/customer/new", {"user_id": "c", "allowed_model_region": "eu"})
    bound = new_key(g, name="bound", customer="c")
    for claimed in (None, "c"):
        more = {"user": claimed} if claimed else {}
        assert g.chat("m", key=bound["key"], **more)[1]["x-ambit-region"] == EU
    g.manage("POST", "/customer/new", {"user_id": "u", "allowed_model_region": "us"})
    assert error(g.chat("m", key=bound["key"], user="u"))[:2] == (403, "region_not_allowed")
    assert error(g.manage("POST", "/v1/keys", {"name": "old", "expires": "2020-01-01T00:00:00Z"})) == (400, "invalid_field", "expires")
    assert error(g.manage("POST", "/v1/keys", {"name": "shop", "rgion_rule": {}})) == (400, "invalid_field", "rgion_rule")
    assert error(g.manage("POST", "/v1/keys", {"name": "x", "region_rule": {"allow": ["eurpe"]}}))[:2] == (400, "invalid_region")
    assert error(g.manage("POST", "/v1/keys", {"name": "bound"})) == (409, "exists", "name")
    assert error(g.manage("DELETE", "/v1/keys/key_master"))[:2] == (409, "owned_by_file")
    assert error(g.manage("DELETE", "/v1/keys/key_none"))[:2] == (404, "not_found")


def test_nobody_makes_a_key_that_may_do_more_than_their_own(place):
    g = place()
    narrow = new_key(g, name="narrow", scopes=["keys", "inference"], region_rule={"allow": ["eu"]})["key"]
    assert error(g.manage("POST", "/v1/keys", {"name": "a", "scopes": ["all"]}, key=narrow)) == (403, "insufficient_scope", "scopes")
    assert error(g.manage("POST", "/v1/keys", {"name": "a", "scopes": ["policy:widen"]}, key=narrow)) == (403, "insufficient_scope", "scopes")
    assert error(g.manage("POST", "/v1/keys", {"name": "a"}, key=narrow))[:2] == (403, "insufficient_scope")
    assert error(g.manage("POST", "/v1/keys", {"name": "a", "region_rule": {"allow": ["eea"]}}, key=narrow))[:2] == (403, "insufficient_scope")
    assert new_key(g, maker=narrow, name="b", region_rule={"allow": ["FR"]})["region_rule"] == {"allow": ["fr"]}


# --- rules


def test_the_organisations_rule_holds_for_all_and_is_audited(place):
    g = place()
    assert g.manage("GET", "/v1/organization")[2]["region_rule"] is None
    assert g.manage("PUT", "/v1/organization", {"region_rule": {"allow": ["eu"]}})[2]["owner"] == "api"
    for _ in range(10):
        answer = g.chat("m")
        assert answer[1].get("x-ambit-region") == EU, answer
    writer = new_key(g, name="writer", scopes=["policy:read", "policy:write", "inference"])["key"]
    assert g.manage("PUT", "/v1/organization", {"region_rule": {"allow": ["FR"]}}, key=writer)[0] == 200
    assert error(g.manage("PUT", "/v1/organization", {"region_rule": {"allow": ["eu"]}}, key=writer))[:2] == (403, "insufficient_scope")
    assert error(g.manage("DELETE", "/v1/organization", key=writer))[:2] == (403, "insufficient_scope")
    assert g.manage("DELETE", "/v1/organization")[0] == 200
    events = [e for e in g.manage("GET", "/v1/audit")[2]["events"] if e["object"] == "organization"]
    assert [(e["action"], e["actor"] == "key_master") for e in events] == [
        ("organization.delete", True), ("organization.update", False), ("organization.new", True)]
    assert events[1]["before"] == {"region_rule": {"allow": ["eu"]}} and events[1]["after"] == {"region_rule": {"allow": ["fr"]}}
    assert events[0]["after"] is None and events[2]["before"] is None


def test_widening_a_customer_needs_its_scope(place):
    g = place()
    g.manage("POST", "/customer/new", {"user_id": "c", "allowed_model_region": "eu"})
    writer = new_key(g, name="writer", scopes=["customers", "policy:write"])["key"]
    narrow = {"user_id": "c", "allowed_model_region": "FR"}
    assert g.manage("POST", "/customer/update", narrow, key=writer)[0] == 200
    for wider in ("eu", ["FR", "US"], None):
        assert error(g.manage("POST", "/customer/update", {"user_id": "c", "allowed_model_region": wider}, key=writer))[:2] == (403, "insufficient_scope")
    assert error(g.manage("POST", "/customer/delete", {"user_ids": ["c"]}, key=writer))[:2] == (403, "insufficient_scope")
    assert g.manage("GET", "/customer/info?end_user_id=c")[2]["allowed_model_region"] == "FR"


def test_nobody_becomes_unrestricted_by_the_scope_of_customers_alone(place):
    g = place()
    clerk = new_key(g, name="clerk", scopes=["customers"])["key"]
    assert g.manage("POST", "/customer/new", {"user_id": "free"}, key=clerk)[0] == 200  # nobody has a rule yet
    assert error(g.manage("POST", "/customer/new", {"user_id": "c", "allowed_model_region": "eu"}, key=clerk))[:2] == (403, "insufficient_scope")
    g.manage("POST", "/customer/new", {"user_id": "c", "allowed_model_region": "eu"})
    assert error(g.manage("POST", "/customer/new", {"user_id": "d"}, key=clerk))[:2] == (403, "insufficient_scope")
    assert g.manage("POST", "/customer/block", {"user_ids": ["d", "c"]}, key=clerk)[0] == 200
    assert error(g.manage("POST", "/customer/unblock", {"user_ids": ["c", "d"]}, key=clerk))[:2] == (403, "insufficient_scope")
    assert error(g.manage("POST", "/customer/update", {"user_id": "d", "blocked": False}, key=clerk))[:2] == (403, "insufficient_scope")
    assert error(g.chat("m", user="d"))[:2] == error(g.chat("m", user="c"))[:2] == (403, "customer_blocked")
    assert g.manage("POST", "/customer/unblock", {"user_ids": ["c"]}, key=clerk)[0] == 200


def test_lists_of_customers_are_done_whole_or_not_at_all(place):
    g = place()
    for name in ("a", "b"):
        g.manage("POST", "/customer/new", {"user_id": name, "allowed_model_region": "eu"})
    assert error(g.manage("POST", "/customer/delete", {"user_ids": ["a", "none", "b"]})) == (404, "not_found", "user_ids")
    assert [c["user_id"] for c in g.manage("GET", "/customer/list")[2]] == ["a", "b"]
    assert g.manage("POST", "/customer/block", {"user_ids": ["a", "new"]})[0] == 200
    assert [c["blocked"] for c in g.manage("GET", "/customer/list")[2]] == [True, False, True]
    assert error(g.chat("m", user="new"))[:2] == (403, "customer_blocked")
    assert g.manage("POST", "/customer/delete", {"user_ids": ["a", "b", "new"]})[2]["deleted_customers"] == 3
    assert g.chat("m")[0] == 200  # no customer has a rule any more


# --- one owner for each object


FILE = """
organization: {region_rule: {allow: [eea]}}
customers:
  - {user_id: filed, allowed_model_region: eu}
keys:
  - {name: filed, key: sk-filed, scopes: [inference]}
"""


def test_what_the_file_defines_is_changed_in_the_file(place):
    g = place(FILE)
    assert error(g.manage("POST", "/customer/update", {"user_id": "filed", "alias": "x"})) == (409, "owned_by_file", "user_id")
    assert error(g.manage("POST", "/customer/delete", {"user_ids": ["filed"]}))[:2] == (409, "owned_by_file")
    assert error(g.manage("POST", "/customer/block", {"user_ids": ["filed"]}))[:2] == (409, "owned_by_file")
    assert error(g.manage("PUT", "/v1/organization", {"region_rule": {"allow": ["FR"]}}))[:2] == (409, "owned_by_file")
    filed = next(k for k in g.manage("GET", "/v1/keys")[2]["keys"] if k["name"] == "filed")
    assert error(g.manage("DELETE", f"/v1/keys/{filed['id']}"))[:2] == (409, "owned_by_file")


def test_a_file_does_not_take_over_what_the_api_owns(place):
    g = place()
    g.manage("POST", "/customer/new", {"user_id": "c", "allowed_model_region": "eu"})
    g.config.write_text(g.config.read_text() + "customers:\n  - {user_id: c, allowed_model_region: us}\n")
    status, out, err = g.cli("reload")
    assert status == 1 and "made through the API" in err + out
    assert g.manage("GET", "/v1/configuration")[2]["state"] == "refused"
    assert g.chat("m", user="c")[1]["x-ambit-region"] == EU


def test_a_reload_that_would_widen_needs_leave(place):
    g = place(FILE)
    text = g.config.read_text()
    for wider in (text.replace("{allow: [eea]}", "{allow: [eea, US]}"), text.replace("  - {user_id: filed, allowed_model_region: eu}\n", "").replace(
            "customers:\n", ""), text.replace("organization: {region_rule: {allow: [eea]}}\n", "")):
        g.config.write_text(wider)
        status, out, err = g.cli("reload")
        assert status == 1 and "allow-widening" in out + err, (out, err)
        assert g.manage("GET", "/v1/organization")[2]["region_rule"] == {"allow": ["eea"]}
        assert g.manage("GET", "/customer/info?end_user_id=filed")[0] == 200
    operator = new_key(g, name="operator", scopes=["operate"])["key"]
    assert error(g.manage("POST", "/v1/reload", {"allow_widening": True}, key=operator))[:2] == (403, "insufficient_scope")
    assert g.cli("reload", "--allow-widening")[0] == 0
    assert g.manage("GET", "/v1/organization")[2]["region_rule"] is None
    actions = {e["action"] for e in g.manage("GET", "/v1/audit")[2]["events"]}
    assert {"configuration.reload", "organization.delete"} <= actions


def test_a_broken_file_changes_nothing_and_says_where(place):
    g = place(FILE)
    good = g.config.read_text()
    for bad, named in ((good[: len(good) // 2] + "\n  ][", "ambit.yaml"), (good.replace("allow: [eea]", "allow: [eeaa]"), "eeaa"), ("", "expected a mapping")):
        g.config.write_text(bad)
        status, out, err = g.cli("reload")
        assert status == 1 and named in out + err, (named, out, err)
        answer = g.chat("m", user="filed")
        assert answer[1].get("x-ambit-region") == EU, answer


def test_a_gateway_outside_the_organisations_rule_says_so(place):
    g = place()
    g.config.write_text(g.config.read_text().replace("gateway: {region: scaleway-par-1}", "gateway: {region: aws-us-east-1}"))
    assert g.cli("reload")[0] == 0
    assert g.chat("m")[0] == 200
    g.manage("PUT", "/v1/organization", {"region_rule": {"allow": ["eu"]}})
    assert error(g.chat("m"))[:2] == (421, "gateway_region_not_allowed")
    g.manage("PUT", "/v1/organization", {"region_rule": {"allow": ["eu"], "transit": ["US"]}})
    assert g.chat("m")[1]["x-ambit-region"] == EU
    assert US not in place.sim.regions_reached()[1:]


def test_a_rule_that_shuts_out_the_gateway_while_a_body_arrives_binds_that_request(place):
    g = place()
    body = json.dumps({"model": "m", "messages": []}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", g.port), 30) as client:
        client.sendall(head.encode() + body[:5])
        g.chat("m")  # by its answer the gateway has read what came before
        assert g.manage("PUT", "/v1/organization", {"region_rule": {"allow": ["SE"]}})[0] == 200
        place.sim.reset()
        client.sendall(body[5:])
        assert client.recv(4096).startswith(b"HTTP/1.1 421 ")
    assert place.sim.requests() == []


@pytest.mark.parametrize("scope, path", [("inference", "/v1/chat/completions"), ("customers", "/customer/new")])
def test_a_key_that_loses_its_scope_while_a_body_arrives_does_no_more(place, scope, path):
    """Otherwise it would be served by the rules of a policy under which it may do nothing."""
    keys = "keys: [{name: app, key: sk-app-0123456789abcdef, scopes: [%s]}]\n"
    g = place(keys % scope)
    body = json.dumps({"user_id": "c"} if scope == "customers" else {"model": "m", "messages": []}).encode()
    head = (f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-app-0123456789abcdef\r\n"
            f"expect: 100-continue\r\ncontent-length: {len(body)}\r\n\r\n")
    with socket.create_connection(("127.0.0.1", g.port), 30) as client:
        client.sendall(head.encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 100 ")  # its head has been accepted
        g.config.write_text(g.config.read_text().replace(keys % scope, keys % "metrics"))
        assert g.cli("reload")[0] == 0
        client.sendall(body)
        answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 403 ") and b"insufficient_scope" in answer, answer
    assert place.sim.requests() == [] and g.manage("GET", "/customer/info?end_user_id=c")[0] == 404


# --- explain, regions, endpoints, reports


def test_explain_says_what_is_left_and_who_removed_the_rest(place):
    g = place()
    g.manage("POST", "/customer/new", {"user_id": "c", "allowed_model_region": "eu"})
    answer = g.manage("POST", "/v1/permits/explain", {"model": "m", "customer": "c"})[2]
    by_region = {e["region"]: e for e in answer["endpoints"]}
    assert by_region[EU]["eligible"] is True and by_region[US]["eligible"] is False
    assert by_region[US]["removed_by"]["source"] == "customer" and by_region[US]["removed_by"]["name"] == "c"
    assert place.sim.requests() == []
    refused = g.manage("POST", "/v1/permits/explain", {"model": "m", "customer": "nobody"})[2]
    assert (refused["status"], refused["code"]) == (403, "unknown_customer")
    pinned = g.manage("POST", "/v1/permits/explain", {"model": "m", "customer": "c", "region": US})[2]
    assert (pinned["status"], pinned["code"]) == (403, "region_not_allowed")
    assert error(g.manage("POST", "/v1/permits/explain", {"model": "m", "custommer": "c"})) == (400, "invalid_field", "custommer")
    assert error(g.manage("POST", "/v1/permits/explain", {"key": "nobody"})) == (404, "not_found", "key")


def test_explain_at_the_command_line_and_from_a_file(place):
    g = place()
    g.manage("POST", "/customer/new", {"user_id": "c", "allowed_model_region": "eu"})
    status, out, err = g.cli("explain", "--model", "m", "--customer", "c")
    assert status == 0 and EU in out and "customer c" in out, (out, err)
    status, out, _ = g.cli("explain", "--model", "m", "--customer", "c", "--region", US)
    assert status == 1 and "region_not_allowed" in out
    status, out, _ = g.cli("explain", "--model", "m", "--config", str(g.config), "--json")
    assert status == 0 and len(json.loads(out)["endpoints"]) == 2


def test_regions_and_zones_are_listed_with_what_is_known(place):
    g = place()
    answer = g.manage("GET", "/v1/regions")[2]
    by_code = {r["region"]: r for r in answer["regions"]}
    assert by_code["atnorth-isl-1"]["country"] == "IS" and by_code["atnorth-isl-1"]["grid_g_per_kwh"] == 18
    assert by_code[EU]["endpoints"] == 1 and by_code["hetzner-fsn-1"]["role"] == "gateway"
    zones = {z["zone"]: z for z in answer["zones"]}
    assert "atnorth-isl-1" in zones["eea"]["regions"] and "atnorth-isl-1" not in zones["eu"]["regions"]
    status, out, _ = g.cli("region", "list")
    assert status == 0 and "atnorth-isl-1" in out
    assert "eea" in g.cli("region", "list", "--zones")[1]


def test_an_endpoint_is_withdrawn_and_returned(place):
    g = place()
    name = f"m-{EU}"
    withdrawn = g.manage("POST", f"/v1/endpoints/{name}/withdraw", {"reason": "under repair"})
    assert withdrawn[0] == 200 and withdrawn[2]["state"] == "out_of_service", withdrawn
    for _ in range(5):
        assert g.chat("m")[1]["x-ambit-region"] == US
    listed = {e["id"]: e for e in g.manage("GET", "/v1/endpoints")[2]["endpoints"]}
    assert listed[name]["withdrawn"]["reason"] == "under repair"
    assert error(g.manage("POST", "/v1/endpoints/none/withdraw"))[:2] == (404, "not_found")
    assert g.manage("POST", f"/v1/endpoints/{name}/return_to_service")[2]["state"] == "in_service"
    assert error(g.manage("POST", f"/v1/endpoints/{name}/return_to_service"))[:2] == (409, "not_withdrawn")
    assert g.chat("m")[1]["x-ambit-region"] == EU
    actions = [e["action"] for e in g.manage("GET", f"/v1/audit?object={name}")[2]["events"]]
    assert actions[:2] == ["endpoint.return_to_service", "endpoint.withdraw"]


def test_the_officers_report(place):
    g = place(FILE)
    g.chat("m", user="filed")
    g.chat("m", user="filed", vetted={"region": US})
    g.manage("POST", "/customer/new", {"user_id": "c", "allowed_model_region": "FR"})
    deadline = time.monotonic() + 30  # refusals are counted at the edge and sent now and then
    while not g.manage("GET", "/v1/reports/residency")[2]["refusals"] and time.monotonic() < deadline:
        time.sleep(0.05)
    report = g.manage("GET", "/v1/reports/residency?days=7")[2]
    assert {(e["id"], e["region"], e["evidence"]) for e in report["endpoints"]} == {(f"m-{EU}", EU, "declared"), (f"m-{US}", US, "declared")}
    assert {r["subject"] for r in report["rules"]} == {"organization"}
    assert report["customers"]["with_rule"] == 2
    change = next(e for e in report["changes"] if e["object"] == "c")
    assert change["before"] is None and change["after"]["allowed_model_region"] == "FR" and change["actor"] == "key_master"
    assert {(r["source"], r["code"], r["model_group"]) for r in report["refusals"]} == {("organization", "region_not_allowed", "m")}
    status, out, _ = g.cli("report", "residency")
    assert status == 0
    for part in (f"m-{EU}", "declared", "customer.new", "region_not_allowed", "organization"):
        assert part in out, out
    assert error(g.manage("GET", "/v1/reports/residency?days=0"))[:2] == (400, "invalid_field")


def test_the_trail_pages(place):
    g = place()
    for i in range(7):
        g.manage("POST", "/customer/new", {"user_id": f"c{i}"})
    seen, before = [], None
    while True:
        page = g.manage("GET", "/v1/audit?limit=3" + (f"&before={before}" if before else ""))[2]
        seen += [e["object"] for e in page["events"]]
        before = page["next_before"]
        if before is None:
            break
    assert [o for o in seen if o.startswith("c") and o[1:].isdigit()] == [f"c{i}" for i in reversed(range(7))]


def test_endpoints_organisation_and_trail_at_the_command_line(place):
    g = place()
    status, out, _ = g.cli("endpoint", "withdraw", f"m-{EU}", "--reason", "under repair")
    assert status == 0 and "out_of_service" in out and "under repair" in out, out
    assert g.chat("m")[1]["x-ambit-region"] == US
    assert g.cli("endpoint", "return", f"m-{EU}")[0] == 0
    status, out, _ = g.cli("endpoint", "list")
    assert status == 0 and f"m-{EU}" in out and "declared" in out and " m " in out, out
    assert g.cli("endpoint", "return", "none")[0] == 1
    assert g.cli("organization", "set")[0] == 2
    assert g.cli("organization", "set", "--region", "eu", "--transit", "CH")[0] == 0
    assert json.loads(g.cli("organization", "show")[1])["region_rule"] == {"allow": ["eu"], "transit": ["ch"]}
    assert error(g.chat("m", vetted={"region": US}))[:2] == (403, "region_not_allowed")
    assert g.cli("organization", "clear")[0] == 0
    status, out, _ = g.cli("audit", "--object", "organization")
    assert status == 0 and "organization.delete" in out and "organization.new" in out and "endpoint" not in out
    assert len(json.loads(g.cli("audit", "--limit", "2", "--json")[1])) == 2


# --- the surface of the API


def test_paths_methods_and_keys_are_checked(place):
    g = place()
    g.chat("m")
    assert error(g.manage("GET", "/v1/nothing"))[:2] == (404, "not_found")
    assert error(g.manage("POST", "/v1/audit", {}))[:2] == (405, "method_not_allowed")
    assert g.manage("POST", "/v1/audit", {})[1]["allow"] == "GET"
    assert error(g.manage("GET", "/v1/keys", key="sk-wrong"))[:2] == (401, "invalid_api_key")
    wrong = httpx.get(g.control_url + "/v1/keys", trust_env=False)
    assert wrong.headers.get_list("www-authenticate") == ["Bearer", "Api-Key"]
    assert g.manage("GET", "/health/ready", key="")[0] == 200
    assert error(g.manage("POST", "/v1/keys", [1]))[0] == 400
    assert "ambit_requests_total" in g.manage("GET", "/metrics")[2]


def test_metrics_take_a_key_unless_the_operator_says_otherwise(place):
    g = place()
    assert httpx.get(g.control_url + "/metrics", trust_env=False).status_code == 401
    key = g.manage("POST", "/v1/keys", {"name": "prometheus", "scopes": ["metrics"]})[2]["key"]
    assert "ambit_control_edges 1" in g.manage("GET", "/metrics", key=key)[2]
    key = g.manage("POST", "/v1/keys", {"name": "app", "scopes": ["inference"]})[2]["key"]
    assert error(g.manage("GET", "/metrics", key=key))[:2] == (403, "insufficient_scope")
    g.config.write_text(g.config.read_text().replace("gateway: {", "gateway: {metrics_without_key: true, "))
    assert g.manage("POST", "/v1/reload", {})[0] == 200
    assert "ambit_control_edges 1" in httpx.get(g.control_url + "/metrics", trust_env=False).text


def test_what_strangers_send_is_not_waited_for(place):
    g = place()
    for path in ["/v1/keys", "/v1/packages"]:
        with socket.create_connection(("127.0.0.1", g.control_port), 30) as client:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Api-Key no\r\nContent-Length: 1000000\r\n\r\n".encode())
            assert client.recv(65536).startswith(b"HTTP/1.1 401 "), path


def test_customers_keys_and_their_command_line(place):
    g = place()
    assert g.cli("customer", "new", "c", "--region", "eu", "--alias", "the shop")[0] == 0
    status, out, _ = g.cli("customer", "list")
    assert status == 0 and "the shop" in out
    assert g.cli("customer", "update", "c", "--region", "FR", "--region", "SE")[0] == 0
    assert json.loads(g.cli("customer", "info", "c", "--json")[1])["allowed_model_region"] == ["FR", "SE"]
    assert g.cli("customer", "block", "c")[0] == 0
    assert error(g.chat("m", user="c"))[:2] == (403, "customer_blocked")
    assert g.cli("customer", "unblock", "c")[0] == 0
    status, out, err = g.cli("customer", "new", "d", "--region", "eurpe")
    assert status == 1 and "eurpe" in err and "europe" in err, err
    assert g.cli("customer", "delete", "c")[0] == 0
    status, out, _ = g.cli("key", "new", "shop", "--region", "eu", "--json")
    made = json.loads(out)
    assert status == 0 and g.chat("m", key=made["key"])[1]["x-ambit-region"] == EU
    assert "shop" in g.cli("key", "list")[1]
    assert g.cli("key", "delete", made["id"])[0] == 0
    assert g.chat("m", key=made["key"])[0] == 401
    assert g.cli("customer", "nonsense")[0] == 2
