"""Uvicorn's WebSocket protocol, with three differences that long-lived sockets need.

- A model that has not yet asked for what has arrived makes uvicorn stop reading, and then it cannot hear the answer to its ping. Such a
  socket is not dead.
- A close that does not wait for the client (a message too large, the end of the grace) is followed by reading on, because a reset would
  overtake the frame that says the code.
- A model that never asks its socket for anything does not notice that the client has left. It is cancelled after a while.
"""

import asyncio

try:
    from uvicorn.protocols.utils import ClientDisconnected
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
except ImportError:
    WebSocketsSansIOProtocol = None

RESTARTING = 1012


def socket_protocol(deaf_seconds):
    """What uvicorn takes as `ws`. A package's own uvicorn may be too old for ours."""
    if WebSocketsSansIOProtocol is None:
        return "auto"

    class SocketProtocol(WebSocketsSansIOProtocol):
        model_task = None
        said_goodbye = False
        told_model = False

        async def run_asgi(self):
            self.model_task = asyncio.current_task()
            await super().run_asgi()

        async def receive(self):
            message = await super().receive()
            self.told_model = self.told_model or message["type"] == "websocket.disconnect"
            return message

        async def send(self, message):
            if self.said_goodbye:
                raise ClientDisconnected
            await super().send(message)

        def data_received(self, data):
            if not self.said_goodbye:
                super().data_received(data)

        def keepalive_timeout(self):
            if self.read_paused:
                self.pong_timer = self.pending_ping_payload = None
                self.schedule_ping()
            else:
                super().keepalive_timeout()

        def handle_parser_exception(self):
            self._say_goodbye(self.conn.close_sent.code, self.conn.close_sent.reason)

        def shutdown(self):
            if self.close_sent or not self.handshake_complete:
                super().shutdown()
            else:
                self.stop_keepalive()
                self.conn.send_close(RESTARTING)
                self._say_goodbye(RESTARTING, "")

        def _say_goodbye(self, code, reason):
            """The close frame is the last that is sent; what still comes is thrown away until the client closes, or for a time."""
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = self.said_goodbye = True
            self.transport.write_eof()
            self.transport.resume_reading()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

        def connection_lost(self, exc):
            super().connection_lost(exc)
            if self.model_task and not self.model_task.done():
                self.loop.call_later(deaf_seconds, self._end_deaf_model)

        def _end_deaf_model(self):
            if not self.told_model:
                self.model_task.cancel()

    return SocketProtocol
