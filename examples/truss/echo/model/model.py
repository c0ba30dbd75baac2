"""Says what it was told, and where it runs: a package that shows what a model can do, without needing one."""

import asyncio
import os


class Model:
    def __init__(self, config, secrets, environment):
        self.name = config["model_name"]
        self.secrets = secrets
        self.environment = environment
        self.prefix = None

    def setup_environment(self, environment):
        """Before load, and again when a promotion moves the deployment to another environment."""
        self.environment = environment

    def load(self):
        self.prefix = os.environ["ECHO_PREFIX"]

    def is_healthy(self):
        return self.prefix is not None

    async def predict(self, model_input):
        if model_input.get("stream"):
            return self.words(model_input)
        return {
            "text": self.prefix + model_input.get("text", ""),
            "model": self.name,
            "environment": (self.environment or {}).get("name"),
            "region": os.environ.get("AMBIT_REGION"),
            "deployment": os.environ.get("BT_MODEL_DEPLOYMENT_ID"),
            "greeting": self.secrets.get("greeting"),
        }

    async def words(self, model_input):
        for word in model_input.get("text", "").split():
            yield word + "\n"
            await asyncio.sleep(model_input.get("pause", 0))

    async def websocket(self, websocket):
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is not None:
                await websocket.send_text(self.prefix + message["text"])
            else:
                await websocket.send_bytes(message["bytes"])
