"""OpenAI's Python client, unmodified, against the gateway."""

import io

import openai
import pytest
from world import KEY

MODEL = "mistral-medium-3"
HELLO = [{"role": "user", "content": "Say hello."}]


@pytest.fixture
def client(vetted):
    with openai.OpenAI(base_url=f"{vetted.url}/v1", api_key=KEY) as c:
        yield c


def test_region_pin_as_documented(client, sim):
    completion = client.chat.completions.create(model=MODEL, messages=HELLO, extra_body={"vetted": {"region": "scaleway-par-1"}})
    assert "scaleway-par-1" in completion.choices[0].message.content
    assert completion.routing_trace["decision_mode"] == "pinned" and completion.routing_trace["region"] == "scaleway-par-1"
    assert "vetted" not in sim.requests()[0]["body"]


def test_carbon_aware_degrades_and_says_so(client):
    completion = client.chat.completions.create(model=MODEL, messages=HELLO, extra_body={"vetted": {"routing": "carbon_aware"}})
    trace = completion.routing_trace
    assert trace["route_policy"] == "carbon_aware" and trace["decision_mode"] == "degraded" and trace["region"] == "scaleway-par-1"
    assert trace["operational_signal"] is None


def test_an_unavailable_pin_is_503_and_nothing_else_is_tried(client, sim):
    sim.fault("status", "ovh-gra-1", status=503)
    with pytest.raises(openai.InternalServerError) as first:
        client.chat.completions.create(model=MODEL, messages=HELLO, extra_body={"vetted": {"region": "ovh-gra-1"}})
    assert first.value.status_code == 503
    # The upstream's own 503 came through; from now on the region is known to be saturated, and the refusal is the gateway's.
    with pytest.raises(openai.InternalServerError) as second:
        client.with_options(max_retries=0).chat.completions.create(model=MODEL, messages=HELLO, extra_body={"vetted": {"region": "ovh-gra-1"}})
    assert second.value.status_code == 503 and second.value.code == "service_unavailable"
    assert "ovh-gra-1" in second.value.message and second.value.response.headers["x-should-retry"] == "false"
    assert set(sim.regions_reached()) == {"ovh-gra-1"}


def test_default_chain_fails_over_in_order(client, sim):
    sim.fault("status", "scaleway-par-1", status=503, count=1)
    sim.fault("reset", "scaleway-par-2", count=1)
    completion = client.chat.completions.create(model=MODEL, messages=HELLO)
    attempts = completion.routing_trace["attempts"]
    assert [a["region"] for a in attempts] == ["scaleway-par-1", "scaleway-par-2", "ovh-gra-1"]
    assert completion.routing_trace["failover"]["from"] == "scaleway-par-1" and completion.routing_trace["region"] == "ovh-gra-1"
    assert sim.regions_reached() == ["scaleway-par-1", "scaleway-par-2", "ovh-gra-1"]


def test_stream_with_usage_and_trace(client):
    options = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 6}
    stream = client.chat.completions.create(model=MODEL, messages=HELLO, extra_body={"vetted": {"trace": True}}, **options)
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "This answer is simulated by scaleway-par-1"
    assert [c.usage.completion_tokens for c in chunks if c.usage] == [6]
    assert chunks[-1].routing_trace["region"] == "scaleway-par-1" and chunks[-1].vetted["tokens"]["completion"] == 6


def test_async_client_closing_a_stream_cancels_it_upstream(vetted, sim):
    import asyncio

    async def run():
        async with openai.AsyncOpenAI(base_url=f"{vetted.url}/v1", api_key=KEY) as c:
            stream = await c.chat.completions.create(
                model=MODEL, messages=HELLO, stream=True, extra_body={"sim": {"tokens": 1000000, "interval_ms": 20}}
            )
            async for _ in stream:
                break
            await stream.close()
            # The endpoint is free again: the next answer comes from it.
            return await c.chat.completions.create(model=MODEL, messages=HELLO)

    assert asyncio.run(run()).routing_trace["region"] == "scaleway-par-1"


def test_completions_embeddings_and_models(client):
    assert "simulated" in client.completions.create(model=MODEL, prompt="x").choices[0].text
    vectors = client.embeddings.create(model=MODEL, input=["a", "b, c"], encoding_format="float").data
    assert [v.index for v in vectors] == [0, 1] and len(vectors[0].embedding) == 8
    assert MODEL in [m.id for m in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


def test_responses_and_their_follow_ups_stay_where_the_state_is(client, sim):
    first = client.responses.create(model=MODEL, input="x", extra_body={"vetted": {"region": "atnorth-sto-1"}})
    assert "atnorth-sto-1" in first.output_text
    second = client.responses.create(model=MODEL, input="and then?", previous_response_id=first.id)
    assert "atnorth-sto-1" in second.output_text
    with pytest.raises(openai.NotFoundError) as unknown:
        client.responses.create(model=MODEL, input="x", previous_response_id="resp_unknown")
    assert unknown.value.code == "response_not_found"


def test_streamed_responses_are_remembered_too(client):
    options = {"model": MODEL, "stream": True, "max_output_tokens": 20}
    events = list(client.responses.create(input="x", extra_body={"vetted": {"region": "ovh-rbx-1"}}, **options))
    done = [e for e in events if e.type == "response.completed"][0].response
    assert "ovh-rbx-1" in done.output_text
    follow_up = client.responses.create(model=MODEL, input="and then?", previous_response_id=done.id)
    assert "ovh-rbx-1" in follow_up.output_text


def test_a_file_is_routed_by_its_model_field(client, sim):
    sound = io.BytesIO(b"RIFF" + bytes(200000))
    sound.name = "sound.wav"
    text = client.audio.transcriptions.create(model=MODEL, file=sound).text
    assert "simulated by scaleway-par-1" in text
    assert sim.requests()[0]["body_bytes"] > 200000
    assert client.audio.speech.create(model=MODEL, voice="alloy", input="x").read()[:4] == b"RIFF"


def test_errors_become_the_clients_own_classes(client, vetted):
    with pytest.raises(openai.AuthenticationError) as bad_key:
        client.with_options(api_key="sk-wrong").models.list()
    assert bad_key.value.code == "invalid_api_key"
    with pytest.raises(openai.BadRequestError) as bad_region:
        client.chat.completions.create(model=MODEL, messages=HELLO, extra_body={"vetted": {"region": "scaleway-par-9"}})
    assert bad_region.value.code == "invalid_region" and bad_region.value.param == "vetted.region"
    with pytest.raises(openai.NotFoundError) as bad_model:
        client.chat.completions.create(model="nobody", messages=HELLO)
    assert bad_model.value.code == "model_not_found"
    vetted.send("POST", "/customer/new", {"user_id": "c", "allowed_model_region": "eu"})
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model=MODEL, messages=HELLO, user="c", extra_body={"vetted": {"region": "atnorth-isl-1"}})
    assert refused.value.code == "region_not_allowed"
