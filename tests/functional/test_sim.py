"""The simulated model server: it says what it is, plays the faults that it is asked for, and refuses what it does not understand."""

import http.client
import json
import socket

import pytest
from world import call

REGION = "scaleway-par-1"
CHAT = {"model": "m", "messages": []}


def test_it_says_what_it_is(sim):
    status, headers, answer = call("POST", sim.base(REGION) + "/chat/completions", CHAT)
    assert status == 200 and headers["server"] == "ambit-sim"
    assert answer["choices"][0]["message"]["content"].startswith(f"This answer is simulated by {REGION}; no model was run.")


def test_faults_are_played_where_and_as_often_as_asked(sim):
    sim.fault("status", REGION, status=429, retry_after=7, count=2)
    other = sim.base("ovh-gra-1") + "/chat/completions"
    here = sim.base(REGION) + "/chat/completions"
    assert call("POST", other, CHAT)[0] == 200
    answers = [call("POST", here, CHAT) for _ in range(3)]
    assert [a[0] for a in answers] == [429, 429, 200] and answers[0][1]["retry-after"] == "7"
    assert call("GET", sim.admin + "/faults")[2] == {"faults": []}


def raw(sim, body):
    with socket.create_connection(("127.0.0.1", sim.ports[REGION])) as s:
        text = json.dumps(body).encode()
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        received = b""
        try:
            while piece := s.recv(65536):
                received += piece
        except ConnectionResetError:
            return received, "reset"
        return received, "closed"


@pytest.mark.parametrize(
    "kind, after, end, seen",
    [
        ("reset", 0, "reset", b""),
        ("reset", 40, "reset", b"data: {"),
        ("truncate", 40, "closed", b"data: {"),
        ("bad_chunk", 40, "closed", b"no size\r\n"),
    ],
)
def test_faults_that_break_http(sim, kind, after, end, seen):
    sim.fault(kind, after_bytes=after, count=1)
    received, how = raw(sim, {**CHAT, "stream": True})
    assert how == end and not received.endswith(b"0\r\n\r\n")
    assert seen in received or (how == "reset" and received == b"")


def test_a_fault_that_hangs_and_a_client_that_gives_up(sim):
    sim.fault("hang", REGION, count=1)
    connection = http.client.HTTPConnection("127.0.0.1", sim.ports[REGION], timeout=0.3)
    connection.request("POST", "/v1/chat/completions", json.dumps(CHAT))
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    assert sim.requests()[0]["fault"] == "hang"


@pytest.mark.parametrize(
    "rule, word",
    [
        ({"kind": "explode"}, "kind"),
        ({}, "kind"),
        ({"kind": "status", "status": 200}, "status"),
        ({"kind": "delay", "delay_ms": "5"}, "delay_ms"),
        ({"kind": "hang", "count": 0}, "count"),
        ({"kind": "hang", "regoin": "x"}, "regoin"),
        ({"kind": "region"}, "ms_region"),
        ([], "body"),
    ],
)
def test_a_fault_that_is_not_understood_changes_nothing(sim, rule, word):
    status, _, answer = call("POST", sim.admin + "/faults", rule)
    assert status == 400 and word in answer["error"]["message"] and "expected" in answer["error"]["message"]
    assert call("GET", sim.admin + "/faults")[2] == {"faults": []}


def test_the_log_has_what_arrived_and_no_credentials(sim):
    call("POST", sim.base(REGION) + "/chat/completions", {**CHAT, "user": "u"}, {"Authorization": "Bearer secret-of-mine"})
    (entry,) = sim.requests()
    assert entry["region"] == REGION and json.loads(entry["body"])["user"] == "u" and entry["status"] == 200
    assert "secret-of-mine" not in json.dumps(entry)
    sim.reset()
    assert sim.requests() == []
