"""Log lines: one JSON object each, on stdout, between whatever the model prints itself."""

import contextvars
import io
import json
import logging
import sys

request_id = contextvars.ContextVar("request_id", default=None)


class StreamBroken(Exception):
    """An answer that has begun cannot be finished. Said where it happened; raised only so that the connection is cut."""


class JsonLines(logging.Formatter):
    def format(self, record):
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        line = {"level": record.levelname.lower(), "message": message}
        current = request_id.get()
        if current:
            line["request_id"] = current
        return json.dumps(line, ensure_ascii=False)


class Outlet(io.FileIO):
    """stdout or stderr. Where nobody reads them any more, what is written is lost; a model's print() does not fail for that."""

    def write(self, data):
        try:
            return super().write(data)
        except BrokenPipeError:
            return len(data)


def _outlet(descriptor):
    return io.TextIOWrapper(
        io.BufferedWriter(Outlet(descriptor, "w", closefd=False)), "utf-8", "backslashreplace", line_buffering=True
    )


def _not_broken(record):
    return not (record.exc_info and isinstance(record.exc_info[1], StreamBroken))


def set_up(debug_logs):
    """Takes over the root logger, so that what the model logs looks the same and carries the request's id."""
    sys.stdout, sys.stderr = _outlet(1), _outlet(2)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if debug_logs else logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "websockets"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_not_broken)
