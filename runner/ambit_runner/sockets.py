"""WebSockets, handed to Model.websocket once they are accepted."""

import asyncio
import logging

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from .workers import contained

MESSAGE_BYTES_MAX = 100 << 20
ENDED, UNSUPPORTED, FAILED = 1000, 1003, 1011

log = logging.getLogger("ambit_runner.socket")


class ModelSocket(WebSocket):
    """Is accepted already; a model that accepts it once more does no harm."""

    async def accept(self, subprotocol=None, headers=None):
        if self.application_state is WebSocketState.CONNECTING:
            await super().accept(subprotocol, headers)


async def _close(ws, code, reason=""):
    if ws.application_state is WebSocketState.CONNECTED and ws.client_state is WebSocketState.CONNECTED:
        try:
            await ws.close(code, reason)
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the client was faster


class SocketEndpoint:
    def __init__(self, model, metrics, refusal):
        self.model = model
        self.metrics = metrics
        self.refusal = refusal

    async def __call__(self, scope, receive, send):
        ws = ModelSocket(scope, receive, send)
        if not self.model.ready:
            await ws.receive()
            await self._deny(ws)
            return
        await ws.accept()
        if self.model.websocket is None:
            await _close(ws, UNSUPPORTED, "the model has no method websocket")
            return
        self.metrics.sockets_opened += 1
        self.metrics.sockets += 1
        try:
            await self._converse(ws)
        finally:
            self.metrics.sockets -= 1

    async def _deny(self, ws):
        if hasattr(ws, "send_denial_response"):
            await ws.send_denial_response(self.refusal())
        else:
            await ws.close()  # Starlette before 0.37 knows only 403

    async def _converse(self, ws):
        try:
            await contained(self.model.websocket(ws))
            await _close(ws, ENDED)
        except WebSocketDisconnect as left:
            log.debug("the client left with %s", left.code)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and asyncio.current_task().cancelling():
                log.info("websocket was cancelled: the client had left, or the time to stop was over")
                return
            log.exception("websocket failed")
            await _close(ws, FAILED, "internal error in the model")
