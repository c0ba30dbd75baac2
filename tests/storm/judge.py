"""Judges what comes back to a client, and what an upstream was sent, against what really happened."""

import json
import re

from places import AZURE_NAMES

BY = re.compile(rb'"by": ?"(e\d+\.\d+)"')
TRACE_HEADER_WHOLE = 1800  # a longer one may have been cut to its limit
# Fates of a contact after which the client's answer may end early.
BREAKING = ("cut", "shut", "hang", "garbage", "half_head", "reset", "reset_partial", "slow")


class Judge:
    def __init__(self, storm):
        self.storm = storm

    # --- upstreams

    def contact(self, request, contact):
        """Bytes of the request have arrived somewhere: were they allowed to?"""
        earlier = request.contacts[-1] if request.contacts else None
        since = request.sent_at if earlier is None else earlier.ended or earlier.at
        request.contacts.append(contact)
        why = self.storm.oracle.judge(request.wish, contact.uid, since, contact.at)
        if why is None:
            endpoint = self.storm.endpoint_of(contact.uid)
            if endpoint.site != contact.site:
                why = f"{contact.uid} is not at site {contact.site}"
            elif self.storm.oracle.withdrawn.get(contact.uid, contact.at) < request.sent_at:
                why = f"{contact.uid} is out of service since an answer contradicted its region"
        if why:
            self.storm.violation("wrong_region", why, request=request, contact=contact, since=since)

    def body(self, request, contact, message):
        """What reached the upstream is what the client sent, but for the model's name and `vetted`."""
        raw = bytes(message.body)
        if request.wish.host:
            self._passed_unread(request, contact, message, raw)
            return
        if request.marker.encode() not in raw:
            self.storm.violation("mixed_up", "a body without its request's marker", request=request, contact=contact, data=repr(raw[:400]))
            return
        if request.multipart:
            return
        try:
            got = json.loads(raw)
        except ValueError as error:
            self.storm.violation("spoilt_body", f"no JSON: {error}", request=request, contact=contact, data=repr(raw[:600]))
            return
        model = got.pop("model", None)
        expected = {name: value for name, value in request.sent.items() if name != "model"}
        if got != expected:
            self.storm.violation("spoilt_body", "other members than the client sent", request=request, contact=contact, data=repr(raw[:600]))
        endpoint = self.storm.endpoint_of(contact.uid)
        in_own_group = endpoint.wildcard and request.wish.model.startswith(endpoint.group[:-1])
        if (in_own_group or not endpoint.wildcard) and model != endpoint.resolved_model(request.wish.model):
            self.storm.violation("wrong_model", f"{model} was asked of {contact.uid}", request=request, contact=contact)

    def _passed_unread(self, request, contact, message, raw):
        if raw != request.raw:
            self.storm.violation("spoilt_body", "another body than the client sent", request=request, contact=contact, data=repr(raw[:400]))
        path = message.start.split(" ")[1]
        if path != request.upstream_path:
            self.storm.violation("wrong_path", f"{path} instead of {request.upstream_path}", request=request, contact=contact)

    def goes_on(self, request, contact, what, grace):
        """Something of a model host's request goes on: whatever forbade it `grace` ago should have ended it. True: it may."""
        now = self.storm.now()
        if contact.at > now - grace:
            return True
        why = self.storm.oracle.hosts.judge(request.wish, contact.uid, now - grace, now, runs=True)
        if why:
            self.storm.violation("goes_on", f"{what}, and for {grace} s it has not been allowed any more: {why}", request=request, contact=contact)
        return why is None

    # --- answers

    def answer(self, request, message):
        complain = lambda kind, why: self.storm.violation(kind, why, request=request, answer=message)
        region = message.headers.get("x-ambit-region")
        if 300 <= message.status < 400:
            complain("followed", "a redirect to another place came through")
        found = BY.search(message.body[:4000])
        if "x-request-id" not in message.headers:
            complain("untruth", "no x-request-id")
        if not found:
            if region:
                complain("untruth", f"region {region} is named, and no upstream's answer came")
            if message.status == 200:
                complain("untruth", "an answer that no upstream gave")
            return
        self._served(request, message, found[1].decode(), region, complain)

    def _served(self, request, message, uid, region, complain):
        served = [c for c in request.contacts if c.uid == uid]
        if not served:
            complain("mixed_up", f"an answer of {uid}, which has not seen the request")
            return
        contact = served[-1]
        endpoint = self.storm.endpoint_of(uid)
        if message.status == 200:
            self._whole(request, message, contact, complain)
        names = self.names_of(endpoint, contact)
        if region is None or region.lower() not in names:
            complain("untruth", f"x-ambit-region is {region}; {uid} served, which is in {sorted(names)}")
        if request.wish.host:
            return
        if message.headers.get("x-litellm-model-region") != region:
            complain("untruth", "x-litellm-model-region names another region")
        if message.headers.get("x-litellm-model-id") != endpoint.id:
            complain("untruth", f"x-litellm-model-id is {message.headers.get('x-litellm-model-id')}, {endpoint.id} served")
        self._note_contradiction(endpoint, contact)
        trace = self._trace(request, message, complain)
        if trace:
            self._check_trace(request, trace, region, complain)

    def _whole(self, request, message, contact, complain):
        if request.marker.encode() not in message.body:
            complain("mixed_up", "the answer to another request")
        if not contact.answered:
            complain("truncated", f"an answer passed as whole; its upstream: {contact.fate}")

    def names_of(self, endpoint, contact):
        """What an answer may call the region of the endpoint that gave it."""
        said = AZURE_NAMES.get(contact.said)
        declared = endpoint.declared_place()
        if declared is not None and not endpoint.is_azure:
            return {declared.lower()}
        if declared is None and not endpoint.is_azure:
            model = endpoint.model.split(".")[0]
            return {"unknown", {"eu": "bedrock-eu", "us": "us", "global": "world"}.get(model, "unknown")}
        if declared is None:
            told = {code for _, code in self.storm.oracle.told.get(endpoint.site, ())}
            return {said} if said else told | {"unknown"}
        if said and not self.agrees(declared, said):
            return {said}
        return {declared.lower()} | ({said} if said else set())

    def agrees(self, declared, said):
        places = self.storm.oracle.configs.now.places
        return bool(places.resolve(declared) & places.bit[said])

    def _note_contradiction(self, endpoint, contact):
        said = AZURE_NAMES.get(contact.said)
        if said and endpoint.declared_place() and not self.agrees(endpoint.declared_place(), said):
            self.storm.contradicted(endpoint.uid)

    # --- traces

    def _trace(self, request, message, complain):
        text = message.headers.get("x-ambit-routing-trace")
        try:
            if text and len(text) < TRACE_HEADER_WHOLE:
                return json.loads(text)
            if message.headers.get("content-type", "").startswith("application/json") and message.status == 200:
                return json.loads(bytes(message.body)).get("routing_trace")
        except ValueError as error:
            complain("spoilt_answer", f"no JSON: {error}")
        return None

    def _check_trace(self, request, trace, region, complain):
        if trace.get("region") != region:
            complain("untruth", f"the trace names {trace.get('region')}, the header {region}")
        attempts = trace.get("attempts", [])
        if not attempts or attempts[-1].get("region") != region and trace.get("region") not in [a.get("region") for a in attempts]:
            complain("untruth", "the region that served is not among the attempts")
        told = [a.get("endpoint") for a in attempts if a.get("bytes_sent")]
        for contact in request.contacts:
            endpoint = self.storm.endpoint_of(contact.uid)
            if endpoint.id not in told:
                complain("untruth", f"{contact.uid} got bytes, and the trace does not say so")
            elif not any(a.get("endpoint") == endpoint.id and a.get("region", "").lower() in self.names_of(endpoint, contact)
                         for a in attempts):
                complain("untruth", f"{contact.uid} got bytes, and the trace names another region for it")
