"""Draws worlds: a configuration, the policies in it, and how they change."""

import copy
import json
from dataclasses import dataclass, field, replace

from host_oracle import Group
from oracle import Customer
from places import REGIONS, Places

MASTER = "sk-storm-master"
REPLAY_BYTES = 65536
CATCH_ALL = "*"
GROUPS = ["chat-a", "chat-b", "embed", "small"]
OWN_REGIONS = {"storm-lyo-1": "FR", "storm-rkv-1": "IS", "storm-zrh-1": "CH", "storm-nyc-1": "US"}
OWN_ZONES = [["storm-lyo-1", "IS", "benelux"], ["dach", "nordics"], ["eu", "uk", "CH"], ["ovh-gra-1", "ovh-rbx-1"]]
ZONES = ["eu", "eea", "efta", "uk", "us", "au", "nordics", "benelux", "dach", "eu-efta", "eea-uk-ch", "world"]
COUNTRIES = ["FR", "SE", "DE", "NL", "CH", "GB", "US", "IS", "NO", "fi", "ie", "AU"]
FILE_GROUPS = ["f-1", "f-2"]
AZURE = [code for code in REGIONS if code.startswith("azure-")]


@dataclass(frozen=True)
class Endpoint:
    id: str
    revision: int
    group: str
    site: int
    provider: str
    model: str
    region_name: str = None
    deployment_type: str = None
    order: int = 1
    weight: float = 1.0
    max_parallel: int = 0

    @property
    def uid(self):
        """Names one entry of one file; it is the endpoint's credential, so that an upstream sees which one was used."""
        return f"{self.id}.{self.revision}"

    @property
    def is_azure(self):
        return self.provider == "azure"

    @property
    def wildcard(self):
        return self.group.endswith("*")

    def resolved_model(self, asked):
        return asked[len(self.group) - 1:] if self.wildcard else self.model

    def declared_place(self):
        if self.deployment_type == "global":
            return "world"
        if self.deployment_type == "datazone":
            country = REGIONS.get(self.region_name)
            return {"US": "datazone-us"}.get(country, "datazone-eu" if country in ("SE", "NL", "FR") else "world")
        return self.region_name

    def entry(self, sites):
        base = f"http://127.0.0.1:{sites[self.site]}"
        params = {"model": f"{self.provider}/{'*' if self.wildcard else self.model}", "api_key": f"up-{self.uid}",
                  "api_base": base if self.is_azure else base + "/v1", "order": self.order, "weight": self.weight}
        for name in ("region_name", "deployment_type"):
            if getattr(self, name):
                params[name] = getattr(self, name)
        if self.max_parallel:
            params["max_parallel_requests"] = self.max_parallel
        return {"model_name": self.group, "litellm_params": params, "model_info": {"id": self.id}}


@dataclass(frozen=True)
class Key:
    name: str
    rule: object = None
    customer: str = None
    expired: bool = False
    scopes: str = "inference"

    @property
    def usable(self):
        return not self.expired and self.scopes in ("inference", "all")


@dataclass
class Config:
    """One state of the configuration file."""
    number: int
    endpoints: dict = field(default_factory=dict)  # uid -> Endpoint
    aliases: dict = field(default_factory=dict)
    fallbacks: dict = field(default_factory=dict)
    default_fallbacks: list = field(default_factory=list)
    organization: object = None
    gateway_region: str = None
    keys: dict = field(default_factory=dict)       # text -> Key
    customers: dict = field(default_factory=dict)  # id -> Customer
    groups: dict = field(default_factory=dict)     # name -> Group
    default_customer_rule: object = None
    regions: dict = field(default_factory=dict)
    zones: dict = field(default_factory=dict)
    preferred: list = field(default_factory=list)
    health_interval: float = 0
    retries: int = 2

    def __post_init__(self):
        self.places = Places(self.regions, self.zones)
        self.compiled = {}

    def rule(self, rule):
        if rule is None:
            return None
        text = json.dumps(rule)
        if text not in self.compiled:
            self.compiled[text] = self.places.compile(rule)
        return self.compiled[text]

    def group_of(self, model):
        """The group that a model's name leads to: an exact name, an alias, then the longest wildcard."""
        groups = {e.group for e in self.endpoints.values()}
        model = self.aliases.get(model, model)
        if model in groups:
            return model
        fitting = [g for g in groups if g.endswith("*") and model.startswith(g[:-1])]
        return max(fitting, key=len, default=None)

    def reachable_groups(self, model):
        group = self.group_of(model)
        if group is None:
            return ()
        return [group, *self.fallbacks.get(group, self.default_fallbacks)]

    def text(self, sites):
        """YAML, in its JSON form."""
        router = {"num_retries": self.retries, "allowed_fails": 3, "cooldown_time": 0.5,
                  "model_group_alias": self.aliases, "fallbacks": [{g: f} for g, f in self.fallbacks.items()]}
        if self.default_fallbacks:
            router["default_fallbacks"] = self.default_fallbacks
        groups = sorted({e.group for e in self.endpoints.values()})
        timers = {"connect_timeout": 1.5, "first_byte_timeout": 2, "idle_timeout": 2, "total_timeout": 8}
        file = {
            "storm_number": self.number,  # not understood: a warning; it makes every file another one
            "model_list": [e.entry(sites) for e in self.endpoints.values()],
            "router_settings": router,
            "model_group_settings": {g: timers for g in groups},
            "routing": {"preferred": self.preferred, "health_check": {"interval": self.health_interval, "timeout": 1}},
            "timers": {"drain": 30, "hold": 1},
            "limits": {"replay_bytes": REPLAY_BYTES},
            "deployments": {"external_addresses": ["127.0.0.0/8"]},
            "environment_groups": [self._group(name, group) for name, group in self.groups.items()],
            "regions": [{"code": code, "country": country} for code, country in self.regions.items()],
            "zones": self.zones,
            "keys": [self._key(text, key) for text, key in self.keys.items() if text != MASTER],
            "customers": [self._customer(name, c) for name, c in self.customers.items()],
        }
        if self.gateway_region:
            file["gateway"] = {"region": self.gateway_region}
        if self.organization is not None:
            file["organization"] = {"region_rule": self.organization}
        if self.default_customer_rule is not None:
            file["default_customer_rule"] = self.default_customer_rule
        return json.dumps(file, indent=1) + "\n"

    @staticmethod
    def _key(text, key):
        entry = {"name": key.name, "key": text, "scopes": [key.scopes]}
        if key.rule is not None:
            entry["region_rule"] = key.rule
        if key.customer:
            entry["customer"] = key.customer
        if key.expired:
            entry["expires"] = "2024-01-31T00:00:00Z"
        return entry

    @staticmethod
    def _group(name, group):
        entry = {"name": name, "standard_endpoint": "refuse" if group.refuses_standard else "serve"}
        return entry if group.rule is None else {**entry, "region_rule": group.rule}

    @staticmethod
    def _customer(name, customer):
        entry = {"user_id": name, "blocked": customer.blocked}
        if isinstance(customer.rule, dict) and "primary" in customer.rule:
            entry.update(customer.rule)
        elif customer.rule is not None:
            entry["allowed_model_region"] = customer.rule
        return entry


class Draw:
    """Draws the parts of a world from one stream of random numbers."""

    def __init__(self, random, n_sites):
        self.random = random
        self.n_sites = n_sites
        self.next_id = 0
        self.next_number = 0
        self.site_codes = [None] * n_sites  # the Azure region that each site says it is

    def chance(self, p):
        return self.random.random() < p

    # --- rules

    def place(self, config):
        r = self.random
        kind = r.random()
        if kind < 0.3:
            return r.choice(["eu", "eea", "eea-uk-ch", "world"])
        if kind < 0.5:
            return r.choice(ZONES + list(config.zones))
        if kind < 0.65:
            return r.choice(COUNTRIES)
        code = r.choice(list(REGIONS) + list(config.regions))
        return code.upper() if self.chance(0.05) else code

    def rule(self, config, forms=("place", "list", "full", "full", "pair")):
        """A rule that leaves something; one that leaves nothing is an error of configuration."""
        while True:
            rule = self._any_rule(config, self.random.choice(forms))
            if config.places.compile(rule).inference:
                return rule

    def _any_rule(self, config, form):
        r = self.random
        if form == "place":
            return self.place(config)
        if form == "list":
            return [self.place(config) for _ in range(r.randint(1, 4))]
        if form == "pair":
            two = r.sample(list(REGIONS), 2)
            return {"primary": two[0], "secondary": two[1]} if self.chance(0.8) else {"primary": two[0]}
        rule = {"allow": [self.place(config) for _ in range(r.randint(1, 4))]} if self.chance(0.8) else {}
        if not rule or self.chance(0.6):
            rule["exclude"] = [self.excluded(config) for _ in range(r.randint(1, 2))]
        if self.chance(0.3):
            rule["transit"] = [self.place(config)]
        return rule

    def excluded(self, config):
        """Mostly what takes something away from somebody."""
        used = [e.region_name for e in config.endpoints.values() if e.region_name]
        return self.random.choice(used) if used and self.chance(0.6) else self.place(config)

    def wide_rule(self, config):
        r = self.random
        rules = [["eu", "uk", "us", "CH"], {"allow": ["world"], "exclude": [r.choice(ZONES[:-1])]}, ["eea-uk-ch", "us"], {"exclude": ["US"]}, "eea"]
        return r.choice([*rules, self.rule(config, ("list", "full"))])

    # --- endpoints

    def endpoint(self, group):
        r = self.random
        self.next_id += 1
        fields = {"id": f"e{self.next_id}", "revision": 1, "group": group, "site": r.randrange(self.n_sites),
                  "provider": r.choice(["openai", "hosted_vllm"]), "model": f"m-{group}" if not group.endswith("*") else "*",
                  "order": 1 if self.chance(0.85) else 2, "weight": r.choice([1.0, 1.0, 0.5, 3.0]),
                  "max_parallel": 0 if self.chance(0.8) else r.randint(1, 6)}
        return Endpoint(**{**fields, **self.placement(group, fields["site"])})

    def placement(self, group, site):
        r = self.random
        kind = r.random()
        if kind < 0.70 or group.endswith("*"):
            return {"region_name": r.choice(list(REGIONS)[:9] if self.chance(0.5) else list(REGIONS) + list(OWN_REGIONS))}
        if kind < 0.80:
            return {"region_name": r.choice(["eu", "FR", "US", "nordics", "uk", "CH", "SE"])}
        if kind < 0.84:
            return {}
        if kind < 0.94:
            honest = self.site_codes[site] if self.chance(0.9) else None
            return {"provider": "azure", "region_name": None if self.chance(0.6) else honest or r.choice(AZURE)}
        if kind < 0.97:
            kind = r.choice(["datazone", "global"])
            return {"provider": "azure", "region_name": r.choice(AZURE) if kind == "datazone" else None, "deployment_type": kind}
        return {"model": r.choice(["eu.m", "us.m", "global.m"])}

    # --- configurations

    def config(self):
        r = self.random
        self.next_number += 1
        config = Config(self.next_number, regions=dict(OWN_REGIONS),
                        zones={f"office-{i}": r.choice(OWN_ZONES) for i in range(r.randint(0, 2))})
        groups = GROUPS[:r.randint(2, 4)] + (["wild/*"] if self.chance(0.7) else []) + ([CATCH_ALL] if self.chance(0.2) else [])
        for group in groups:
            for _ in range(r.randint(1, 3) if group.endswith("*") else r.randint(2, 8)):
                e = self.endpoint(group)
                config.endpoints[e.uid] = e
        config.keys = {MASTER: Key("master", scopes="all")}
        for i in range(r.randint(2, 5)):
            config.keys[f"sk-storm-key-{i}"] = self.key(config, i)
        for i in range(r.randint(0, 4)):
            config.customers[f"file-{i}"] = self.customer(config)
        self.settings(config)
        config.groups = {name: self.group(config) for name in FILE_GROUPS}
        return config

    def group(self, config):
        return Group(self.group_rule(config) if self.chance(0.85) else None, self.chance(0.08))

    def group_rule(self, config):
        """Mostly one that leaves the gateway inside; without that a regional host says no more than 421."""
        rule = self.rule(config, ("place", "list", "list", "full"))
        if config.gateway_region and self.chance(0.75) and not config.rule(rule).gateway & config.places.resolve(config.gateway_region):
            places = [config.gateway_region, self.place(config)]
            return places if self.chance(0.6) else {"allow": [self.place(config)], "transit": [config.gateway_region]}
        return rule

    def region_for(self, config, rule):
        """Where an external server stands, mostly inside of the rule."""
        tries = 12 if self.chance(0.75) else 1
        for _ in range(tries):
            place = self.random.choice(list(REGIONS) + list(OWN_REGIONS)) if self.chance(0.7) else self.place(config)
            if rule is None or config.places.resolve(place) & ~config.rule(rule).inference == 0:
                break
        return place

    def key(self, config, i):
        customer = self.random.choice([None, None, None, None, "file-0", "c-0", "c-1"])
        return Key(f"key-{i}", self.rule(config) if self.chance(0.4) else None, customer, expired=self.chance(0.05),
                   scopes="inference" if self.chance(0.95) else "metrics")

    def customer(self, config):
        return Customer(self.rule(config, ("place", "list", "pair")) if self.chance(0.8) else None, self.chance(0.05))

    def settings(self, config):
        """What is drawn anew in a later file as well."""
        r = self.random
        groups = [g for g in sorted({e.group for e in config.endpoints.values()})]
        plain = [g for g in groups if not g.endswith("*")]
        config.organization = self.wide_rule(config) if self.chance(0.45) else None
        config.gateway_region = self.gateway_region(config)
        config.default_customer_rule = self.rule(config, ("place", "list", "full")) if self.chance(0.3) else None
        config.aliases = {"nick": r.choice(plain)} if self.chance(0.5) else {}
        config.fallbacks = {g: r.sample([o for o in plain if o != g], 1) for g in groups
                            if g != CATCH_ALL and self.chance(0.4) and plain != [g]}
        config.default_fallbacks = [r.choice(plain)] if self.chance(0.15) else []
        config.preferred = r.sample(list(REGIONS), r.randint(0, 4)) or ["ovh-gra-1"]
        config.health_interval = r.choice([0, 0, 0.3, 1])
        config.retries = r.choice([0, 1, 2, 2, 3])

    def gateway_region(self, config):
        """Mostly one that may answer; a gateway outside the organization's rule refuses all."""
        if config.organization is None:
            return self.random.choice([None, "ovh-gra-1", "aws-us-east-1"])
        gateway = config.rule(config.organization).gateway
        fitting = [code for code in config.places.regions if config.places.bit[code] & gateway]
        return self.random.choice(fitting) if fitting and self.chance(0.9) else self.random.choice([None, "aws-us-east-1"])

    def next_config(self, before):
        """The file after an edit or a few."""
        self.next_number += 1
        config = copy.copy(before)
        for name in ("endpoints", "aliases", "fallbacks", "keys", "customers", "groups"):
            setattr(config, name, dict(getattr(before, name)))
        config.number = self.next_number
        config.compiled = {}
        edits = [self._relabel, self._relabel, self._move, self._add, self._remove, self._rules, self._keys, self._customers, self._groups, self._groups, self.settings]
        for edit in self.random.choices(edits, k=self.random.randint(1, 3)):
            edit(config)
        config.__post_init__()
        return config

    def _replace(self, config, endpoint, **changes):
        del config.endpoints[endpoint.uid]
        changed = replace(endpoint, revision=config.number * 10 + self.random.randrange(10), **changes)
        config.endpoints[changed.uid] = changed

    def _any(self, config):
        return self.random.choice(list(config.endpoints.values()))

    def _relabel(self, config):
        e = self._any(config)
        self._replace(config, e, **{"region_name": None, "deployment_type": None, "provider": "openai",
                                    "model": "*" if e.wildcard else f"m-{e.group}", **self.placement(e.group, e.site)})

    def _move(self, config):
        e = self._any(config)
        self._replace(config, e, site=self.random.randrange(self.n_sites))

    def _add(self, config):
        e = self.endpoint(self._any(config).group)
        config.endpoints[e.uid] = e

    def _remove(self, config):
        e = self._any(config)
        if sum(o.group == e.group for o in config.endpoints.values()) > 1:
            del config.endpoints[e.uid]

    def _rules(self, config):
        config.organization = self.wide_rule(config) if self.chance(0.5) else None
        config.gateway_region = self.gateway_region(config)

    def _keys(self, config):
        text = self.random.choice([t for t in config.keys if t != MASTER])
        config.keys[text] = self.key(config, int(text.rsplit("-", 1)[1]))

    def _customers(self, config):
        config.customers[f"file-{self.random.randrange(4)}"] = self.customer(config)

    def _groups(self, config):
        config.groups[self.random.choice(FILE_GROUPS)] = self.group(config)
