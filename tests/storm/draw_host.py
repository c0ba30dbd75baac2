"""Draws requests to model hosts: standard and regional names, every path, what a regional host must not take, bodies of any size, long streams."""

import json

from draw_request import Request
from host_oracle import HostWish
from oracle import Wish
from world import MASTER, REPLAY_BYTES

PREDICT_PATH = "/v1/models/model:predict"
WEBSOCKET_PATH = "/v1/websocket"
DOMAIN = "localhost"


class HostDraw:
    """Draws from what the oracle knows of hosts; shares its ways to say customers and regions with the OpenAI surface."""

    def __init__(self, requests):
        self.requests = requests
        self.random, self.draw, self.oracle = requests.random, requests.draw, requests.oracle

    def chance(self, p):
        return self.random.random() < p

    def possible(self):
        return bool(self.oracle.hosts.current)

    def request(self, number, calm=False):
        """None: there is no model yet."""
        config = self.oracle.configs.now
        request = Request(number, Wish(self._key(config)))
        request.wish.host, selector = self._target(config)
        headers = self._policy_headers(config, request)
        method, path = self._operation(request, calm)
        if not calm:
            path, selector = self._mischief(request, method, path, selector)
        self._body(request, method, calm)
        self._wire(request, method, selector + path, headers, calm)
        return request

    def socket(self, number):
        """The head of a WebSocket handshake."""
        config = self.oracle.configs.now
        request = Request(number, Wish(self._key(config)))
        request.wish.host, selector = self._target(config)
        headers = self._policy_headers(config, request)
        path = "/websocket" if self.chance(0.7) else "/sync/talk"
        request.upstream_path = WEBSOCKET_PATH if path == "/websocket" else "/talk"
        headers += [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-version", "13"),
                    ("sec-websocket-key", "c3Rvcm0tc3Rvcm0tc3Rvcg==")]
        request.head = self._head(request, "GET", selector + path, headers) + b"\r\n"
        return request

    # --- for what

    def _key(self, config):
        limited = [text for text, history in self.oracle.hosts.keys.items() if history.now] if self.chance(0.3) else []
        if limited:
            return self.random.choice(limited)
        gone = list(self.oracle.hosts.keys) if self.chance(0.03) else []
        return self.random.choice(gone or [MASTER, MASTER, self.random.choice(list(config.keys))])

    def _target(self, config):
        """A wish, and what of the path selects the deployment."""
        hosts, r = self.oracle.hosts, self.random
        filled = [at for at, history in hosts.current.items() if history.now]
        model, environment = r.choice(filled if filled and self.chance(0.93) else list(hosts.current))
        of_model = [name for name, (uid, _) in hosts.deployments.items() if hosts.externals[uid].model == model]
        kind = r.random()
        if kind < 0.15 and of_model:
            name = r.choice(of_model[-20:])
            return HostWish(model, deployment=name), f"/deployment/{name}"
        if kind < 0.6:
            return HostWish(model, environment, regional=True), ""
        return HostWish(model, environment), "/production" if environment == "production" and self.chance(0.7) else f"/environments/{environment}"

    def _policy_headers(self, config, request):
        headers, customers = [], set()
        if self.chance(0.92):
            customers.add(self.requests.customer(config))
            headers.append((self.random.choice(["x-litellm-customer-id", "X-LiteLLM-End-User-Id"]), list(customers)[0]))
        request.wish.customers = tuple(customers)
        if self.chance(0.05):
            region = self.requests.region(config)
            headers.append(("x-ambit-region", region))
            request.wish.regions = (region,)
        return headers

    def _operation(self, request, calm):
        r = self.random
        if calm or self.chance(0.6):
            request.upstream_path = PREDICT_PATH
            return "POST", "/predict"
        path = "/" + "/".join(r.choice(["v1", "chat", "production", "a%20b", "x.y"]) for _ in range(r.randint(1, 3)))
        query = r.choice(["", "", "?a=b", "?url=http://127.0.0.1:1/"])
        request.upstream_path = path + query
        return r.choice(["POST", "POST", "GET", "PUT", "DELETE"]), "/sync" + path + query

    def _mischief(self, request, method, path, selector):
        """What no replica must ever see."""
        wish, kind = request.wish, self.random.random()
        if wish.host.regional and kind < 0.08:
            selector = self.random.choice(["/production", "/environments/production", "/environments/a-1", "/development", "/deployment/x"])
            wish.must_refuse = f"it has the selector {selector} on a regional host"
        elif not wish.host.regional and kind < 0.03:
            wish.must_refuse, selector = "it says no deployment on a standard host", ""
        elif kind < 0.1:
            path = self.random.choice(["/sync/../x", "/sync/a/%2e%2e/b", "/sync/..%2f..", "/nothing", "/predict/", "//predict", "/run_remote",
                                       "/async_predict", "/sync/.."])
            wish.must_refuse = f"there is no path {path}"
        elif kind < 0.11 and method == "POST":
            path, wish.must_refuse = "/wake", "the gateway answers it itself"
        elif kind < 0.13:
            wish.host = HostWish(wish.host.model, self.random.choice(["nowhere", "region-eu", "development"]), regional=True)
            wish.must_refuse, selector = "there is no such environment", ""
        return path, selector

    # --- bytes

    def _body(self, request, method, calm):
        if method == "GET":
            return
        size = self.random.randrange(400)
        if not calm and self.chance(0.06):
            size = self.random.randrange(REPLAY_BYTES // 2, REPLAY_BYTES * 8)
            request.plain = False
        fields = {"note": request.marker, "pad": "z" * size}
        if self.chance(0.25):
            fields["stream"] = request.stream = True
        if request.stream and not calm and self.chance(0.25):
            request.lasts = self.random.uniform(0.3, 6)
        request.raw = request.body = json.dumps(fields).encode()

    def _head(self, request, method, target, headers):
        host = request.wish.host
        name = f"model-{host.model}" + (f"-{host.environment}" if host.regional else "")
        scheme = self.random.choice(["Bearer", "Api-Key"])
        lines = [f"{method} {target} HTTP/1.1", f"host: {name}.{DOMAIN}", f"authorization: {scheme} {request.wish.key}",
                 f"x-client-request-id: {request.marker}", *(f"{n}: {v}" for n, v in headers)]
        return ("\r\n".join(lines) + "\r\n").encode()

    def _wire(self, request, method, target, headers, calm):
        head = self._head(request, method, target, headers)
        way = 0.5 if calm else self.random.random()
        if method != "GET":
            head += b"content-type: application/json\r\n"
            if way < 0.1:
                cut = self.random.randint(1, len(request.body) - 1)
                request.body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (request.body[:cut], request.body[cut:])) + b"0\r\n\r\n"
                head += b"transfer-encoding: chunked\r\n"
            else:
                head += b"content-length: %d\r\n" % len(request.body)
        request.head = head + b"\r\n"
        whole = request.head + request.body
        request.pieces = [(0, whole)]
        if 0.1 <= way < 0.2:
            n = self.random.randint(1, 4)
            cuts = sorted({len(request.head) + self.random.randrange(len(request.body) + 1) for _ in range(n)} | {len(request.head)})
            bounds = [0, *cuts, len(whole)]
            request.pieces = [(self.random.uniform(0, 0.4), whole[a:b]) for a, b in zip(bounds, bounds[1:]) if b > a]
        elif 0.2 <= way < 0.23:
            request.abandon = self.random.uniform(0, 0.3)
        request.close = not calm and self.chance(0.12)
