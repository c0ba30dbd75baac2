"""The oracle judged by hand: cases from the documentation whose answer is beyond doubt, so that the storm does not agree with itself only."""

import pathlib
import random
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from chaos import certainly_widens  # noqa: E402
from host_oracle import External, Group, HostWish, LimitedKey  # noqa: E402
from oracle import Customer, History, Oracle, Wish  # noqa: E402
from places import Places, UnknownPlace  # noqa: E402
from world import MASTER, Config, Draw, Endpoint, Key  # noqa: E402

P = Places()


@pytest.mark.parametrize("inside, zone", [
    ("scaleway-par-1", "eu"), ("atnorth-isl-1", "eea"), ("atnorth-isl-1", "efta"), ("aws-eu-central-2", "efta"),
    ("aws-eu-west-2", "uk"), ("azure-norwayeast", "nordics"), ("FR", "eu"), ("benelux", "eu"), ("eu", "eea"), ("aws-us-east-1", "world"),
])
def test_inside(inside, zone):
    assert P.resolve(inside) & ~P.resolve(zone) == 0


@pytest.mark.parametrize("outside, zone", [
    ("atnorth-isl-1", "eu"), ("aws-eu-central-2", "eea"), ("aws-eu-west-2", "eu"), ("gcp-europe-west6", "eu"), ("azure-australiaeast", "us"),
    ("eea", "eu"), ("world", "eu"), ("bedrock-eu", "eea"), ("FR", "ovh-gra-1"),
])
def test_outside(outside, zone):
    assert P.resolve(outside) & ~P.resolve(zone)


def test_names_in_either_case_and_only_known_ones():
    assert P.resolve("OVH-GRA-1") == P.resolve("ovh-gra-1") and P.resolve("fr") == P.resolve("FR")
    with pytest.raises(UnknownPlace):
        P.resolve("eu-west-1")


def test_rules():
    assert not P.compile({"allow": ["world"]}).inference & P.unknown
    assert P.compile({"exclude": ["US"]}).inference & P.resolve("eu") == P.resolve("eu")
    assert not P.compile({"allow": ["eu"], "exclude": ["FR"]}).inference & P.resolve("ovh-gra-1")
    pair = P.compile({"primary": "ovh-gra-1", "secondary": "atnorth-isl-1"})
    assert pair.inference == P.resolve("ovh-gra-1") | P.resolve("atnorth-isl-1")
    transit = P.compile({"allow": ["eu"], "transit": ["CH"]})
    assert transit.gateway & P.resolve("aws-eu-central-2") and not transit.inference & P.resolve("aws-eu-central-2")


# --- whole requests


def endpoint(name, region=None, group="m", **more):
    return Endpoint(id=name, revision=1, group=group, site=more.pop("site", 0), provider=more.pop("provider", "openai"),
                    model=more.pop("model", "m"), region_name=region, **more)


def oracle(endpoints, at=0, **config):
    c = Config(1, endpoints={e.uid: e for e in endpoints}, **config)
    c.keys.setdefault(MASTER, Key("master", scopes="all"))
    return Oracle(History(c, at))


def may(o, uid, model="m", key=MASTER, since=10, until=11, **wish):
    return o.judge(Wish(key=key, model=model, **wish), f"{uid}.1", since, until) is None


FR, US, ISL, EU, NOWHERE = (endpoint("fr", "ovh-gra-1"), endpoint("us", "aws-us-east-1"), endpoint("isl", "atnorth-isl-1"),
                            endpoint("eu", "eu"), endpoint("nowhere"))
ALL = [FR, US, ISL, EU, NOWHERE]


def allowed(o, **wish):
    return {e.id for e in ALL if may(o, e.id, **wish)}


def test_without_rules_everything_may_serve():
    assert allowed(oracle(ALL)) == {"fr", "us", "isl", "eu", "nowhere"}


def test_each_rule_narrows():
    assert allowed(oracle(ALL, organization="eu", gateway_region="ovh-gra-1")) == {"fr", "eu"}
    assert allowed(oracle(ALL, organization="eea", gateway_region="ovh-gra-1")) == {"fr", "eu", "isl"}
    o = oracle(ALL, keys={"k": Key("k", rule=["eea", "US"])}, customers={"c": Customer({"allow": ["world"], "exclude": ["FR"]})})
    assert allowed(o, key="k", customers=("c",)) == {"us", "isl"}  # the endpoint that is somewhere in the EU may be in France
    assert allowed(o, key="k", customers=("c",), regions=("US",)) == {"us"}
    assert allowed(o, key="k", customers=("c",), regions=("ovh-gra-1",)) == set()
    assert allowed(o, key="k", customers=("c",), regions=("atlantis",)) == set()


def test_several_customers_intersect():
    o = oracle(ALL, customers={"a": Customer(["eu", "US"]), "b": Customer(["eea"]), "free": Customer(None)})
    assert allowed(o, customers=("a", "b")) == {"fr", "eu"}
    assert allowed(o, customers=("a", "free")) == {"fr", "eu", "us"}
    assert allowed(o, customers=("free",)) == {"fr", "us", "isl", "eu", "nowhere"}


def test_unknown_customers():
    o = oracle(ALL, customers={"a": Customer("eu")})
    assert allowed(o) == set() and allowed(o, customers=("stranger",)) == set()
    assert allowed(oracle(ALL, customers={"a": Customer(None)})) == {"fr", "us", "isl", "eu", "nowhere"}
    o = oracle(ALL, customers={"a": Customer("eu")}, default_customer_rule="US")
    assert allowed(o) == {"us"} and allowed(o, customers=("stranger",)) == {"us"}


def test_blocked_customers_keys_and_gateways():
    assert allowed(oracle(ALL, customers={"a": Customer(None, blocked=True)}), customers=("a",)) == set()
    o = oracle(ALL, keys={"old": Key("old", expired=True), "m": Key("m", scopes="metrics")})
    assert allowed(o, key="old") == allowed(o, key="m") == allowed(o, key="nobody") == set()
    assert allowed(oracle(ALL, organization="eu", gateway_region="aws-us-east-1")) == set()
    assert allowed(oracle(ALL, organization="eu")) == set()
    assert allowed(oracle(ALL, organization={"allow": ["eu"], "transit": ["US"]}, gateway_region="aws-us-east-1")) == {"fr", "eu"}


def test_a_bound_key_cannot_be_talked_out_of_its_customer():
    o = oracle(ALL, keys={"k": Key("k", customer="a")}, customers={"a": Customer("eu"), "b": Customer(None)})
    assert allowed(o, key="k") == allowed(o, key="k", customers=("b",)) == {"fr", "eu"}


def test_models_names_and_fallbacks():
    other = endpoint("other", "ovh-gra-1", group="other")
    wild = endpoint("wild", "ovh-gra-1", group="wild/*", model="*")
    o = oracle([FR, other, wild], aliases={"nick": "m"}, fallbacks={"m": ["other"]})
    assert may(o, "fr", model="nick") and may(o, "other", model="m") and not may(o, "fr", model="other")
    assert may(o, "wild", model="wild/x") and not may(o, "wild", model="m")


def test_profiles_of_resolved_models():
    wild = endpoint("wild", "ovh-gra-1", group="wild/*", model="*")
    o = oracle([wild, endpoint("profile", model="eu.m")], customers={"a": Customer("eu"), "w": Customer("eea-uk-ch")})
    assert may(o, "wild", model="wild/x", customers=("a",)) and not may(o, "wild", model="wild/eu.x", customers=("a",))
    assert may(o, "wild", model="wild/eu.x", customers=("w",)) and not may(o, "wild", model="wild/global.x", customers=("w",))
    assert may(o, "profile", customers=("w",)) and not may(o, "profile", customers=("a",))


def test_azure_endpoints_learn_their_region():
    o = oracle([endpoint("az", provider="azure")], customers={"a": Customer("eu"), "free": Customer(None)})
    assert may(o, "az", customers=("free",)) and not may(o, "az", customers=("a",))
    o.told[0] = [(10.5, "azure-swedencentral")]
    assert may(o, "az", customers=("a",)) and not may(o, "az", customers=("a",), until=10.2)
    o.told[0] = [(10.5, "azure-eastus")]
    assert not may(o, "az", customers=("a",))


def test_deployment_types():
    zone = endpoint("zone", "azure-swedencentral", provider="azure", deployment_type="datazone")
    world = endpoint("world", provider="azure", deployment_type="global")
    o = oracle([zone, world], customers={"se": Customer("SE"), "eu": Customer("eu"), "w": Customer("world")})
    assert not may(o, "zone", customers=("se",)) and may(o, "zone", customers=("eu",))
    assert not may(o, "world", customers=("eu",)) and may(o, "world", customers=("w",))


def test_time():
    o = oracle([FR, US])
    history = o.customers["c"] = History(Customer("eu"), 0)
    history.begin(Customer("US"), 20)
    assert not may(o, "us", customers=("c",), since=10, until=19)
    assert may(o, "us", customers=("c",), since=10, until=21) and may(o, "fr", customers=("c",), since=10, until=21)
    history.end_others(22)
    assert may(o, "fr", customers=("c",), since=21, until=30)          # sent before the acknowledgement
    assert not may(o, "fr", customers=("c",), since=22.1, until=30)    # sent after it
    history.begin(Customer("SE"), 40)
    history.withdraw(41)
    assert may(o, "us", customers=("c",), since=50, until=60)


def test_what_must_be_refused():
    assert not may(oracle([FR]), "fr", must_refuse="it has the member api_base")


def test_must_serve():
    o = oracle(ALL, customers={"a": Customer("eu"), "jp": Customer("JP")})
    everybody = lambda e: True
    assert o.must_serve(Wish(MASTER, ("a",), model="m"), 5, everybody)
    assert not o.must_serve(Wish(MASTER, ("jp",), model="m"), 5, everybody)
    assert not o.must_serve(Wish(MASTER, (), model="m"), 5, everybody)
    assert not o.must_serve(Wish(MASTER, ("a",), model="m"), 5, lambda e: e.id == "us")


# --- model hosts


def host_oracle(group=None, region="ovh-gra-1", **config):
    """Model m1 with server x.1 in environment e and nothing in environment empty; deployment d1 is x.1 as well."""
    o = oracle([], gateway_region=config.pop("gateway", "ovh-gra-1"), groups={"e": group or Group()}, **config)
    o.hosts.externals["x.1"] = External("x.1", 0, region, "m1")
    o.hosts.current["m1", "e"] = History("x.1", 0)
    o.hosts.current["m1", "empty"] = History(None, 0)
    o.hosts.deployments["d1"] = ("x.1", History("e", 0))
    return o


def reaches(o, since=10, until=11, runs=False, key=MASTER, model="m1", environment="e", deployment=None, regional=False, **wish):
    host = HostWish(model, None if deployment else environment, deployment, regional)
    return o.hosts.judge(Wish(key=key, host=host, **wish), "x.1", since, until, runs) is None


def test_hosts_need_the_environments_rule_on_every_way():
    for group, way_in in [(Group("eu"), True), (Group(), True), (Group("US"), False), (Group({"exclude": ["FR"]}), False)]:
        assert reaches(host_oracle(group)) == reaches(host_oracle(group), deployment="d1") == way_in
    assert reaches(host_oracle(Group("FR"), "FR")) and not reaches(host_oracle(Group("ovh-gra-1"), "FR"))
    assert not reaches(host_oracle(Group("eu")), environment="empty") and not reaches(host_oracle(Group("eu")), model="m2")


def test_hosts_need_every_other_rule_as_well():
    o = host_oracle(Group("eu"), organization="eea", customers={"se": Customer("SE"), "fr": Customer("FR")})
    assert reaches(o, customers=("fr",)) and not reaches(o, customers=("se",)) and not reaches(o)
    assert not reaches(o, customers=("fr",), regions=("SE",))
    assert not reaches(host_oracle(Group("eu"), organization="US", gateway="aws-us-east-1"))


def test_regional_hosts_bind_the_gateway():
    assert reaches(host_oracle(Group("eu")), regional=True)
    assert not reaches(host_oracle(Group("eu"), gateway="aws-us-east-1"), regional=True)
    assert not reaches(host_oracle(Group("eu"), gateway=None), regional=True)
    assert reaches(host_oracle(Group("eu"), gateway="aws-us-east-1"))
    assert reaches(host_oracle(Group({"allow": ["eu"], "transit": ["US"]}), gateway="aws-us-east-1"), regional=True)
    assert not reaches(host_oracle(Group()), regional=True)
    refusing = host_oracle(Group("eu", refuses_standard=True))
    assert reaches(refusing, regional=True) and not reaches(refusing) and not reaches(refusing, deployment="d1")


def test_limited_keys():
    o = host_oracle(Group("eu"))
    o.hosts.keys = {"model": History(LimitedKey(models=("m1",)), 0), "other": History(LimitedKey(models=("m2",)), 0),
                    "env": History(LimitedKey(environments=("e",)), 0), "us": History(LimitedKey("US"), 0)}
    assert {k for k in o.hosts.keys if reaches(o, key=k)} == {"model", "env"}
    assert {k for k in o.hosts.keys if reaches(o, key=k, deployment="d1")} == {"model"}
    o.hosts.keys["model"].begin(None, 20)
    assert reaches(o, key="model", since=20, until=21)
    o.hosts.keys["model"].end_others(22)
    assert not reaches(o, key="model", since=23, until=24)


def test_a_promotion_lets_end_what_runs_and_a_rule_does_not():
    o = host_oracle(Group())
    o.hosts.current["m1", "e"].begin("y.1", 20)
    assert reaches(o, since=21, until=22)
    o.hosts.current["m1", "e"].end_others(23)
    assert not reaches(o, since=24, until=25) and reaches(o, since=24, until=25, runs=True)
    o.configs.now.groups.clear()
    o.hosts.groups["e"] = History(Group("US"), 0)
    assert not reaches(o, since=24, until=25, runs=True)


def test_what_a_request_depends_on():
    o = host_oracle(Group("eu"), customers={"fixed": Customer("eu")})
    wish = Wish(key=MASTER, host=HostWish("m1", "e"), customers=("fixed",))
    o.customers["other"] = History(Customer("eu"), 0)
    o.customers["other"].begin(None, 5)
    assert not o.hosts.has_changed(wish, 4, 6)
    assert o.hosts.has_changed(Wish(key=MASTER, host=wish.host), 4, 6)  # whoever names nobody is refused once anybody has a rule
    o.hosts.current["m1", "e"].begin(None, 5)
    assert o.hosts.has_changed(wish, 4, 6) and not o.hosts.has_changed(wish, 3, 4)


def test_where_replicas_may_stand():
    o = host_oracle(Group("eu"), organization={"exclude": ["DE"]})
    assert o.hosts.may_stand("ovh-gra-1", "e", 5, 6) and o.hosts.may_stand("aws-us-east-1", None, 5, 6)
    for outside in ("aws-us-east-1", "eea", "hetzner-fsn-1"):
        assert not o.hosts.may_stand(outside, "e", 5, 6)
    assert not o.hosts.may_stand("hetzner-fsn-1", None, 5, 6)


def test_hosts_must_serve_only_what_is_certain():
    o = host_oracle(Group("eu"))
    wish = lambda name: Wish(key=MASTER, host=HostWish("m1", name))
    assert o.hosts.must_serve(wish("e"), 5) == "x.1" and o.hosts.must_serve(wish("empty"), 5) is None
    o.hosts.current["m1", "e"].begin("y.1", 4)
    assert o.hosts.must_serve(wish("e"), 5) is None


def test_widening():
    def config(**more):
        return Config(1, keys={"k": Key("k", rule=more.pop("key", None))}, **more)

    assert certainly_widens(config(organization="eu"), config())
    assert certainly_widens(config(organization="eu"), config(organization="eea"))
    assert certainly_widens(config(key="eu"), config(key=["eu", "US"]))
    assert not certainly_widens(config(), config(organization="eu"))
    assert certainly_widens(config(groups={"e": Group("eu")}), config(groups={"e": Group()}))
    assert not certainly_widens(config(groups={"e": Group("eea")}), config(groups={"e": Group("eu")}))
    assert not certainly_widens(config(organization="eea"), config(organization="eu"))


def test_worlds_are_drawn_from_the_seed():
    first, second, other = (Draw(random.Random(seed), 4).config().text([1, 2, 3, 4]) for seed in (1, 1, 2))
    assert first == second != other
