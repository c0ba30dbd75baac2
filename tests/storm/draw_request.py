"""Draws requests: what they wish for, and every way in which a client can say it."""

import gzip
import json
from dataclasses import dataclass, field

from oracle import Wish
from world import MASTER

FORBIDDEN = ["api_base", "base_url", "api_key", "user_config", "model_list", "allowed_model_region", "region_name"]
ENDPOINTS = [("/v1/chat/completions", 10), ("/chat/completions", 3), ("/v1/completions", 2), ("/v1/embeddings", 2), ("/v1/responses", 2),
             ("/v1/audio/transcriptions", 2)]


@dataclass
class Request:
    number: int
    wish: Wish
    path: str = ""
    stream: bool = False
    multipart: bool = False
    sent: dict = field(default_factory=dict)  # the JSON members that an upstream is to get, `model` apart
    head: bytes = b""
    body: bytes = b""
    pieces: list = field(default_factory=list)  # (pause before, bytes)
    close: bool = False        # on a connection of its own
    abandon: float = None      # the client leaves after this time
    sent_at: float = 0
    contacts: list = field(default_factory=list)
    done: bool = False
    raw: bytes = b""           # of a model host: the body as an upstream is to get it
    upstream_path: str = ""    # and the path
    lasts: float = 0           # and how long the answer is to go on
    plain: bool = True         # nothing about it that a gateway could rightly refuse, policy apart

    @property
    def marker(self):
        return f"storm-q{self.number}-"


class RequestDraw:
    def __init__(self, random, draw, oracle):
        self.random = random
        self.draw = draw
        self.oracle = oracle

    def chance(self, p):
        return self.random.random() < p

    def request(self, number, calm=False):
        r = self.random
        config = self.oracle.configs.now
        path = r.choices([e[0] for e in ENDPOINTS], [e[1] for e in ENDPOINTS])[0]
        request = Request(number, Wish(self._key(config)), path, multipart="audio" in path)
        fields, headers = self._fields(config, request, calm)
        request.body = self._form(fields) if request.multipart else self._json(fields, calm)
        encoding = b""
        if not calm and self.chance(0.004):
            request.body = gzip.compress(request.body)
            encoding = b"content-encoding: gzip\r\n"
            request.wish.must_refuse = "its body is compressed"
        self._wire(request, headers, encoding, calm)
        return request

    # --- what it wishes for

    def _key(self, config):
        if self.chance(0.01):
            return "sk-nobody-knows"
        if self.chance(0.3):
            return MASTER
        usable = [text for text, key in config.keys.items() if key.usable]
        return self.random.choice(usable if self.chance(0.97) else list(config.keys))

    def _model(self, config):
        r = self.random
        groups = sorted({e.group for e in config.endpoints.values()})
        group = r.choice(groups)
        if self.chance(0.1):
            group = r.choice([*config.aliases, *config.aliases, "nick", "nope"])
        if group == "wild/*" or (group == "*" and self.chance(0.8)):
            group = group[:-1] + r.choice(["m1", "m2", "deep/m3", "global.m", "eu.m", "us.m"])
        return group if group != "*" else "anything"

    def customer(self, config):
        known = [*self.oracle.customers, *config.customers] or ["c-0"]
        return self.random.choice(known) if self.chance(0.96) else f"stranger-{self.random.randrange(9)}"

    def region(self, config):
        r = self.random
        kind = r.random()
        if kind < 0.6:
            declared = [e.region_name for e in config.endpoints.values() if e.region_name]
            return r.choice(declared)
        return "atlantis" if kind > 0.97 else self.draw.place(config)

    def _fields(self, config, request, calm):
        """Members in order, as (name, value), and headers."""
        wish = request.wish
        wish.model = self._model(config)
        fields = [("model", wish.model), ("note", request.marker)]
        headers = []
        vetted = {}
        if request.multipart:
            fields.append(("file", "RIFF" + "y" * self.random.randrange(400)))
        else:
            fields.append(("messages", [{"role": "user", "content": "z" * self.random.randrange(300)}]))
            request.stream = "embed" not in request.path and self.chance(0.25)
            if request.stream or self.chance(0.1):
                fields.append(("stream", request.stream))
        customers = self._say_customers(config, request, fields, headers)
        self._say_region(config, request, vetted, headers)
        if not request.multipart:
            self._say_mode(request, vetted)
        wish.customers = tuple(customers)
        if not calm:
            self._mischief(request, fields, headers)
        if not request.multipart:
            request.sent = dict(fields)
        if vetted:
            fields.insert(self.random.randint(0, len(fields)), ("vetted", vetted))
        return fields, headers

    def _say_customers(self, config, request, fields, headers):
        customers = set()
        if self.chance(0.9):
            name = self.customer(config)
            customers.add(name)
            fields.insert(self.random.randint(0, len(fields)), ("user", name))
        if self.chance(0.05):
            name = self.customer(config)
            customers.add(name)
            headers.append((self.random.choice(["x-litellm-customer-id", "X-LiteLLM-End-User-Id"]), name))
        if self.chance(0.04) and not request.multipart:
            name = self.customer(config)
            customers.add(name)
            fields.append(("metadata", {"user_id": name, "x": 1}))
        if len(customers) > 1:
            request.plain = False
        return customers

    def _say_region(self, config, request, vetted, headers):
        regions = []
        if self.chance(0.12) and not request.multipart:
            vetted["region"] = self.region(config)
            regions.append(vetted["region"])
        if self.chance(0.05):
            region = regions[0] if regions and self.chance(0.8) else self.region(config)
            headers.append(("x-ambit-region", region))
            regions.append(region)
        if len(set(regions)) > 1:
            request.plain = False
        request.wish.regions = tuple(regions)

    def _say_mode(self, request, vetted):
        if self.chance(0.12):
            vetted["routing"] = "carbon_aware"
            request.wish.carbon_aware = True
        elif self.chance(0.06):
            vetted["routing"] = "preferred"
        if self.chance(0.04):
            vetted["latency_budget_ms"] = self.random.choice([1, 50, 5000])
            request.plain = False
        if self.chance(0.1):
            vetted["trace"] = self.random.choice([True, False])
        if self.chance(0.01):
            vetted["routing"] = "fastest"
            request.wish.must_refuse = "no such routing mode"

    # --- what a client should not try

    def _mischief(self, request, fields, headers):
        """Ways round a rule: none of them may lead anywhere."""
        kind = self.random.random()
        at = self.random.randint(0, len(fields))
        if kind < 0.008:
            name = self.random.choice(FORBIDDEN)
            fields.insert(at, (name, "http://127.0.0.1:1/"))
            request.wish.must_refuse = f"it has the member {name}"
        elif kind < 0.016 and any(name == "user" for name, _ in fields):
            fields.insert(at, ("user", "stranger-1"))
            request.wish.must_refuse = "it names its user twice"
        elif kind < 0.022:
            fields.insert(at, ("model", "chat-a"))
            request.wish.must_refuse = "it names its model twice"
        elif kind < 0.03:
            header = self.random.choice(["x-litellm-customer-id", "x-ambit-region"])
            values = [self.random.choice(["c-0", "c-1", "c-2"] if "customer" in header else ["eu", "us", "ovh-gra-1"]) for _ in range(2)]
            headers += [(header, value) for value in values]
            if "customer" in header:
                request.wish.customers += tuple(values)
            else:
                request.wish.regions += tuple(values)
            request.plain = False
        elif kind < 0.032:
            request.wish.must_refuse = "its vetted member is no object"
            fields.insert(at, ("vetted", "eu"))
            if request.multipart:
                request.wish.must_refuse = None
                fields.pop(at)

    # --- bytes

    def _json(self, fields, calm):
        parts = []
        for name, value in fields:
            quoted = json.dumps(name)
            if not calm and self.chance(0.01):
                i = self.random.randrange(len(name))
                quoted = f'"{name[:i]}\\u{ord(name[i]):04x}{name[i + 1:]}"'
            parts.append(f"{quoted}: {json.dumps(value)}")
        return ("{" + ", ".join(parts) + "}").encode()

    @staticmethod
    def _form(fields):
        parts = []
        for name, value in fields:
            extra = '; filename="a.wav"\r\nContent-Type: audio/wav' if name == "file" else ""
            parts.append(f'--storm\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n{value}\r\n')
        return ("".join(parts) + "--storm--\r\n").encode()

    def _wire(self, request, headers, encoding, calm):
        kind = "multipart/form-data; boundary=storm" if request.multipart else "application/json"
        head = (f"POST {request.path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {request.wish.key}\r\n"
                f"x-client-request-id: {request.marker}\r\ncontent-type: {kind}\r\n")
        head += "".join(f"{name}: {value}\r\n" for name, value in headers)
        body = request.body
        way = self.random.random() if not calm else 0.5
        if way < 0.08:
            cut = self.random.randint(0, len(body))
            pieces = [p for p in (body[:cut], body[cut:]) if p]
            request.head = head.encode() + encoding + b"transfer-encoding: chunked\r\n\r\n"
            request.body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
        else:
            request.head = head.encode() + encoding + b"content-length: %d\r\n\r\n" % len(body)
        whole = request.head + request.body
        request.pieces = [(0, whole)]
        if 0.08 <= way < 0.14:
            cuts = sorted(self.random.randrange(1, len(whole)) for _ in range(self.random.randint(1, 3)))
            bounds = [0, *cuts, len(whole)]
            request.pieces = [(self.random.uniform(0, 0.08), whole[a:b]) for a, b in zip(bounds, bounds[1:]) if b > a]
        elif 0.14 <= way < 0.17:
            request.abandon = self.random.uniform(0, 0.2)
        request.close = not calm and self.chance(0.12)
