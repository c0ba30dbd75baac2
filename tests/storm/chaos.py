"""What goes on around the requests: policies change, files are reloaded, upstreams fail, processes are killed."""

import asyncio
import json
import signal

import client
from oracle import Customer, History
from world import MASTER

CUSTOMERS = 14
# Not a member of the rules: written only to learn, by its acknowledgement, that all before it is in force.
PULSE = "pulse"


def certainly_widens(before, after):
    """Whether a file takes back what the one before it forbade; only what is beyond doubt."""
    def wider(old, new):
        if old is None:
            return False
        return new is None or bool(after.rule(new).inference & ~before.rule(old).inference)

    pairs = [(before.organization, after.organization)]
    pairs += [(key.rule, after.keys[text].rule) for text, key in before.keys.items() if text in after.keys]
    pairs += [(c.rule, after.customers[name].rule) for name, c in before.customers.items() if name in after.customers]
    pairs += [(g.rule, after.groups[name].rule) for name, g in before.groups.items() if name in after.groups]
    return any(wider(old, new) for old, new in pairs)


class Chaos:
    def __init__(self, storm, random, draw):
        self.storm = storm
        self.random = random
        self.draw = draw
        self.spare_control = 0  # while it is not killed, because the file on disk is one that it must not take

    def chance(self, p):
        return self.random.random() < p

    async def call(self, method, path, body=None, control=None):
        storm = self.storm
        control = self.chance(0.5) if control is None else control
        port = storm.server.control_port if control else storm.server.port
        status, answer = await client.call(port, MASTER, method, path, body)
        if status == -1:
            storm.violation("hang", f"{method} {path} on the {'control' if control else 'gateway'} port got no answer")
        storm.count(f"api {status}")
        return status, answer

    # --- customers

    async def customers(self, names):
        """One writer of these customers."""
        while self.storm.running:
            await asyncio.sleep(self.random.choice([0, 0.01, 0.05, 0.2]))
            if self.chance(0.06):
                await self.bad_write(self.random.choice(names))
            else:
                await self.write(self.random.choice(names), self.draw_customer())

    def draw_customer(self):
        if self.chance(0.08):
            return None
        config = self.storm.oracle.configs.now
        rule = self.draw.rule(config, ("place", "place", "list", "list", "list", "pair")) if self.chance(0.8) else None
        return Customer(rule, self.chance(0.06))

    def members(self, name, state):
        pair = isinstance(state.rule, dict)
        return {"user_id": name, "blocked": state.blocked, "allowed_model_region": None if pair else state.rule,
                "primary": state.rule["primary"] if pair else None, "secondary": state.rule.get("secondary") if pair else None}

    async def write(self, name, target):
        """Writes until it is acknowledged as in force, whatever dies meanwhile."""
        storm, history = self.storm, self.storm.oracle.customers.get(name)
        if history is None:
            history = storm.oracle.customers[name] = History(None, 0)
        before = history.now
        if before == target:
            return
        history.begin(target, storm.now())
        sure = True  # nothing has been tried whose end nobody knows
        path, body = self.first_try(name, before, target)
        while storm.running or storm.settling:
            status, answer = await self.call("POST", self.random.choice(["/customer/", "/end_user/"]) + path, body)
            if status == 200 and answer.get("in_force") is not False:
                break
            storm.count(f"write {status} {'not in force' if status == 200 else ''}")
            gone = path == "delete" and status == 404
            if gone and (not sure or before is None):
                await self.pulse()
                break
            if status in (400, 404, 409, 403) and sure:
                storm.violation("refused_write", f"{path} {json.dumps(body)}: {status} {answer}")
                return
            sure = False
            path, body = self.again(name, target, path, status)
            await asyncio.sleep(0.05)
        history.end_others(storm.now())
        storm.count("customer written")

    def first_try(self, name, before, target):
        if target is None:
            return "delete", {"user_ids": [name]}
        if before is None:
            return "new", {k: v for k, v in self.members(name, target).items() if v is not None}
        if before.rule == target.rule:
            return ("block" if target.blocked else "unblock"), {"user_ids": [name]}
        return "update", self.members(name, target)

    def again(self, name, target, path, status):
        """After a try that may or may not have worked."""
        if target is None:
            return "delete", {"user_ids": [name]}
        if path != "new" and status == 404:
            return "new", self.members(name, target)
        return "update", self.members(name, target)

    async def pulse(self):
        """Until something is acknowledged, and with it all that was written before."""
        path = "update"
        while self.storm.running or self.storm.settling:
            body = {"user_id": PULSE, "alias": f"{self.random.random()}"}
            status, answer = await self.call("POST", f"/customer/{path}", body)
            if status == 200 and answer.get("in_force") is not False:
                return
            path = "new" if status == 404 else "update"
            await asyncio.sleep(0.05)

    async def bad_write(self, name):
        """What a policy must not take: it answers 400 and changes nothing."""
        body = {"user_id": name, **self.random.choice([{"allowed_model_region": "atlantis"}, {"allowed_region": "eu"}, {"allowed_model_region": []},
                                                       {"allowed_model_region": ["eu", 7]}, {"max_budget": 1}])}
        path = "/customer/" + self.random.choice(["new", "update"])
        status, answer = await self.call("POST", path, body)
        if status == 200:
            self.storm.violation("accepted_write", f"{path} {json.dumps(body)}: {answer}")

    # --- the file

    async def reloads(self):
        while self.storm.running:
            await asyncio.sleep(self.random.uniform(0.3, 3))
            if self.chance(0.15):
                await self.bad_file()
            else:
                await self.reload()

    async def reload(self):
        storm, configs = self.storm, self.storm.oracle.configs
        before, after = configs.now, self.draw.next_config(configs.now)
        storm.keep_config(after)
        leave = self.chance(0.5)
        configs.begin(after, storm.now())
        killed = storm.kills
        if not leave:
            self.spare_control += 1
        await self.put_file(storm.text_of(after))
        way = self.random.choice(["api", "api", "hup", "watch"])
        if way == "hup":
            storm.server.signal(signal.SIGHUP)
        if way != "api":
            await asyncio.sleep(self.random.uniform(0, 1.5))
        refused = False if leave else await self.reload_without_leave(before, after)
        if not leave:
            self.spare_control -= 1
        if refused and killed == storm.kills:
            configs.withdraw(storm.now())
            if self.chance(0.5):
                await self.put_file(storm.text_of(before))
                await self.load()
                return
            configs.begin(after, storm.now())
        await self.load()
        configs.end_others(storm.now())
        storm.count("reload")

    async def put_file(self, text):
        if self.chance(0.8):
            self.storm.server.write_config(text)
            return
        # As an editor should not: for a while there is half a file.
        with open(self.storm.server.config, "w", encoding="utf-8") as f:
            f.write(text[:len(text) // 2])
            f.flush()
            await asyncio.sleep(self.random.uniform(0, 0.2))
            f.write(text[len(text) // 2:])

    async def reload_without_leave(self, before, after):
        """Whether it was refused, because it would widen a rule."""
        status, answer = await self.call("POST", "/v1/reload", {}, control=True)
        if status == 409:
            self.storm.count("reload refused: would widen")
            return True
        if status == 200 and certainly_widens(before, after):
            self.storm.violation("widened", f"configuration {after.number} widened {before.number} without leave: {answer}")
        return False

    async def load(self):
        """With leave to widen, until it is in force."""
        while self.storm.running or self.storm.settling:
            status, answer = await self.call("POST", "/v1/reload", {"allow_widening": True}, control=True)
            if status == 200 and answer.get("reloaded") and answer.get("in_force") is not False:
                return
            if status == 200:
                await self.pulse()
                return
            if status in (400, 404, 422):
                self.storm.violation("refused_file", f"{status} {answer}")
                return
            await asyncio.sleep(0.05)

    async def bad_file(self):
        """A file with an error replaces nothing."""
        storm = self.storm
        text = storm.text_of(storm.oracle.configs.now)
        bad = self.random.choice([
            text[:self.random.randrange(1, len(text) - 2)],
            text.replace('"region_name": "', '"region_name": "no-', 1),
            text.replace('"region_name"', '"regoin_name"', 1),
            text.replace('"keys"', '"organization": {"region_rule": []}, "keys"', 1),
        ])
        storm.server.write_config(bad)
        way = self.random.choice(["api", "hup", "watch"])
        if way == "hup":
            storm.server.signal(signal.SIGHUP)
        elif way == "api" and bad != text:
            status, answer = await self.call("POST", "/v1/reload", {"allow_widening": True}, control=True)
            if status == 200:
                storm.violation("accepted_file", f"a file with an error was taken: {answer}", file=bad)
        await asyncio.sleep(self.random.uniform(0, 1))
        storm.server.write_config(text)
        await self.load()
        storm.count("bad file")

    # --- upstreams

    async def faults(self):
        moods = {"healthy": 45, "flaky": 20, "sick": 5, "limited": 5, "slow": 8, "dying": 7, "wandering": 5, "refuse": 5, "lie": 0.3}
        while self.storm.running:
            await asyncio.sleep(self.random.uniform(0.02, 0.3))
            site = self.random.choice(self.storm.sites)
            mood = self.random.choices(list(moods), list(moods.values()))[0]
            await self.set_mood(site, mood)

    async def set_mood(self, site, mood):
        if mood == "refuse":
            site.refuse()
            return
        if mood == "lie":
            site.lying = self.random.choice(self.storm.azure_names) if site.azure_name else None
            self.storm.count("lie")
            return
        site.mood = mood
        try:
            await site.listen()
        except OSError:
            pass  # tried again with the next mood

    # --- processes

    async def kills(self):
        storm = self.storm
        ways = {"edge": 5, "control": 5, "both": 3, "upgrade": 1.5, "hup": 1}
        while storm.running:
            await asyncio.sleep(self.random.uniform(0.5, 4))
            way = self.random.choices(list(ways), list(ways.values()))[0]
            if not storm.running:
                return
            if way in ("control", "both") and self.spare_control:
                continue
            storm.event(f"kill {way}")
            storm.count(f"kill {way}")
            if way in ("edge", "both"):
                storm.edge_killed()
                storm.server.kill("edge", self.chance(0.7))
            if way in ("control", "both"):
                storm.kills += 1
                storm.server.kill("control")
            if way == "upgrade":
                storm.upgraded()
                storm.server.signal(signal.SIGUSR2)
            if way == "hup":
                storm.server.signal(signal.SIGHUP)
