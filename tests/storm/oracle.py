"""Says which endpoints a request may reach. Written from the contract alone: it shares no code and no table with src/.

Policy changes while requests run, so every piece of it (the configuration, each customer, what an Azure endpoint has said about itself) is kept
with the time in which it may have been in force: from the moment its write began until the write that replaced it was acknowledged. A byte is
a violation only if no state that may have been in force between the start of its attempt and its arrival allows it; so one that arrives by
a rule which was replaced before the request was even sent always is one.
"""

import itertools
from dataclasses import dataclass, field

from host_oracle import HostOracle
from places import PROFILES, UnknownPlace

FOREVER = float("inf")


class History:
    """Values of one thing over time; neighbours overlap while a write is under way."""

    def __init__(self, value, at):
        self.entries = [[value, at, FOREVER]]

    def begin(self, value, at):
        """A write of `value` has begun: from now on it may be in force."""
        self.entries.append([value, at, FOREVER])

    def end_others(self, at):
        """The newest value is acknowledged: nothing older is in force from now on."""
        for entry in self.entries[:-1]:
            entry[2] = min(entry[2], at)
        if len(self.entries) > 64:
            self.entries = [e for e in self.entries if e[2] > at - 120]

    def withdraw(self, at):
        """The newest value was refused: it never came into force, or is in force no more."""
        value, began, _ = self.entries.pop()
        self.entries.insert(0, [value, began, at])

    def during(self, since, until):
        return [value for value, began, ended in self.entries if began <= until and ended >= since]

    @property
    def now(self):
        return self.entries[-1][0]

    @property
    def settled(self):
        return all(ended < FOREVER for _, _, ended in self.entries[:-1])


@dataclass(frozen=True)
class Customer:
    rule: object = None  # as written: None, a place, a list, or {"primary", "secondary"}
    blocked: bool = False


@dataclass(frozen=True)
class Permit:
    allowed: int
    restricted: bool


@dataclass
class Wish:
    """What of a request matters to policy."""
    key: str
    customers: tuple = ()
    regions: tuple = ()  # pins, zones and countries that it names, wherever
    carbon_aware: bool = False
    model: str = ""
    must_refuse: str = None  # why no endpoint whatever may get it
    host: object = None      # HostWish, of a request to a model host


@dataclass
class Oracle:
    configs: History
    customers: dict = field(default_factory=dict)  # id -> History of Customer or None; those made over the API
    told: dict = field(default_factory=dict)       # site -> [(time, region code)]: what has been said there in x-ms-region
    withdrawn: dict = field(default_factory=dict)  # endpoint id -> time since which it is known to be out of service

    def __post_init__(self):
        self.hosts = HostOracle(self)

    # --- permits

    def permits(self, config, wish, since, until):
        """Every permit that the request may have had in that time; none: refused."""
        key = config.keys.get(wish.key)
        if wish.must_refuse or key is None or not key.usable:
            return []
        return self.permits_of(config, wish, key, [], since, until)

    def permits_of(self, config, wish, key, more, since, until):
        """`more`: rules that hold as well, or None in place of one."""
        organization = config.rule(config.organization)
        if organization and not self._gateway_may_serve(config, organization):
            return []
        rules = [organization, config.rule(key.rule), *more]
        try:
            wished = [config.places.resolve(name) for name in wish.regions]
        except UnknownPlace:
            return []
        found = set()
        for combination in self._customer_rules(config, key, wish, since, until):
            allowed = [rule.inference for rule in rules + list(combination) if rule] + wished
            permit = Permit(config.places.named | config.places.unknown, False)
            for bits in allowed:
                permit = Permit(permit.allowed & bits, True)
            found.add(permit)
        return list(found)

    @staticmethod
    def _gateway_may_serve(config, organization):
        if not config.gateway_region:
            return False
        return bool(config.places.resolve(config.gateway_region) & organization.gateway)

    def states_of(self, config, customer, since, until):
        if customer in config.customers:
            return [config.customers[customer]]
        history = self.customers.get(customer)
        return history.during(since, until) if history else [None]

    def _customer_rules(self, config, key, wish, since, until):
        """The combinations of customers' rules that may hold, refusals left out."""
        ids = set(wish.customers) | ({key.customer} if key.customer else set())
        if not ids:
            return [(rule,) for rule in self._rules_of_unknown(config, since, until)]
        choices = []
        for customer in ids:
            states = self.states_of(config, customer, since, until)
            choices.append(["unknown" if state is None else config.rule(state.rule) for state in states
                            if state is None or not state.blocked])
        combinations = []
        for combination in itertools.product(*choices):
            known = tuple(rule for rule in combination if rule != "unknown")
            # An unknown id beside a known one widens nothing; whether it is refused is another question, so the storm allows both.
            combinations += [known] if known else [(rule,) for rule in self._rules_of_unknown(config, since, until)]
        return combinations

    def _rules_of_unknown(self, config, since, until):
        """What a request without a known customer gets; an empty list: it is refused."""
        if config.default_customer_rule is not None:
            return [config.rule(config.default_customer_rule)]
        if any(c.rule is not None for c in config.customers.values()):
            return []
        for history in self.customers.values():
            states = history.during(since, until)
            if states and all(state is not None and state.rule is not None for state in states):
                return []
        return [None]

    # --- endpoints

    def places_of(self, config, endpoint, model, until):
        """The sets that an endpoint may stand for, given what it has said so far."""
        profile = PROFILES.get(endpoint.resolved_model(model).split(".")[0]) if "." in endpoint.resolved_model(model) else None
        extra = config.places.resolve(profile) if profile else 0
        declared = endpoint.declared_place()
        if declared is not None:
            return [config.places.resolve(declared) | extra]
        if profile:
            return [extra]
        codes = {code for at, code in self.told.get(endpoint.site, ()) if at <= until} if endpoint.is_azure else set()
        return [config.places.bit[code] for code in codes if code in config.places.bit] or [config.places.unknown]

    def allows(self, config, endpoint, permit, model, until):
        if not permit.restricted:
            return True
        return any(place & ~permit.allowed == 0 for place in self.places_of(config, endpoint, model, until))

    @staticmethod
    def holds(config, permit, place):
        return not permit.restricted or config.places.resolve(place) & ~permit.allowed == 0

    def judge(self, wish, uid, since, until):
        """None if the endpoint `uid` may have got bytes of the request in that time, else why not."""
        reasons = []
        if wish.must_refuse:
            return f"it had to be refused: {wish.must_refuse}"
        if wish.host:
            return self.hosts.judge(wish, uid, since, until)
        for config in self.configs.during(since, until):
            endpoint = config.endpoints.get(uid)
            if endpoint is None:
                reasons.append(f"configuration {config.number} has no endpoint {uid}")
            elif endpoint.group not in config.reachable_groups(wish.model):
                reasons.append(f"configuration {config.number}: {uid} does not serve {wish.model}")
            else:
                permits = self.permits(config, wish, since, until)
                if any(self.allows(config, endpoint, permit, wish.model, until) for permit in permits):
                    return None
                reasons.append(f"configuration {config.number}: {uid} in {endpoint.declared_place() or 'unknown'} is outside "
                               f"the {len(permits)} permits that may have held")
        return "; ".join(reasons)

    def must_serve(self, wish, at, healthy):
        """Once all is settled: whether an endpoint of the model's own group is certain to be allowed and healthy."""
        config = self.configs.now
        group = config.group_of(wish.model)
        key = config.keys.get(wish.key)
        if group is None or key is None or wish.carbon_aware:
            return False
        named = set(wish.customers) | ({key.customer} if key.customer else set())
        if any(state is None for customer in named for state in self.states_of(config, customer, at, at)):
            return False
        for permit in self.permits(config, wish, at, at):
            for endpoint in config.endpoints.values():
                if endpoint.group == group and healthy(endpoint) and self.allows(config, endpoint, permit, wish.model, at):
                    return True
        return False
