"""The HTTP face of a model: Truss's paths, and what goes wrong as status, headers and words."""

import asyncio
import logging
import re

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from . import body
from .front import Front
from .schema import ValidationError, problems
from .sockets import SocketEndpoint
from .stream import Stream, StreamAnswer

# Where an error comes from, and of which kind, in the headers that gateways read.
SOURCE = "04"
OURS, MODELS, CLIENTS = "500", "600", "700"

WORK = {
    "/v1/models/model:predict": "predict",
    "/invocations": "predict",
    "/v1/chat/completions": "chat_completions",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/messages": "messages",
    "/v1/responses": "responses",
}

# Said with readiness: which environment the model knows it is in, empty for none.
ENVIRONMENT = "x-ambit-environment"

log = logging.getLogger("ambit_runner.app")


def mark(response, code):
    response.headers["x-baseten-error-source"] = SOURCE
    response.headers["x-baseten-error-code"] = code
    return response


def failure(status, code, message, headers=None):
    return mark(JSONResponse({"error": message}, status_code=status, headers=headers), code)


def not_ready():
    return failure(503, OURS, "The model is not ready.")


def stopping():
    return failure(503, OURS, "The server is stopping.")


def model_failed():
    return failure(500, MODELS, "Internal error in the model; its log says more.")


class App:
    def __init__(self, model, metrics):
        self.model = model
        self.metrics = metrics

    def asgi(self):
        routes = [
            Route("/", self.alive),
            Route("/ping", self.ready),
            Route("/metrics", self.show_metrics),
            Route("/v1/models/model", self.ready),
            Route("/v1/models/model/loaded", self.loaded),
            Route("/v1/models/model/schema", self.schema),
            WebSocketRoute("/v1/websocket", SocketEndpoint(self.model, self.metrics, not_ready)),
        ]
        front = Middleware(Front, metrics=self.metrics, work=WORK, refusal=stopping)
        routes += [Route(path, self._work(name), methods=["POST"]) for path, name in WORK.items()]
        handlers = {HTTPException: self.no_route, Exception: self.failed}
        app = Starlette(routes=routes, middleware=[front], exception_handlers=handlers)
        app.router.redirect_slashes = False
        return app

    # What the process plane asks.

    async def alive(self, request):
        return JSONResponse({})

    async def loaded(self, request):
        return JSONResponse({}) if self.model.ready else not_ready()

    async def ready(self, request):
        if not self.model.ready:
            return not_ready()
        self.model.follow_environment()
        if not await self.model.healthy():
            return failure(503, MODELS, "The model says that it is not healthy.")
        return JSONResponse({}, headers={ENVIRONMENT: re.sub("[^!-~]", "?", self.model.environment_name)})

    async def show_metrics(self, request):
        return PlainTextResponse(self.metrics.text())

    async def schema(self, request):
        if not self.model.ready:
            return not_ready()
        if not self.model.schema:
            return failure(404, CLIENTS, "The model's predict has no schema.")
        return JSONResponse(self.model.schema.described)

    async def no_route(self, request, error):
        return failure(error.status_code, CLIENTS, str(error.detail), error.headers)

    async def failed(self, request, error):
        return model_failed()

    # The model's work.

    def _work(self, name):
        async def endpoint(request):
            return await self._respond(name, request)

        return endpoint

    async def _respond(self, name, request):
        if not self.model.ready:
            return not_ready()
        if name not in self.model.methods:
            return failure(404, CLIENTS, f"The model has no method {name}.")
        try:
            value = await self._input(name, request)
        except HTTPException as error:
            return failure(error.status_code, CLIENTS, error.detail)
        except ValidationError as error:
            return failure(400, CLIENTS, f"The body does not keep to the model's schema: {problems(error)}")
        except ClientDisconnect:
            raise asyncio.CancelledError from None
        except Exception:
            log.exception("the schema of %s failed", name)
            return model_failed()
        return await self._run(name, value, request)

    async def _input(self, name, request):
        first = self.model.methods["preprocess" if name == "predict" and "preprocess" in self.model.methods else name]
        if not first.takes_input:
            return None
        value = await body.parse(request)
        if name == "predict" and self.model.schema:
            value = self.model.schema.parse(value)
        return value

    async def _run(self, name, value, request):
        try:
            return await self._answer(name, request, await self.model.perform(name, value, request))
        except HTTPException as error:
            return failure(error.status_code, CLIENTS, error.detail, error.headers)
        except ClientDisconnect:
            raise asyncio.CancelledError from None
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():
                raise
            log.exception("%s was cancelled by the model itself", name)
        except Exception:
            log.exception("%s failed", name)
        return model_failed()

    async def _answer(self, name, request, result):
        if isinstance(result, Stream):
            if name == "predict" and request.headers.get("accept") == "application/json":
                return body.answer(request, await self._gathered(result))
            return StreamAnswer(result, "application/octet-stream" if name == "predict" else "text/event-stream")
        if isinstance(result, Response):
            return mark(result, CLIENTS) if result.status_code >= 300 else result
        return body.answer(request, result)

    async def _gathered(self, stream):
        try:
            return b"".join([item async for item in stream]).decode("utf-8", errors="replace")
        finally:
            await stream.close()
