"""OpenAI's Node client, unmodified, against the gateway."""

import json
import pathlib
import subprocess

from world import KEY

HERE = pathlib.Path(__file__).parent


def test_chat_stream_embeddings_responses_and_errors(vetted):
    command = ["node", HERE / "node/client.mjs", f"{vetted.url}/v1", KEY, "mistral-medium-3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "ovh-gra-1" in seen["text"] and seen["trace"]["decision_mode"] == "pinned" and seen["region"] == "ovh-gra-1"
    assert seen["streamed"] == "This answer is simulated by scaleway-par-1"
    assert seen["embedding"] == 8 and "atnorth-sto-1" in seen["follow_up"]
    assert seen["refusal"] == {"type": "BadRequestError", "status": 400, "code": "invalid_region", "param": "vetted.region"}
