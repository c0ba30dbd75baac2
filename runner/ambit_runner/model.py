"""The package's model: its class, made and loaded once, and the calls of its methods.

What is the model's own work (predict and the OpenAI methods) runs within the limit of `runtime.predict_concurrency`, preprocess and
postprocess outside of it. A slot is free again when the work has ended in fact: with the last item of a stream, or, where the client has
gone but a thread cannot be stopped, when the function returns.
"""

import asyncio
import importlib
import inspect
import logging
import os
import sys
import typing
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from .environment import EnvironmentFile
from .package import PackageError
from .schema import schema_of
from .secrets import Secrets
from .stream import Stream
from .workers import Lease, Workers, contained

# What the runner was told and a package may not change.
RESERVED = ("PORT", "APP_HOME", "B10_DYNAMIC_CONFIG_DIR")
RESERVED_PREFIXES = ("AMBIT_", "BT_", "TRUSS_SECRET_")

# Threads of preprocess and postprocess, which have no limit of their own.
AROUND_MAX = 64

WORK = ("predict", "chat_completions", "completions", "embeddings", "messages", "responses")

log = logging.getLogger("ambit_runner.model")


class Method:
    """A method of the model that takes the input, the request, or both in that order."""

    def __init__(self, name, function):
        self.name = name
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        self.takes_input, self.takes_request = self._parameters()

    def _parameters(self):
        parameters = [
            p
            for p in inspect.signature(self.function).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        if not parameters and any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(self.function).parameters.values()):
            return True, False
        requests = [is_request(p, self.function) for p in parameters]
        needed = sum(p.default is p.empty for p in parameters)
        if needed > 2 or not parameters:
            raise PackageError(f"Model.{self.name} takes {needed} arguments: it may take the input, the request, or both")
        if requests[0]:
            return False, True
        if len(parameters) > 1 and requests[1]:
            return True, True
        if needed == 2:
            raise PackageError(f"Model.{self.name}: annotate {parameters[1].name!r} as starlette.requests.Request")
        return True, False

    def arguments(self, value, request):
        return [value] * self.takes_input + [request] * self.takes_request


def is_request(parameter, function):
    annotation = parameter.annotation
    if isinstance(annotation, str):
        try:
            annotation = typing.get_type_hints(function).get(parameter.name)
        except Exception:
            return annotation.rpartition(".")[2] == "Request"
    return isinstance(annotation, type) and issubclass(annotation, Request)


def set_environment_variables(package):
    for name, value in package.environment_variables.items():
        if name in RESERVED or str(name).startswith(RESERVED_PREFIXES):
            log.warning("config.yaml: environment_variables: %s belongs to the runner; it is passed over", name)
        elif value is not None:
            os.environ[str(name)] = str(value).lower() if isinstance(value, bool) else str(value)


class Model:
    def __init__(self, package):
        self.package = package
        self.workers = Workers()
        self.limit = asyncio.Semaphore(package.predict_concurrency)
        self.limit_around = asyncio.Semaphore(AROUND_MAX)
        self.environment = EnvironmentFile()
        self.ready = False
        self.schema = None
        self.methods = {}
        self.websocket = None
        self._object = None
        self._environment_set = None
        self._environment_confirmed = None
        self._following = None
        self._health = None

    # Loading.

    async def load(self):
        """Import, __init__, setup_environment, load, in this order; raises what they raise."""
        await self.workers.call(self._make)
        if self._environment_set is not None and hasattr(self._object, "setup_environment"):
            await self._simple(self._object.setup_environment, self._environment_set)
        if hasattr(self._object, "load"):
            await self._simple(self._object.load)
        self._environment_confirmed = self._environment_set
        self.ready = True

    def _make(self):
        sys.path[:0] = self.package.import_paths()
        set_environment_variables(self.package)
        model_class = self._class()
        self._environment_set = self.environment.read()
        self._object = model_class(**self._keywords(model_class))
        self._describe()

    def _class(self):
        config = self.package.config
        folder = config.get("model_module_dir") or "model"
        file = config.get("model_class_filename") or "model.py"
        name = config.get("model_class_name") or "Model"
        path = self.package.inside(os.path.join(folder, file), "model_class_filename")
        if not path.is_file():
            raise PackageError(f"the package has no {folder}/{file}")
        parts = path.relative_to(self.package.directory).with_suffix("").parts
        module = importlib.import_module(".".join(parts))
        if not inspect.isclass(getattr(module, name, None)):
            raise PackageError(f"{folder}/{file} has no class {name!r}")
        return getattr(module, name)

    def _keywords(self, model_class):
        """Only what __init__ names, or everything where it takes **kwargs."""
        offered = {
            "config": self.package.config,
            "data_dir": self.package.data_dir,
            "secrets": Secrets(self.package.secrets),
            "lazy_data_resolver": None,
            "environment": self._environment_set,
        }
        parameters = inspect.signature(model_class).parameters
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return offered
        return {name: value for name, value in offered.items() if name in parameters}

    def _describe(self):
        for name in (*WORK, "preprocess", "postprocess"):
            function = getattr(self._object, name, None)
            if callable(function):
                self.methods[name] = Method(name, function)
        self.websocket = getattr(self._object, "websocket", None)
        if self.websocket and not inspect.iscoroutinefunction(self.websocket):
            raise PackageError("Model.websocket has to be `async def`")
        if not self.websocket and not any(name in self.methods for name in WORK):
            raise PackageError(f"the model's class has none of the methods {', '.join(WORK)}, websocket")
        if "predict" in self.methods and "preprocess" not in self.methods:
            self.schema = schema_of(self.methods["predict"].function)

    # The environment, while it runs.

    async def watch_environment(self, seconds):
        while True:
            await asyncio.sleep(seconds)
            self.follow_environment()

    def follow_environment(self):
        """Reads the file, and has the model follow where it says something else; what is under way goes on."""
        found = self.environment.read()
        if found == self._environment_set or self._following:
            return
        self._following = asyncio.ensure_future(self._follow(found))
        self._following.add_done_callback(lambda _: setattr(self, "_following", None))

    async def _follow(self, found):
        """A failure is logged, and the model goes on; that it is in the new environment is not confirmed then."""
        self._environment_set = found
        log.info("the environment is now %s", found["name"] if found else "none")
        try:
            if hasattr(self._object, "setup_environment"):
                await self._simple(self._object.setup_environment, found)
            self._environment_confirmed = found
        except Exception:
            log.exception("setup_environment failed; the model goes on as it is")

    @property
    def environment_name(self):
        """The environment that the model has been set up for, "" for none, "?" meanwhile: a promotion waits until it is the new one."""
        if self._following:
            return "?"
        return self._environment_confirmed["name"] if self._environment_confirmed else ""

    # Health.

    async def healthy(self):
        """One question at a time: a check that hangs is not asked again, but waited for by all."""
        if not hasattr(self._object, "is_healthy"):
            return True
        if self._health is None:
            self._health = asyncio.ensure_future(self._ask_health())
            self._health.add_done_callback(lambda _: setattr(self, "_health", None))
        return await asyncio.shield(self._health)

    async def _ask_health(self):
        try:
            well = bool(await self._simple(self._object.is_healthy))
        except Exception:
            log.exception("is_healthy failed")
            return False
        if not well:
            log.warning("is_healthy says no")
        return well

    # Calls.

    async def _simple(self, function, *arguments):
        if inspect.iscoroutinefunction(function):
            return await contained(function(*arguments))
        result = await self.workers.call(function, *arguments)
        return await contained(result) if inspect.isawaitable(result) else result

    async def perform(self, name, value, request):
        """The result of the method, or a Stream, whose user then closes it."""
        method = self.methods[name]
        before, after = (self.methods.get(n) if name == "predict" else None for n in ("preprocess", "postprocess"))
        if before:
            value = await self._around(before, value, request)
        await self.limit.acquire()
        lease = Lease(self.workers, when_free=self.limit.release)
        try:
            result = await self._work(method, method.arguments(value, request), lease)
            if isinstance(result, Iterator) or hasattr(result, "__anext__"):
                stream = Stream(result, lease, self.package.streaming_read_timeout)
                lease = None
                await stream.start()
                return stream
        finally:
            if lease:
                lease.release()
        if after and not isinstance(result, Response):
            result = await self._around(after, result, request)
        return result

    async def _around(self, method, value, request):
        """preprocess or postprocess."""
        arguments = method.arguments(value, request)
        if method.is_async:
            return await contained(method.function(*arguments))
        await self.limit_around.acquire()
        lease = Lease(self.workers, when_free=self.limit_around.release)
        try:
            return await self._work(method, arguments, lease)
        finally:
            lease.release()

    async def _work(self, method, arguments, lease):
        if method.is_async:
            result = method.function(*arguments)
        else:
            result = await lease.call(method.function, *arguments)
        return await contained(result) if inspect.isawaitable(result) else result
