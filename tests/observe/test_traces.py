"""One request, one trace: across HTTP, bus, store and webhooks, as a collector sees it."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from typing import Any

import nats
import orjson
import pytest

from deploy import traces
from tests.domain.flows import node
from tests.http.test_flow import BYE, Engine, account_with
from tests.observe.broken import broken, lines_of
from tests.support.collector import Collector, Seen, collector
from tests.support.sink import Sink, sink
from tests.support.system import System, eventually, new_call_id


@pytest.fixture(scope="module")
def seen() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture(scope="module")
def hooks() -> Iterator[Sink]:
    with sink() as made:
        yield made


@pytest.fixture(scope="module")
def traced(seen: Collector) -> Iterator[System]:
    system = System(admin_token="let me in", log_format="json", webhook_retry_sec="0.2")
    system.environment |= seen.settings
    try:
        system.start()
        yield system
    finally:
        system.close()


class Incoming:
    """What a caller who traces sends."""

    def __init__(self, sampled: bool = True) -> None:
        self.trace, self.span = secrets.token_hex(16), secrets.token_hex(8)
        self.headers = {"traceparent": f"00-{self.trace}-{self.span}-{'01' if sampled else '00'}"}


def route(system: System, document: dict[str, Any], headers: dict[str, str]) -> str:
    call_id = new_call_id()
    body = {"callId": call_id, "from": "+14155551234", "to": document["numbers"][0]["e164"]}
    answer = system.edge.post("/route", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return call_id


def span_of(seen: Collector, incoming: Incoming, name: str, process: str) -> Seen:
    """The one span of that name; waits for it."""
    found = eventually(
        lambda: [
            one for one in seen.of(incoming.trace) if (one.name, one.process) == (name, process)
        ]
    )
    assert len(found) == 1
    return found[0]


def test_a_request_is_one_trace_across_the_processes(
    traced: System, seen: Collector, hooks: Sink
) -> None:
    webhook = {"url": hooks.url(), "events": ["call.started"]}
    document = account_with(traced, BYE, webhooks=[webhook])
    incoming = Incoming()
    call_id = route(traced, document, incoming.headers)
    request = span_of(seen, incoming, "POST /route", "edge-1")
    asked = span_of(seen, incoming, "call.RouteCall", "edge-1")
    decided = span_of(seen, incoming, "call.RouteCall", "worker-1")
    parts = [span_of(seen, incoming, name, "worker-1") for name in ("queue", "decide", "append")]
    attempt = span_of(seen, incoming, "webhook attempt", "sender")
    assert request.parent == incoming.span
    assert asked.parent == request.id
    assert decided.parent == asked.id
    assert {part.parent for part in parts} == {decided.id}
    assert attempt.parent == decided.id
    for span in (request, asked, decided, attempt):
        assert span.attributes["callplane.call_id"] == call_id
        assert span.attributes["callplane.account_id"] == document["account"]["id"]
    assert decided.attributes["callplane.outcome"] == "ok"
    assert request.attributes["http.route"] == "/route"
    for part in parts:
        assert decided.begun <= part.begun <= part.ended <= decided.ended + 1_000_000

    (received,) = hooks.of(call_id)
    assert received.headers["traceparent"] == f"00-{incoming.trace}-{attempt.id}-01"
    eventually(lambda: [one for one in seen.spans if decided.id in one.links])
    (page,) = [one for one in seen.spans if decided.id in one.links]
    assert (page.process, page.name) == ("projector", "projector page")


def test_the_bus_says_of_which_trace_a_fact_is(traced: System) -> None:
    """In the header; the fact itself is as it would be without."""
    document = account_with(traced, BYE)
    incoming, silent = Incoming(), Incoming(sampled=False)
    calls = [route(traced, document, one.headers) for one in (incoming, silent)]
    account_id = document["account"]["id"]

    async def facts() -> list[tuple[dict[str, str], dict[str, Any]]]:
        client = await nats.connect(traced.servers.nats_url)
        try:
            pull = await client.jetstream().pull_subscribe(f"evt.{account_id}.call.routed")
            messages = [(await pull.fetch(1, timeout=10))[0] for _ in calls]
            return [(one.headers or {}, orjson.loads(one.data)) for one in messages]
        finally:
            await client.close()

    (header, fact), (other_header, other_fact) = asyncio.run(facts())
    assert [fact["call_id"], other_fact["call_id"]] == calls
    assert header["traceparent"].split("-")[1] == incoming.trace
    assert "traceparent" not in other_header
    assert fact.keys() == other_fact.keys()


def test_what_is_not_sampled_is_not_sent(traced: System, seen: Collector) -> None:
    document = account_with(traced, BYE)
    silent, loud = Incoming(sampled=False), Incoming()
    route(traced, document, silent.headers)
    route(traced, document, loud.headers)
    eventually(lambda: len(seen.of(loud.trace)) >= 6)
    assert not seen.of(silent.trace)


def test_without_a_traceparent_a_trace_begins(traced: System, seen: Collector) -> None:
    document = account_with(traced, BYE)
    for bad in ({}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-{'0' * 16}-01"}):
        call_id = route(traced, document, bad)
        spans = eventually(
            lambda call_id=call_id: [  # type: ignore[misc]
                one
                for one in seen.spans
                if one.attributes.get("callplane.call_id") == call_id and one.name == "POST /route"
            ]
        )
        assert spans[0].parent == ""


def test_a_flow_hands_the_trace_on(traced: System, seen: Collector, hooks: Sink) -> None:
    asking = node("ask", "webhook", url=hooks.url("/flow"), bodyTemplate="{}")
    document = account_with(traced, asking, BYE, "ask > bye")
    engine = Engine(traced, document)
    incoming = Incoming()
    start = {"callId": engine.call_id, "flowId": engine.routed["flow_id"]}
    traced.edge.post("/flow", json=start, headers=incoming.headers)
    request = span_of(seen, incoming, "flow request", "edge-1")
    received = eventually(lambda: [one for one in hooks.received if one.path == "/flow"])[0]
    assert received.headers["traceparent"] == f"00-{incoming.trace}-{request.id}-01"
    assert request.attributes["callplane.call_id"] == engine.call_id


def test_an_edge_goes_on_with_its_trace_over_the_bus(traced: System, seen: Collector) -> None:
    document = account_with(traced, BYE)
    call_id = route(traced, document, {})
    asked, told = Incoming(), Incoming()

    async def edge() -> None:
        client = await nats.connect(traced.servers.nats_url)
        try:
            body = {"callId": new_call_id(), "from": "1", "to": document["numbers"][0]["e164"]}
            await client.request("edge.n1.req.route", orjson.dumps(body), 5, headers=asked.headers)
            event = orjson.dumps({"callId": call_id, "event": "end"})
            await client.jetstream().publish(
                "edge.n1.event.dialog", event, headers={**told.headers, "Nats-Msg-Id": call_id}
            )
        finally:
            await client.close()

    asyncio.run(edge())
    for incoming, name in ((asked, "edge req route"), (told, "edge event dialog")):
        assert span_of(seen, incoming, name, "edge-1").parent == incoming.span


def test_the_log_names_the_trace(traced: System) -> None:
    incoming = Incoming()
    with broken(traced, "views.ban"):
        headers = {**incoming.headers, "x-admin-token": "let me in", "x-request-id": "the-one"}
        assert traced.edge.get("/security/bans", headers=headers).status_code == 500
    (line,) = eventually(lambda: [one for one in lines_of(traced) if one["level"] == "error"])
    assert line["trace_id"] == incoming.trace
    assert line["request_id"] == "the-one"


@pytest.mark.parametrize(
    ("environment", "is_on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_taken_only_when_somebody_collects_them(
    environment: dict[str, str], is_on: bool
) -> None:
    assert traces.wanted(environment) is is_on


def test_without_a_collector_nothing_of_opentelemetry_is_loaded(system: System) -> None:
    """Not by a running gateway, and not by the command line."""
    assert not any(name in os.environ for name in traces.ENDPOINTS)
    for name in ("edge-1", "worker-1", "supervisor"):
        pid = system.pid_of(name) if name != "supervisor" else int(system.running["pid"])
        with open(f"/proc/{pid}/maps") as maps:
            assert "google/_upb" not in maps.read()
