"""A server of one's own: the standard library's, on $PORT. It is started as it is, and asked the paths that config.yaml names."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_BYTES_MAX = 1 << 20


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        known = self.path in ("/ready", "/alive")
        self.answer(200 if known else 404, {} if known else {"error": "not found"})

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        if self.path != "/predict" or length > BODY_BYTES_MAX:
            self.close_connection = True
            self.answer(413 if length > BODY_BYTES_MAX else 404, {"error": "not found, or too large"})
            return
        try:
            numbers = json.loads(self.rfile.read(length))["numbers"]
            self.answer(200, {"sum": sum(numbers), "region": os.environ.get("AMBIT_REGION")})
        except (ValueError, KeyError, TypeError):
            self.answer(400, {"error": 'expected {"numbers": [...]}'})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, form, *values):
        print(form % values, flush=True)


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 8000))), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(f"listening on port {server.server_port}", flush=True)
server.serve_forever()
