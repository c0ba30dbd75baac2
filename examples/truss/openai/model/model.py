"""Speaks OpenAI's API: chat completions, streamed as well, and embeddings. Call it under `sync/v1/chat/completions`."""

import hashlib
import json
import time
import uuid


class Model:
    def __init__(self, config):
        self.name = config["model_name"]

    def reply(self, body):
        asked = [m.get("content") for m in body.get("messages", []) if m.get("role") == "user"]
        return f"You asked: {asked[-1]}" if asked else "You asked nothing."

    def head(self, kind):
        return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": self.name}

    async def chat_completions(self, body):
        words = self.reply(body).split(" ")
        if body.get("stream"):
            return self.events(words)
        message = {"role": "assistant", "content": " ".join(words)}
        usage = {"prompt_tokens": 1, "completion_tokens": len(words), "total_tokens": 1 + len(words)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**self.head("chat.completion"), "choices": [choice], "usage": usage}

    async def events(self, words):
        """A generator of these methods is sent as an event stream."""
        head = self.head("chat.completion.chunk")
        for i, word in enumerate(words):
            delta = {"content": word if i == 0 else " " + word}
            yield self.event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        yield self.event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        yield "data: [DONE]\n\n"

    def event(self, chunk):
        return f"data: {json.dumps(chunk)}\n\n"

    def embeddings(self, body):
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [{"object": "embedding", "index": i, "embedding": self.vector(text)} for i, text in enumerate(texts)]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return {"object": "list", "model": self.name, "data": data, "usage": usage}

    def vector(self, text):
        return [byte / 255 for byte in hashlib.sha256(str(text).encode()).digest()[:8]]
