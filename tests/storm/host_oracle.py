"""What of the oracle concerns model hosts: which external server may get bytes of a request for a host, an environment or a deployment.

The same windows of time hold as for customers. A request that runs is held to less than an attempt that begins: a promotion lets it end where it
began, a rule does not.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """An environment name."""
    rule: object = None
    refuses_standard: bool = False


@dataclass(frozen=True)
class External:
    """A server that others run, as a deployment's source names it; its uid is its credential."""
    uid: str
    site: int
    region: str
    model: str  # id

    is_azure = wildcard = False

    @property
    def id(self):
        return self.uid.split(".")[0]

    def declared_place(self):
        return self.region


@dataclass(frozen=True)
class LimitedKey:
    """A key that the API made."""
    rule: object = None
    models: tuple = ()
    environments: tuple = ()
    customer: str = None
    usable: bool = True


@dataclass
class HostWish:
    model: str                # id
    environment: str = None   # by which name it was asked for
    deployment: str = None    # or by which id
    regional: bool = False


class HostOracle:
    """Belongs to an oracle, whose configurations and customers it uses."""

    def __init__(self, oracle):
        self.oracle = oracle
        self.groups = {}        # name -> History of Group; those that the API owns
        self.keys = {}          # text -> History of LimitedKey or None
        self.current = {}       # (model id, environment) -> History of uid or None
        self.deployments = {}   # id -> (uid, History of the environment that it is in)
        self.externals = {}     # uid -> External

    def group_states(self, config, name, since, until):
        if name is None:
            return [Group()]
        if name in config.groups:
            return [config.groups[name]]
        history = self.groups.get(name)
        return history.during(since, until) if history else [Group()]

    def key_states(self, config, text, since, until):
        """None: there is none."""
        if text in config.keys:
            key = config.keys[text]
            return [key if key.usable else None]
        history = self.keys.get(text)
        return history.during(since, until) if history else [None]

    def environments_of(self, wish, since, until):
        if wish.deployment is None:
            return [wish.environment]
        return self.deployments[wish.deployment][1].during(since, until)

    def leads_to(self, wish, uid, since, until):
        if wish.deployment is not None:
            return self.deployments[wish.deployment][0] == uid
        history = self.current.get((wish.model, wish.environment))
        return history is not None and uid in history.during(since, until)

    def judge(self, wish, uid, since, until, runs=False):
        """None if the server may have got bytes of the request in that time, else why not. `runs`: of one that began earlier."""
        host, external = wish.host, self.externals.get(uid)
        if external is None or external.model != host.model:
            return f"{uid} is no server of model {host.model}"
        if not runs and not self.leads_to(host, uid, since, until):
            return f"{uid} was not in {host.environment or host.deployment}"
        states = 0
        for config in self.oracle.configs.during(since, until):
            for name in self.environments_of(host, since, until):
                for group in self.group_states(config, name, since, until):
                    states += 1
                    if self._state_allows(config, wish, name, group, external, since, until):
                        return None
        return f"{uid} in {external.region} is outside the rules of {host.environment or host.deployment} in each of {states} states"

    def _state_allows(self, config, wish, name, group, external, since, until):
        host = wish.host
        rule = config.rule(group.rule)
        if host.regional and not self.gateway_serves(config, rule):
            return False
        if not host.regional and group.refuses_standard:
            return False
        for key in self.key_states(config, wish.key, since, until):
            if key is None or not self._key_may(key, host):
                continue
            permits = self.oracle.permits_of(config, wish, key, [rule], since, until)
            if any(self.oracle.holds(config, permit, external.region) for permit in permits):
                return True
        return False

    def has_changed(self, wish, since, until):
        """Whether anything that the request depends on may have changed in that time: without that no rule can have ended it."""
        host, config = wish.host, self.oracle.configs.now
        histories = [self.oracle.configs, self.keys.get(wish.key), self.current.get((host.model, host.environment))]
        histories += [self.groups.get(name) for name in self.environments_of(host, since, until)]
        histories += [self.deployments[host.deployment][1]] if host.deployment else []
        customers = {*wish.customers, getattr(config.keys.get(wish.key), "customer", None)}
        named = [self.oracle.customers[c] for c in customers if c in self.oracle.customers]
        known = named or any(c in config.customers for c in customers)
        histories += named if known else list(self.oracle.customers.values())
        return any(h is not None and len(h.during(since, until)) > 1 for h in histories)

    def may_stand(self, region, environment, since, until):
        """Whether a replica may have stood there in that time: only the organisation's and the environment's rules speak of that."""
        for config in self.oracle.configs.during(since, until):
            for group in self.group_states(config, environment, since, until):
                rules = [config.rule(rule) for rule in (config.organization, group.rule) if rule is not None]
                if all(config.places.resolve(region) & ~rule.inference == 0 for rule in rules):
                    return True
        return False

    @staticmethod
    def gateway_serves(config, rule):
        """A regional host promises the way as well; without a rule there is none."""
        if rule is None or not config.gateway_region:
            return False
        return bool(config.places.resolve(config.gateway_region) & rule.gateway)

    @staticmethod
    def _key_may(key, host):
        models, environments = getattr(key, "models", ()), getattr(key, "environments", ())
        return (not models or host.model in models) and (not environments or host.environment in environments)

    def must_serve(self, wish, at):
        """Once all is settled: the server that has to get the request; None if that is not certain."""
        history = self.current.get((wish.host.model, wish.host.environment))
        groups = self.groups.get(wish.host.environment)
        if history is None or not history.settled or history.now is None or (groups and not groups.settled):
            return None
        if any(state is None for c in wish.customers for state in self.oracle.states_of(self.oracle.configs.now, c, at, at)):
            return None
        return history.now if self.judge(wish, history.now, at, at) is None else None
