"""What goes on around model hosts: models, environments and deployments come and go, are promoted, and their groups' rules change.

Each object has one writer. A call whose end nobody knows leaves both states open; `look` closes the question: whatever was written before a later
change is acknowledged is in force as well, and then the API says what came of it.
"""

import asyncio
import json

from host_oracle import External, Group, LimitedKey
from oracle import History
from world import FILE_GROUPS

MODELS = 3
API_GROUPS = ["production", "a-1", "a-2"]
ENVIRONMENTS = API_GROUPS + FILE_GROUPS
SURE_REFUSALS = (400, 403, 404, 409, 422)
KEPT_DEPLOYMENTS = 12


class Model:
    """A name whose model may be deleted and made again."""

    def __init__(self, name):
        self.name = name
        self.id = None
        self.environments = set()
        self.deployments = {}  # id -> uid, of those that can be promoted
        self.inside = {}       # environment -> id of the deployment in it


class HostChaos:
    def __init__(self, storm, random, draw, chaos):
        self.storm, self.random, self.draw, self.chaos = storm, random, draw, chaos
        self.hosts = storm.oracle.hosts
        self.models = [Model(f"storm-{i}") for i in range(MODELS)]
        for name in API_GROUPS:
            self.hosts.groups[name] = History(Group(), 0)

    def chance(self, p):
        return self.random.random() < p

    def parts(self):
        return [*(self.model(m) for m in self.models), *(self.group(name) for name in API_GROUPS), self.keys(), self.inspect()]

    def goes_on(self):
        return self.storm.running or self.storm.settling

    async def call(self, what, method, path, body=None):
        status, answer = await self.chaos.call(method, path, body, control=True)
        self.storm.count(f"hosts: {what} {status}")
        if status >= 500 and status != 503:
            self.storm.violation("broken_api", f"{method} {path}: {status} {answer}")
        return status, answer

    @staticmethod
    def in_force(status, answer):
        return status in (200, 201, 202) and (not isinstance(answer, dict) or answer.get("in_force") is not False)

    # --- groups

    async def group(self, name):
        """The one writer of a group's rule."""
        while self.storm.running:
            await asyncio.sleep(self.random.uniform(0.05, 0.8))
            config = self.storm.oracle.configs.now
            await self.write_group(name, Group(self.draw.group_rule(config) if self.chance(0.85) else None, self.chance(0.08)))

    async def write_group(self, name, target):
        storm, history = self.storm, self.hosts.groups[name]
        if history.now == target:
            return
        history.begin(target, storm.now())
        body = {"region_rule": target.rule, "standard_endpoint": "refuse" if target.refuses_standard else None}
        sure = True  # an earlier try may have done it: then the next one changes nothing, and waits for no edge
        while self.goes_on():
            status, answer = await self.call("group", "PATCH", f"/v1/environment_groups/{name}", body)
            if status == 200:
                if not sure or not self.in_force(status, answer):
                    await self.chaos.pulse()
                break
            sure = False
            if status in SURE_REFUSALS:
                storm.violation("refused_write", f"{name} {json.dumps(body)}: {status} {answer}")
                return
            await asyncio.sleep(0.05)
        else:
            return
        history.end_others(storm.now())

    # --- keys

    async def keys(self):
        """Keys with limits of their own: made, used, revoked."""
        made = []
        while self.storm.running:
            await asyncio.sleep(self.random.uniform(0.1, 1.5))
            models = [m.id for m in self.models if m.id]
            if not models:
                continue
            if len(made) < 5 or self.chance(0.4):
                await self.make_key(made, models)
            else:
                await self.revoke_key(*made.pop(self.random.randrange(len(made))))

    async def make_key(self, made, models):
        config = self.storm.oracle.configs.now
        key = LimitedKey(self.draw.rule(config, ("place", "list", "full")) if self.chance(0.4) else None,
                         tuple(self.random.sample(models, 1)) if self.chance(0.5) else (),
                         tuple(self.random.sample(ENVIRONMENTS, 2)) if self.chance(0.5) else ())
        body = {"type": "WORKSPACE_INVOKE", "name": f"storm-{self.random.getrandbits(48):x}", "model_ids": list(key.models) or None,
                "environments": list(key.environments) or None, "region_rule": key.rule}
        status, answer = await self.call("key", "POST", "/v1/api_keys", {k: v for k, v in body.items() if v is not None})
        if status in (200, 201):
            self.storm.client_secrets.add(answer["api_key"].encode())
            self.hosts.keys[answer["api_key"]] = History(key, self.storm.now())
            made.append((answer["prefix"], answer["api_key"]))

    async def revoke_key(self, prefix, text):
        history = self.hosts.keys[text]
        history.begin(None, self.storm.now())
        while self.goes_on():
            status, answer = await self.call("revoke", "DELETE", f"/v1/api_keys/{prefix}")
            if status in (200, 404):
                if status == 404 or not self.in_force(status, answer):
                    await self.chaos.pulse()
                history.end_others(self.storm.now())
                return
            await asyncio.sleep(0.05)

    # --- what control says of it

    async def inspect(self):
        """Replicas stand inside of the rules, whenever one looks."""
        while self.storm.running:
            await asyncio.sleep(self.random.uniform(0.1, 0.6))
            ids = [m.id for m in self.models if m.id]
            if ids:
                await self.inspect_model(self.random.choice(ids))

    async def inspect_model(self, model):
        since = self.storm.now()
        status, answer = await self.call("inspect", "GET", f"/v1/models/{model}/deployments")
        for deployment in answer["deployments"] if status == 200 else []:
            for region in deployment["regions"] if deployment["active_replica_count"] else []:
                self.storm.count("replicas inspected")
                if not self.hosts.may_stand(region, deployment["environment"], since, self.storm.now()):
                    self.storm.violation("replica_outside", f"a replica stands in {region}, for {deployment}")

    # --- models

    async def model(self, model):
        """The one writer of a model and all that it has."""
        ways = {"deploy": 6, "promote": 5, "rest": 1.5, "forget": 1, "no_environment": 0.4, "no_model": 0.15}
        while self.storm.running:
            await asyncio.sleep(self.random.uniform(0.02, 0.4))
            if model.id is None:
                await self.make_model(model)
                continue
            way = self.random.choices(list(ways), list(ways.values()))[0]
            if len(model.deployments) > KEPT_DEPLOYMENTS:
                way = "forget"
            await getattr(self, way)(model)

    async def make_model(self, model):
        status, answer = await self.call("model", "POST", "/v1/models", {"name": model.name})
        if status == 409:
            status, answer = await self.call("models", "GET", "/v1/models")
            found = [m["id"] for m in answer["models"] if m["name"] == model.name] if status == 200 else []
            await self.chaos.pulse()
        else:
            found = [answer["model"]["id"]] if status in (200, 201) else []
        if found:
            model.id = found[0]
            model.environments, model.deployments, model.inside = {"production"}, {}, {}
            self.hosts.current[model.id, "production"] = History(None, self.storm.now())
            for _ in range(2):
                await self.deploy(model)

    async def has_environment(self, model, name):
        if name in model.environments:
            return True
        status, _ = await self.call("environment", "POST", f"/v1/models/{model.id}/environments", {"name": name})
        if status not in (200, 201, 409):
            return False
        model.environments.add(name)
        self.hosts.current.setdefault((model.id, name), History(None, self.storm.now()))
        return True

    def rule_of(self, name):
        config = self.storm.oracle.configs.now
        return config.groups[name].rule if name in config.groups else self.hosts.groups[name].now.rule

    async def deploy(self, model):
        """A new server, and mostly into an environment with it."""
        name = self.random.choice(ENVIRONMENTS)
        site = self.random.choice(self.storm.sites)
        self.draw.next_id += 1
        external = External(f"e{self.draw.next_id}.1", site.index, self.draw.region_for(self.storm.oracle.configs.now, self.rule_of(name)), model.id)
        self.hosts.externals[external.uid] = self.storm.registry[external.uid] = external
        source = {"kind": "external", "url": f"http://127.0.0.1:{site.port}", "region": external.region, "credential": f"up-{external.uid}"}
        status, answer = await self.call("deploy", "POST", f"/v1/models/{model.id}/deployments", {"source": source})
        if status == 400 and answer["error"]["param"] != "region":  # outside the organisation's rule
            self.storm.violation("refused_write", f"{source}: {status} {answer}")
        if status not in (200, 201):
            return
        found = answer["deployment"]["id"]
        model.deployments[found] = external.uid
        self.hosts.deployments[found] = (external.uid, History(None, self.storm.now()))
        if self.chance(0.85):
            await self.promote(model, found, name)

    async def promote(self, model, deployment=None, name=None):
        if not model.deployments:
            return
        deployment = deployment or self.random.choice(list(model.deployments))
        name = name or self.random.choice(ENVIRONMENTS)
        if not await self.has_environment(model, name):
            return
        storm, uid = self.storm, model.deployments[deployment]
        storm.event(f"promote {uid} to {name} of {model.id}")
        current, inside = self.hosts.current[model.id, name], self.hosts.deployments[deployment][1]
        current.begin(uid, storm.now())
        inside.begin(name, storm.now())
        left = self.leave(model, name)
        body = {"deployment_id": deployment, "scale_down_previous_deployment": self.chance(0.7)}
        status, answer = await self.call("promote", "POST", f"/v1/models/{model.id}/environments/{name}/promote", body)
        if status in SURE_REFUSALS:
            for history in [current, *left, inside]:
                history.withdraw(storm.now())
        elif self.in_force(status, answer) and (answer.get("promotion") or {}).get("status") == "SUCCEEDED":
            current.end_others(storm.now())
            self.moved_in(model, name, answer, uid)
            if answer["id"] == deployment:
                inside.end_others(storm.now())
            else:
                inside.withdraw(storm.now())  # a copy of it went there
        else:
            await self.look(model, name)

    def leave(self, model, name):
        """Whoever is there now may be in no environment from now on. Its history, if there is somebody."""
        before = model.inside.get(name)
        if not before:
            return []
        history = self.hosts.deployments[before][1]
        history.begin(None, self.storm.now())
        return [history]

    def moved_in(self, model, name, deployment, uid):
        model.inside[name] = deployment["id"]
        if deployment["id"] not in self.hosts.deployments:
            self.hosts.deployments[deployment["id"]] = (uid, History(name, self.storm.now()))
            model.deployments[deployment["id"]] = uid

    async def look(self, model, name):
        """What is in the environment, once nothing is under way."""
        storm, current = self.storm, self.hosts.current[model.id, name]
        while self.goes_on():
            await self.chaos.pulse()
            status, answer = await self.call("look", "GET", f"/v1/models/{model.id}/environments/{name}")
            if status == 200 and not answer["in_progress_promotion"]:
                await self.chaos.pulse()
                found = answer["current_deployment"]
                uid = self.uid_of(found)
                active = found and found["status"] not in ("DEACTIVATING", "INACTIVE")
                current.begin(uid if active else None, storm.now())
                if found and uid:
                    self.moved_in(model, name, found, uid)
                    self.hosts.deployments[found["id"]][1].begin(name, storm.now())
                if uid or not found:
                    current.end_others(storm.now())
                return
            if status == 404:
                return
            await asyncio.sleep(0.1)

    def uid_of(self, found):
        for name in ("id", "copied_from"):
            if found and found[name] in self.hosts.deployments:
                return self.hosts.deployments[found[name]][0]
        return None

    async def rest(self, model):
        """Deactivates what is in an environment, and mostly activates it again."""
        filled = [name for name in model.environments if self.hosts.current[model.id, name].now]
        if not filled:
            return
        name = self.random.choice(filled)
        path = f"/v1/models/{model.id}/environments/{name}"
        current = self.hosts.current[model.id, name]
        uid = current.now
        for verb, target in [("deactivate", None), ("activate", uid)]:
            current.begin(target, self.storm.now())
            status, answer = await self.call(verb, "POST", f"{path}/{verb}")
            if self.in_force(status, answer):
                current.end_others(self.storm.now())
            else:
                await self.look(model, name)
            if self.chance(0.3):
                return  # stays so until the next promotion
            await asyncio.sleep(self.random.uniform(0, 0.3))

    async def forget(self, model):
        """Deletes a deployment; one that is in an environment refuses."""
        if not model.deployments:
            return
        deployment = self.random.choice(list(model.deployments))
        status, _ = await self.call("forget", "DELETE", f"/v1/models/{model.id}/deployments/{deployment}")
        if status in (200, 404):
            del model.deployments[deployment]
        elif status == 409 and deployment not in model.inside.values():
            self.storm.count("hosts: kept by an environment")

    async def no_environment(self, model):
        custom = [name for name in model.environments if name != "production"]
        if not custom:
            return
        name = self.random.choice(custom)
        history = self.hosts.current[model.id, name]
        history.begin(None, self.storm.now())
        self.leave(model, name)
        await self.delete("no environment", f"/v1/models/{model.id}/environments/{name}", [history])
        model.environments.discard(name)
        model.inside.pop(name, None)

    async def no_model(self, model):
        histories = [self.hosts.current[model.id, name] for name in model.environments]
        for history in histories:
            history.begin(None, self.storm.now())
        for deployment in model.deployments:
            self.hosts.deployments[deployment][1].begin(None, self.storm.now())
        await self.delete("no model", f"/v1/models/{model.id}", histories)
        model.id = None

    async def delete(self, what, path, histories):
        while self.goes_on():
            status, answer = await self.call(what, "DELETE", path)
            if status in (200, 404):
                if status == 404 or not self.in_force(status, answer):
                    await self.chaos.pulse()
                for history in histories:
                    history.end_others(self.storm.now())
                return
            if status in SURE_REFUSALS:
                for history in histories:
                    history.withdraw(self.storm.now())
                return
            await asyncio.sleep(0.05)
