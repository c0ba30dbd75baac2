"""The example of LiteLLM's documentation on region-based routing, with only the host names changed (and without its trailing comma and comment):
two Azure deployments of one model, no region stated; the customer may use the EU only."""

import time

import pytest
from world import Gateway, Sim

CONFIG = """
model_list:
  - model_name: gpt-3.5-turbo
    litellm_params:
      model: azure/gpt-35-turbo-eu
      api_base: {eu}
      api_key: "1234"
  - model_name: gpt-3.5-turbo
    litellm_params:
      model: azure/chatgpt-v-2
      api_base: {us}
      api_key: "1234"

router_settings:
  enable_pre_call_checks: true
"""

REQUEST = {
    "model": "gpt-3.5-turbo",
    "messages": [{"role": "user", "content": "what is the meaning of the universe? 1234"}],
    "user": "ishaan-jaff-45",
}


@pytest.fixture
def azure(tmp_path):
    sim = Sim(tmp_path, ["azure-swedencentral", "azure-eastus"], "--ms-region")
    root = {region: sim.base(region).removesuffix("/v1") for region in sim.ports}
    gateway = Gateway(tmp_path, CONFIG.format(eu=root["azure-swedencentral"], us=root["azure-eastus"]))
    yield gateway, sim
    gateway.stop()
    sim.stop()


def wait_until_regions_are_learnt(gateway, sim):
    """Each deployment names its region in x-ms-region; until one is known, restricted requests don't go there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status, headers, answer = gateway.send("POST", "/v1/chat/completions", REQUEST)
        if status == 200:
            return
        assert answer["error"]["code"] in ("region_pending", "service_unavailable"), answer
        time.sleep(0.05)
    raise AssertionError(gateway.text()[-3000:])


def test_the_customer_is_served_by_the_eu_deployment(azure):
    gateway, sim = azure
    created = gateway.send("POST", "/end_user/new", {"user_id": "ishaan-jaff-45", "allowed_model_region": "eu"})
    assert created[0] == 200 and created[2]["user_id"] == "ishaan-jaff-45" and created[2]["allowed_model_region"] == "eu"
    wait_until_regions_are_learnt(gateway, sim)
    sim.reset()
    for _ in range(20):
        status, headers, answer = gateway.send("POST", "/chat/completions", REQUEST)
        assert status == 200, answer
        assert headers["x-litellm-api-base"].startswith(f"http://127.0.0.1:{sim.ports['azure-swedencentral']}")
        assert headers["x-litellm-model-region"] == headers["x-ambit-region"] == "azure-swedencentral"
        assert answer["routing_trace"]["region"] == "azure-swedencentral"
    assert set(sim.regions_reached()) == {"azure-swedencentral"}


def test_without_an_eu_deployment_it_is_an_error_and_nothing_is_sent(tmp_path):
    sim = Sim(tmp_path, ["azure-eastus"], "--ms-region")
    base = sim.base("azure-eastus").removesuffix("/v1")
    gateway = Gateway(tmp_path, CONFIG.format(eu=base, us=base))
    gateway.send("POST", "/end_user/new", {"user_id": "ishaan-jaff-45", "allowed_model_region": "eu"})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status, headers, answer = gateway.send("POST", "/chat/completions", REQUEST)
        assert status >= 400 and answer["error"]["code"] in ("region_pending", "region_not_allowed"), answer
        if answer["error"]["code"] == "region_not_allowed":
            break
        time.sleep(0.05)
    assert (status, answer["error"]["code"]) == (403, "region_not_allowed")
    assert all("meaning of the universe" not in r["body"] for r in sim.requests())
    gateway.stop()
    sim.stop()
