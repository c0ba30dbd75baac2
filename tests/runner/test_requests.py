"""Requests over HTTP: what goes in, what comes out, and what a client sees when something is wrong."""

import asyncio
import json
import socket
import threading
from pathlib import Path

import httpx
import pytest
from conftest import PREDICT, until

ECHO = "class Model:\n    def predict(self, model_input):\n        return model_input\n"


def test_results_of_every_kind(start):
    runner = start(
        """
        import datetime, decimal
        from starlette.responses import JSONResponse, PlainTextResponse
        class Array:
            def tolist(self):
                return [1.5, 2]
        class Model:
            def predict(self, kind):
                return {
                    "dict": {"ä": [1, None]}, "list": [1], "text": "x", "bytes": b"\\x00\\xff", "array": {"a": Array()},
                    "date": [datetime.date(2026, 1, 2), decimal.Decimal("1.10")], "none": None,
                    "response": PlainTextResponse("made", headers={"x-own": "1"}), "teapot": JSONResponse({"mine": 1}, 418),
                    "set": {1},
                }[kind]
        """
    ).ready()
    for kind, expected in [("dict", {"ä": [1, None]}), ("list", [1]), ("text", "x"), ("array", {"a": [1.5, 2]}), ("none", None)]:
        response = runner.predict(kind)
        assert (response.status_code, response.json()) == (200, expected)
        assert response.headers["content-type"] == "application/json"
    assert runner.predict("date").json() == ["2026-01-02", "1.10"]
    assert runner.predict("bytes").content == b"\x00\xff"
    assert runner.predict("bytes").headers["content-type"] == "application/octet-stream"
    response = runner.predict("response")
    assert (response.text, response.headers["x-own"]) == ("made", "1")
    assert "x-baseten-error-source" not in response.headers
    teapot = runner.predict("teapot")
    assert (teapot.status_code, teapot.json()) == (418, {"mine": 1})
    assert (teapot.headers["x-baseten-error-source"], teapot.headers["x-baseten-error-code"]) == ("04", "700")
    assert runner.predict("set").status_code == 500
    runner.says("a result of the type set cannot be sent")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 200000])
def test_a_body_that_is_not_json(start, body):
    runner = start(ECHO).ready()
    response = runner.http.post(PREDICT, content=body)
    assert response.status_code == 400
    assert "error" in response.json()
    assert response.headers["x-baseten-error-code"] == "700"


def test_an_error_of_the_model(start):
    runner = start(
        """
        from starlette.exceptions import HTTPException
        class Model:
            def predict(self, model_input):
                if model_input == "http":
                    raise HTTPException(422, "not such a thing", {"x-own": "1"})
                if model_input == "stop":
                    raise StopIteration
                if model_input == "exit":
                    raise SystemExit(3)
                raise RuntimeError("the secret reason")
        """
    ).ready()
    response = runner.predict(1, headers={"x-request-id": "r-1"})
    assert response.status_code == 500
    assert "the secret reason" not in response.text
    assert response.json() == {"error": "Internal error in the model; its log says more."}
    assert (response.headers["x-baseten-error-source"], response.headers["x-baseten-error-code"]) == ("04", "600")
    runner.says("the secret reason")
    line = next(line for line in runner.lines() if "the secret reason" in line["message"])
    assert line["request_id"] == "r-1"
    assert line["level"] == "error"
    assert "Traceback" in line["message"]
    own = runner.predict("http")
    assert (own.status_code, own.json(), own.headers["x-own"]) == (422, {"error": "not such a thing"}, "1")
    assert own.headers["x-baseten-error-code"] == "700"
    assert runner.predict("stop").status_code == 500
    assert runner.predict("exit").status_code == 500
    assert runner.predict("again").status_code == 500


@pytest.mark.parametrize("path", [PREDICT, "/v1/completions", "/v1/embeddings"])
def test_async_code_that_calls_exit_fails_its_request_only(start, path):
    runner = start(
        """
        import sys
        class Model:
            async def predict(self, model_input):
                sys.exit(3)
            async def completions(self, body):
                sys.exit(3)
                yield "never"
            async def embeddings(self, body):
                yield "one"
                sys.exit(3)
            async def responses(self, body):
                return "still there"
        """
    ).ready()
    if path == "/v1/embeddings":
        with pytest.raises(httpx.RemoteProtocolError):
            runner.http.post(path, json=1)
    else:
        response = runner.http.post(path, json=1)
        assert response.json() == {"error": "Internal error in the model; its log says more."}
    runner.says("SystemExit(3)")
    assert runner.http.post("/v1/responses", json=1).json() == "still there"


def test_what_a_model_raises_in_a_form_of_its_own(start):
    runner = start(
        """
        from starlette.exceptions import HTTPException
        class Model:
            def predict(self, model_input):
                raise HTTPException(422, {1, 2})
        """
    ).ready()
    response = runner.predict(1)
    assert (response.status_code, response.headers["x-baseten-error-code"]) == (500, "600")
    assert response.json() == {"error": "Internal error in the model; its log says more."}
    runner.says("HTTPException")
    assert runner.metric('ambit_model_requests_total{method="predict",status="500"}') == 1


def test_missing_methods_and_paths(start):
    runner = start("class Model:\n    def embeddings(self, body):\n        return body\n").ready()
    for path in (PREDICT, "/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses", "/elsewhere"):
        response = runner.http.post(path, json={})
        assert (response.status_code, response.headers["x-baseten-error-code"]) == (404, "700"), path
        assert set(response.json()) == {"error"}
    assert runner.http.get(PREDICT).status_code == 405
    assert runner.http.post("/v1/embeddings", json={"input": "x"}).json() == {"input": "x"}


def test_methods_of_openai(start):
    names = {"chat/completions": "chat_completions", "completions": "completions", "embeddings": "embeddings",
             "messages": "messages", "responses": "responses"}
    methods = "".join(f"    def {name}(self, body):\n        return ['{name}', body]\n" for name in names.values())
    runner = start("class Model:\n" + methods).ready()
    for path, name in names.items():
        assert runner.http.post("/v1/" + path, json={"n": 1}).json() == [name, {"n": 1}]


def test_before_and_after_predict(start):
    runner = start(
        """
        from starlette.requests import Request
        from starlette.responses import Response
        class Model:
            def preprocess(self, model_input, request: Request):
                return [request.headers["x-mark"], model_input]
            async def predict(self, model_input):
                return Response("raw") if model_input[1] == "raw" else model_input + ["predicted"]
            async def postprocess(self, result):
                return result + ["after"]
        """
    ).ready()
    assert runner.predict("in", headers={"x-mark": "m"}).json() == ["m", "in", "predicted", "after"]
    assert runner.predict("raw", headers={"x-mark": "m"}).text == "raw"


def test_the_request_as_argument(start):
    runner = start(
        """
        from __future__ import annotations
        import starlette.requests
        class Model:
            async def predict(self, request: starlette.requests.Request):
                if request.headers["content-type"].startswith("multipart/"):
                    form = await request.form()
                    return {k: v if isinstance(v, str) else (await v.read()).decode() for k, v in form.items()}
                return {"raw": (await request.body()).decode(), "query": request.url.query}
            def completions(self, body, request: starlette.requests.Request):
                return [body, request.method]
        """
    ).ready()
    assert runner.http.post(PREDICT + "?a=1", content=b"{not json", headers={"content-type": "text/plain"}).json() == {
        "raw": "{not json", "query": "a=1"}
    assert runner.http.post(PREDICT, data={"a": "1"}, files={"f": ("n", b"content")}).json() == {"a": "1", "f": "content"}
    assert runner.http.post("/v1/completions", json=[1]).json() == [[1], "POST"]


def test_work_behind_an_answer(start):
    """The answer is whole; what a background task still does is not the client's to end."""
    runner = start(
        """
        import asyncio
        from starlette.background import BackgroundTask
        from starlette.responses import JSONResponse
        async def behind():
            await asyncio.sleep(0.05)
            print("done behind it", flush=True)
        class Model:
            def predict(self, model_input):
                return JSONResponse("in front", background=BackgroundTask(behind))
        """
    ).ready()
    assert runner.predict(1).json() == "in front"
    until(lambda: runner.metric("ambit_model_requests_in_flight") == 0, "the end of the request")
    runner.says("done behind it")
    assert "the client went away" not in runner.log()


def test_the_request_without_a_body(start):
    runner = start(
        """
        import asyncio
        from starlette.requests import Request
        class Model:
            async def predict(self, request: Request):
                await asyncio.sleep(0.05)
                return len(await request.body())
        """
    ).ready()
    assert runner.http.post(PREDICT).json() == 0


def test_a_long_head(start):
    runner = start(ECHO).ready()
    assert runner.predict(1, headers={"x-long": "x" * 900_000}).json() == 1


def test_messagepack(start, tmp_path):
    no = start(ECHO).ready()
    headers = {"content-type": "application/octet-stream"}
    refused = no.http.post(PREDICT, content=b"\x01", headers=headers)
    assert refused.status_code == 415
    assert "add msgpack to the package's requirements" in refused.json()["error"]
    # Not the real one: what is tested is that it is used, both ways.
    (tmp_path / "msgpack.py").write_text(
        "import json\ndef unpackb(b):\n    return json.loads(b[1:])\ndef packb(v, default):\n    return b'M' + json.dumps(v).encode()\n"
    )
    yes = start(ECHO, PYTHONPATH=str(tmp_path)).ready()
    answer = yes.http.post(PREDICT, content=b"M[1]", headers=headers)
    assert (answer.content, answer.headers["content-type"]) == (b"M[1]", "application/octet-stream")
    assert yes.http.post(PREDICT, content=b"M[", headers=headers).status_code == 400
    assert yes.predict([1]).json() == [1]


def test_schemas(start):
    runner = start(
        """
        from pydantic import BaseModel
        class In(BaseModel):
            n: int
        class Out(BaseModel):
            twice: int
        class Model:
            def predict(self, model_input: In) -> Out:
                return Out(twice=2 * model_input.n)
        """,
        PYTHONPATH=path_of_pydantic(),
    ).ready()
    assert runner.predict({"n": 4}).json() == {"twice": 8}
    wrong = runner.predict({"n": "x"})
    assert wrong.status_code == 400
    assert "does not keep to the model's schema" in wrong.json()["error"]
    schema = runner.http.get("/v1/models/model/schema").json()
    assert schema["input_schema"]["properties"]["n"]["type"] == "integer"
    assert schema["output_schema"]["required"] == ["twice"]
    assert schema["supports_streaming"] is False
    assert start(ECHO).ready().status("/v1/models/model/schema") == 404


PYDANTIC = """
    from pydantic import BaseModel, field_validator
    class In(BaseModel):
        numbers: list[int]
        @field_validator("numbers")
        @classmethod
        def check(cls, numbers):
            if numbers == [13]:
                raise ValueError("x" * 10_000)
            return numbers if numbers else {}["the validator's reason"]
    class Model:
        def predict(self, model_input: In):
            return sum(model_input.numbers)
"""


def path_of_pydantic():
    return str(Path(pytest.importorskip("pydantic").__file__).parent.parent)


def test_a_schema_whose_own_code_fails(start):
    runner = start(PYDANTIC, PYTHONPATH=path_of_pydantic()).ready()
    assert runner.predict({"numbers": [1, 2]}).json() == 3
    response = runner.predict({"numbers": []})
    assert (response.status_code, response.headers["x-baseten-error-code"]) == (500, "600")
    assert response.json() == {"error": "Internal error in the model; its log says more."}
    runner.says("the validator's reason")


def test_what_is_wrong_with_a_body_is_said_in_a_few_words(start):
    runner = start(PYDANTIC, PYTHONPATH=path_of_pydantic()).ready()
    few = runner.predict({"numbers": [1, "x"]})
    assert few.status_code == 400
    assert few.json()["error"] == (
        "The body does not keep to the model's schema: numbers.1: Input should be a valid integer, unable to parse string as an integer"
    )
    many = runner.predict({"numbers": ["x" * 1000] * 10000})
    assert many.status_code == 400
    assert len(many.content) < 2000
    assert "and 9995 more" in many.json()["error"]
    assert len(runner.predict({"numbers": [13]}).content) < 2000
    long = runner.predict({"numbers": {"k" * 100_000: 1}, "k" * 100_000: 1})
    assert long.status_code == 400
    assert len(long.content) < 2000


@pytest.mark.parametrize("path", [PREDICT, "/v1/completions"])
def test_a_body_beyond_the_limit(start, path):
    runner = start(
        """
        from starlette.requests import Request
        class Model:
            def predict(self, model_input):
                return model_input
            async def completions(self, request: Request):
                return len([piece async for piece in request.stream()]) and 1
        """
    ).ready()

    def body():
        for _ in range(101):
            yield b" " * 1_000_000

    refused = runner.http.post(path, content=body())
    assert (refused.status_code, refused.headers["x-baseten-error-code"]) == (413, "700")
    assert refused.json() == {"error": "The body is larger than 100000000 bytes."}
    assert runner.http.post(path, json=1).json() == 1


STREAMS = """
    import asyncio, os, time
    from starlette.responses import StreamingResponse

    class Model:
        def wait(self, name):
            while not os.path.exists(os.path.join(os.environ["GATES"], name)):
                time.sleep(0.01)

        def steps(self, model_input):
            try:
                yield "one,"
                self.wait("first")
                if model_input == "fail":
                    raise ValueError("half way")
                if model_input == "dict":
                    yield {}
                yield b"two"
            finally:
                print("steps closed", flush=True)

        async def async_steps(self, model_input):
            try:
                for item in self.steps(model_input):
                    yield item
                    await asyncio.sleep(0)
            finally:
                print("async closed", flush=True)

        def predict(self, model_input):
            kind, _, what = model_input.partition(" ")
            if kind == "sync":
                return self.steps(what)
            if kind == "async":
                return self.async_steps(what)
            if kind == "iterator":
                return iter(["a", "b"])
            if kind == "empty":
                return iter(())
            if kind == "early":
                return (1 / 0 for _ in [1])
            return StreamingResponse(self.steps(what), media_type="text/event-stream")

        def chat_completions(self, body):
            yield "data: 1\\n\\n"
            yield "data: [DONE]\\n\\n"
"""


@pytest.mark.parametrize("kind", ["sync", "async", "response"])
def test_streams_arrive_step_by_step(start, tmp_path, kind):
    gates = tmp_path / "gates"
    gates.mkdir()
    runner = start(STREAMS, GATES=str(gates)).ready()
    with runner.http.stream("POST", PREDICT, json=kind) as response:
        assert response.headers["content-type"].startswith("text/event-stream" if kind == "response" else "application/octet-stream")
        assert response.headers["transfer-encoding"].lower() == "chunked"
        pieces = response.iter_bytes()
        assert next(pieces) == b"one,"
        (gates / "first").touch()
        assert b"".join(pieces) == b"two"
    runner.says("steps closed")


def test_streams_of_other_kinds(start, tmp_path):
    (tmp_path / "first").touch()
    runner = start(STREAMS, GATES=str(tmp_path)).ready()
    assert runner.predict("iterator").content == b"ab"
    assert runner.predict("empty").content == b""
    assert runner.predict("sync", headers={"accept": "application/json"}).json() == "one,two"
    early = runner.predict("early")
    assert (early.status_code, early.headers["x-baseten-error-code"]) == (500, "600")
    runner.says("ZeroDivisionError")
    events = runner.http.post("/v1/chat/completions", json={})
    assert events.headers["content-type"].startswith("text/event-stream")
    assert events.text.endswith("data: [DONE]\n\n")
    assert runner.predict("iterator").content == b"ab"  # the one slot is free


@pytest.mark.parametrize("what, words", [("fail", "half way"), ("dict", "a generator may give texts and bytes, not dict")])
def test_a_stream_that_breaks_off_has_no_end(start, tmp_path, what, words):
    (tmp_path / "first").touch()
    runner = start(STREAMS, GATES=str(tmp_path)).ready()
    with pytest.raises(httpx.RemoteProtocolError):
        with runner.http.stream("POST", PREDICT, json="sync " + what) as response:
            assert response.status_code == 200
            response.read()
    runner.says(words)
    assert "Exception in ASGI application" not in runner.log()
    assert runner.predict("iterator").content == b"ab"


def test_a_stream_that_stalls(start, tmp_path):
    runner = start(STREAMS, config="runtime: {streaming_read_timeout: 0.2}\n", GATES=str(tmp_path)).ready()
    with pytest.raises(httpx.RemoteProtocolError):
        runner.predict("sync")
    runner.says("nothing came within 0.2 s (runtime.streaming_read_timeout)")
    # Its thread still holds the slot, until it has returned.
    (tmp_path / "first").touch()
    runner.says("steps closed")
    assert runner.predict("iterator").content == b"ab"


def leave(runner, value, path=PREDICT):
    """Sends a request and goes away, once the model says that it has begun."""
    body = json.dumps(value).encode()
    s = socket.create_connection(("127.0.0.1", runner.port))
    s.sendall(b"POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%s" % (path.encode(), len(body), body))
    runner.says("has begun")
    s.close()


def test_a_client_that_leaves_cancels_async_work(start):
    runner = start(
        """
        import asyncio
        class Model:
            async def predict(self, model_input):
                if model_input == "quick":
                    return "free"
                print("it has begun", flush=True)
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    print("it was cancelled", flush=True)
                    raise
        """
    ).ready()
    leave(runner, "slow")
    runner.says("it was cancelled")
    assert runner.predict("quick").json() == "free"
    until(lambda: runner.metric('ambit_model_requests_total{method="predict",status="499"}') == 1, "a count")


@pytest.mark.parametrize("asks", [False, True])
def test_a_client_that_leaves_is_noticed_whether_the_model_reads_or_not(start, asks):
    runner = start(
        """
        import asyncio
        from starlette.requests import Request
        class Model:
            async def predict(self, request: Request):
                print("it has begun", flush=True)
                try:
                    if request.query_params:
                        await request.body()
                        await request.body()
                    await asyncio.Event().wait()
                finally:
                    print("it was cancelled", flush=True)
        """
    ).ready()
    leave(runner, "slow", PREDICT + ("?asks" if asks else ""))
    runner.says("it was cancelled")
    until(lambda: runner.metric('ambit_model_requests_total{method="predict",status="499"}') == 1, "a count")
    assert "predict failed" not in runner.log()


def test_a_client_that_leaves_while_its_body_is_read_is_no_failure_of_the_model(start):
    runner = start(
        """
        from starlette.requests import Request
        class Model:
            async def predict(self, request: Request):
                print("it has begun", flush=True)
                return len(await request.body())
        """
    ).ready()
    s = socket.create_connection(("127.0.0.1", runner.port))
    s.sendall(b"POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf" % PREDICT.encode())
    runner.says("it has begun")
    s.close()
    until(lambda: runner.metric('ambit_model_requests_total{method="predict",status="499"}') == 1, "a count")
    assert "predict failed" not in runner.log()


def test_nobody_is_told_to_send_a_body_in_vain(start):
    runner = start("class Model:\n    def embeddings(self, body):\n        return body\n").ready()
    with socket.create_connection(("127.0.0.1", runner.port), timeout=60) as s:
        head = b"POST %s HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n"
        s.sendall(head % b"/v1/completions")
        assert s.recv(12) == b"HTTP/1.1 404"
    with socket.create_connection(("127.0.0.1", runner.port), timeout=60) as s:
        s.sendall(head % b"/v1/embeddings")
        assert s.recv(12) == b"HTTP/1.1 100"


def test_an_idle_thread_keeps_nothing(start):
    runner = start(
        """
        class Big:
            def tolist(self):
                return 1
            def __del__(self):
                print("it is gone", flush=True)
        class Model:
            def predict(self, model_input):
                return Big()
        """
    ).ready()
    assert runner.predict(0).json() == 1
    runner.says("it is gone")


def test_a_client_that_leaves_closes_the_generator(start):
    runner = start(
        """
        import asyncio
        class Model:
            async def predict(self, model_input):
                try:
                    yield "has begun"
                    print("it has begun", flush=True)
                    await asyncio.Event().wait()
                finally:
                    print("it was closed", flush=True)
        """
    ).ready()
    leave(runner, "slow")
    runner.says("it was closed")


def test_a_generator_stays_on_one_thread(start):
    runner = start(
        """
        import itertools, threading
        class Model:
            def predict(self, model_input):
                first = threading.get_ident()
                try:
                    for i in itertools.count():
                        assert threading.get_ident() == first
                        yield "x" * 65536
                        if i == 3:
                            print("it has begun", flush=True)
                finally:
                    print("closed on", "the same" if threading.get_ident() == first else "another", flush=True)
            def completions(self, body):
                return "other work"
        """,
        config="runtime: {predict_concurrency: 4}\n",
    ).ready()
    leaving = threading.Thread(target=leave, args=[runner, "slow"])
    leaving.start()
    for _ in range(20):
        assert runner.http.post("/v1/completions", json=1).json() == "other work"
    leaving.join()
    runner.says("closed on the same")


def test_a_thread_keeps_its_slot_when_its_client_has_left(start, tmp_path):
    runner = start(
        """
        import os, time
        class Model:
            def predict(self, model_input):
                print("it has begun", flush=True)
                while not os.path.exists(os.environ["GO"]):
                    time.sleep(0.01)
                print("slow has ended", flush=True)
            async def completions(self, body):
                print("next has begun", flush=True)
        """,
        GO=str(tmp_path / "go"),
    ).ready()
    leave(runner, "slow")
    runner.says("the client went away")
    # Async, because it has to wait for the slot, and not for the busy thread.
    waiting = threading.Thread(target=lambda: runner.http.post("/v1/completions", json="next"))
    waiting.start()
    until(lambda: runner.metric("ambit_model_requests_in_flight") == 1, "the next request")
    assert "next has begun" not in runner.log()
    (tmp_path / "go").touch()
    waiting.join()
    assert runner.log().index("slow has ended") < runner.log().index("next has begun")


CROWD = """
    import asyncio, threading, time
    class Model:
        def __init__(self):
            self.lock = threading.Lock()
            self.count = {{"in": 0, "pre": 0}}
            self.most = {{"in": 0, "pre": 0}}
            self.everybody = threading.Barrier(6, timeout=60)
        def enter(self, what):
            with self.lock:
                self.count[what] += 1
                self.most[what] = max(self.most[what], self.count[what])
        def leave(self, what):
            with self.lock:
                self.count[what] -= 1
        def preprocess(self, model_input):
            if model_input != "ask":
                self.enter("pre")
                self.everybody.wait()
                self.leave("pre")
            return model_input
        {kind} predict(self, model_input):
            if model_input == "ask":
                return self.most
            self.enter("in")
            {pause}
            self.leave("in")
            return 1
"""


@pytest.mark.parametrize("kind, pause", [("def", "time.sleep(0.02)"), ("async def", "await asyncio.sleep(0.02)")])
def test_the_limit_of_concurrency_is_around_predict_only(start, kind, pause):
    runner = start(CROWD.format(kind=kind, pause=pause), config="runtime: {predict_concurrency: 2}\n").ready()

    async def crowd():
        async with httpx.AsyncClient(base_url=runner.url, timeout=60, trust_env=False) as client:
            return await asyncio.gather(*[client.post(PREDICT, json=i) for i in range(6)])

    assert [r.status_code for r in asyncio.run(crowd())] == [200] * 6
    most = runner.predict("ask").json()
    assert most["pre"] == 6
    assert most["in"] == 2


def test_threads_around_predict_are_bounded(start, tmp_path):
    runner = start(
        """
        import os, threading, time
        class Model:
            def __init__(self):
                self.lock = threading.Lock()
                self.inside = self.most = 0
            def preprocess(self, model_input):
                with self.lock:
                    self.inside += 1
                    self.most = max(self.most, self.inside)
                    print("inside:", self.inside, flush=True)
                while not os.path.exists(os.environ["GO"]):
                    time.sleep(0.01)
                with self.lock:
                    self.inside -= 1
            async def predict(self, model_input):
                return self.most
        """,
        GO=str(tmp_path / "go"),
    ).ready()

    async def crowd():
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=runner.url, timeout=60, trust_env=False, limits=limits) as client:
            answers = [asyncio.create_task(client.post(PREDICT, json=0)) for _ in range(100)]
            await asyncio.to_thread(until, lambda: runner.metric("ambit_model_requests_in_flight") == 100, "all requests")
            await asyncio.to_thread(runner.says, "inside: 64")
            (tmp_path / "go").touch()
            return [(await answer).json() for answer in answers]

    assert max(asyncio.run(crowd())) == 64
