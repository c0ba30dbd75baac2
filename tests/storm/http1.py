"""As much of HTTP/1.1 as the storm's own clients and upstreams need, fed with whatever bytes arrive."""


class Broken(Exception):
    """The peer sent what is no HTTP."""


class Message:
    """A head and, once it is complete, a body."""
    __slots__ = ("start", "headers", "body", "raw_head", "complete", "chunked", "left")

    def __init__(self, raw_head):
        lines = raw_head.decode("latin-1").split("\r\n")
        self.raw_head = raw_head
        self.start = lines[0]
        self.headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise Broken(f"no header field: {line!r}")
            name = name.lower()
            value = value.strip()
            self.headers[name] = self.headers[name] + ", " + value if name in self.headers else value
        self.body = bytearray()
        self.complete = False

    @property
    def status(self):
        return int(self.start.split(" ", 2)[1])


class Reader:
    """Reads one message after the other. `on_head` says when a head is there, `on_end` when its body is."""

    def __init__(self, on_head, on_end, answers):
        self.buffer = bytearray()
        self.message = None
        self.on_head = on_head
        self.on_end = on_end
        self.answers = answers  # whether it reads answers: those may end with the connection

    def feed(self, data):
        self.buffer += data
        while self._step():
            pass

    def _step(self):
        return self._take_head() if self.message is None else self._take_body()

    def _take_head(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        message = Message(bytes(self.buffer[:end]))
        del self.buffer[:end + 4]
        headers = message.headers
        message.chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        message.left = int(headers["content-length"]) if "content-length" in headers else None
        if self.answers and message.status == 100:
            return True
        if message.left is None and not message.chunked:
            bodiless = not self.answers or message.status in (204, 304)
            message.left = 0 if bodiless else None
        self.message = message
        self.on_head(message)
        return True

    def _take_body(self):
        message = self.message
        if message.chunked:
            return self._take_chunk()
        if message.left is None:
            message.body += self.buffer
            self.buffer.clear()
            return False
        taken = min(message.left, len(self.buffer))
        message.body += self.buffer[:taken]
        del self.buffer[:taken]
        message.left -= taken
        return message.left == 0 and self._end()

    def _take_chunk(self):
        end = self.buffer.find(b"\r\n")
        if end < 0:
            return False
        size = int(self.buffer[:end].split(b";")[0], 16)
        if len(self.buffer) < end + 2 + size + 2:
            return False
        self.message.body += self.buffer[end + 2:end + 2 + size]
        if self.buffer[end + 2 + size:end + 4 + size] != b"\r\n":
            raise Broken("a chunk without its end")
        del self.buffer[:end + 4 + size]
        return self._end() if size == 0 else True

    def _end(self):
        message, self.message = self.message, None
        message.complete = True
        self.on_end(message)
        return True

    def close(self):
        """The peer has closed: an answer that lasts until then is complete."""
        if self.message is not None and self.answers and not self.message.chunked and self.message.left is None:
            self._end()


def chunked(pieces):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces if p) + b"0\r\n\r\n"
