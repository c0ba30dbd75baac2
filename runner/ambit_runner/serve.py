"""The serving process: listens at once, loads the model beside that, and ends in an orderly way.

Probes are answered from the first moment, requests once the model is loaded. A model that cannot be loaded ends the process with status 1;
the last line says why. On SIGTERM, nothing new is accepted, and what is in flight, WebSockets included, may take AMBIT_GRACE_SECONDS;
a second SIGTERM ends that time.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time

import uvicorn

from . import logs
from .app import App
from .environment import poll_seconds
from .metrics import Metrics
from .model import Model
from .package import PackageError, load_package
from .socket_protocol import socket_protocol
from .sockets import MESSAGE_BYTES_MAX

DEFAULT_PORT = 8080
BACKLOG = 2048
# As much as a gateway may be told to pass.
HEAD_BYTES_MAX = 1 << 20
DEFAULT_DEAF_SECONDS = 60.0
DEFAULT_GRACE_SECONDS = 3600.0
# Longer than a gateway keeps a connection idle, so that it is never this side that closes one that is about to be used.
KEEP_ALIVE_SECONDS = 3600
# What the interpreter may take to end when the model has left threads or processes behind.
EXIT_SECONDS = 10
# After the grace: for closing frames, and for cancelled work to clean up.
LAST_SECONDS = 5

log = logging.getLogger("ambit_runner.serve")


class Server(uvicorn.Server):
    """Uvicorn's server, except that open WebSockets may finish as well, and that a stop asked for is no failure."""

    def __init__(self, config, grace):
        super().__init__(config)
        self.grace = grace

    @contextlib.contextmanager
    def capture_signals(self):
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        yield

    def stop(self):
        """Asked a second time, it does not wait any longer."""
        if self.should_exit:
            self.grace = 0
        self.should_exit = True

    def _sockets(self):
        return [c for c in self.server_state.connections if isinstance(c, self.config.ws_protocol_class)]

    async def _until_idle(self, seconds):
        """`seconds` gives the time, and is asked for it again and again."""
        began = time.monotonic()
        while (self.server_state.tasks or self.server_state.connections) and time.monotonic() - began < seconds():
            await asyncio.sleep(0.02)

    async def shutdown(self, sockets=None):
        for listener in self.servers:
            listener.close()
        open_sockets = self._sockets()
        for connection in self.server_state.connections - set(open_sockets):
            connection.shutdown()
        busy = len(self.server_state.tasks)
        if busy:
            log.info("stopping; %d requests and sockets may finish within %g s", busy, self.grace)
        await self._until_idle(lambda: self.grace)
        for connection in self._sockets():
            connection.shutdown()
        if self.server_state.tasks:
            log.warning("stopping; %d requests and sockets are cut off", len(self.server_state.tasks))
        for task in list(self.server_state.tasks):
            task.cancel()
        await self._until_idle(lambda: LAST_SECONDS)


def number(name, default, kind):
    try:
        value = kind(os.environ[name])
    except KeyError:
        return default
    except ValueError:
        value = -1
    if not value >= 0:  # which "nan" is not either
        raise PackageError(f"{name}={os.environ[name]!r}: expected a number that is not negative")
    return value


def listener():
    port = number("PORT", DEFAULT_PORT, int)
    # With its protocol named, because asyncio turns Nagle's algorithm off only where it sees that it is TCP.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        raise PackageError(f"port {port} cannot be listened on: {error}") from None
    return listening


def make_server(package, app):
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        ws=socket_protocol(number("AMBIT_DEAF_SOCKET_SECONDS", DEFAULT_DEAF_SECONDS, float)),
        backlog=BACKLOG,
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_ping_interval=package.ping_interval,
        ws_ping_timeout=package.ping_timeout,
        ws_per_message_deflate=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    return Server(config, number("AMBIT_GRACE_SECONDS", DEFAULT_GRACE_SECONDS, float))


async def load(model, server):
    """True once the model is loaded; then the environment is watched. False stops the server."""
    try:
        await model.load()
    except PackageError as error:
        log.error("the model could not be loaded: %s", error)
    except Exception as error:
        log.error("the model failed to load", exc_info=error)
        log.error("the model could not be loaded: %s: %s", type(error).__name__, error)
    else:
        log.info("the model is loaded")
        return True
    server.stop()
    return False


async def run(package):
    model = Model(package)
    server = make_server(package, App(model, Metrics()).asgi())
    serving = asyncio.create_task(server.serve([listener()]))
    loading = asyncio.create_task(load(model, server))
    await asyncio.wait({serving, loading}, return_when=asyncio.FIRST_COMPLETED)
    status = 0
    if loading.done() and not loading.result():
        server.grace = 0
        status = 1
    watching = asyncio.create_task(model.watch_environment(poll_seconds())) if model.ready else loading
    await serving
    watching.cancel()
    end_by(EXIT_SECONDS, status)
    return status


def end_by(seconds, status):
    timer = threading.Timer(seconds, os._exit, [status])
    timer.daemon = True
    timer.start()


def serve(directory):
    status = 1
    logs.set_up(debug_logs=False)
    try:
        package = load_package(directory)
        if package.has_own_server:
            raise PackageError("the package has a server of its own (docker_server): start its start_command instead")
        if package.debug_logs:
            logging.getLogger().setLevel(logging.DEBUG)
        os.environ["APP_HOME"] = str(package.directory)
        os.chdir(package.directory)
        status = asyncio.run(run(package))
    except PackageError as error:
        log.error("the package cannot be served: %s", error)
    sys.stdout.flush()
    return status
