"""Spans of what happens to a request, a command and a delivery, with the call's id.

request (gateway) ─► command (gateway) ─► command (worker) ─► queue, decide, append
                                               ╎ the facts remember it (`traceparent`), if sampled
                                               ╎─► relay: header of the fact's message on the bus
                                               └─► projector: links of the page that folds it
An attempt to deliver and a flow's request hand `traceparent` on to who is asked.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from eventsourcing.persistence import Notification
from litestar.types import Scope
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from commands.observer import Course
from gateways import about

ACCOUNT = "callplane.account_id"
CALL = "callplane.call_id"
MOST_LINKS = 100
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_propagator = TraceContextTextMapPropagator()
_REMEMBERED = re.compile(rb',"traceparent":"([0-9a-f-]{55})"}$')


class Spans:
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def visited(self, scope: Scope, path: str | None) -> Iterator[Callable[[int], None]]:
        """An HTTP request; yields what to call with the status of its answer. `path`: see
        `gateways.http.visits.measured`."""
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
        method = str(scope.get("method"))
        method = method if method in _METHODS else "_OTHER"
        with self.asked(method, headers) as span:

            def answered(status: int) -> None:
                route = path or str(scope.get("path_template", "other"))
                span.update_name(f"{method} {route}")
                span.set_attribute("http.request.method", method)
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_status(StatusCode.ERROR)

            yield answered

    @contextmanager
    def asked(self, name: str, headers: Mapping[str, str] | None) -> Iterator[Span]:
        """A request that has come, over HTTP or the bus; it goes on with the trace that it
        brings."""
        with self._tracer.start_as_current_span(
            name, _extracted(headers), SpanKind.SERVER, record_exception=False
        ) as span:
            yield span
            if (now := about.NOW.get()) is not None:
                _name(span, now.account_id, now.call_id)

    @contextmanager
    def asking(
        self,
        name: str,
        account_id: str | None = None,
        call_id: str | None = None,
        cause: str | None = None,
    ) -> Iterator[dict[str, str]]:
        """Something that somebody else is asked for; yields the headers that he gets. `cause`: the
        `traceparent` of what it is for, if that is not the work at hand."""
        within = _extracted({"traceparent": cause}) if cause else None
        with self._tracer.start_as_current_span(
            name, within, SpanKind.CLIENT, record_exception=False
        ) as span:
            _name(span, account_id, call_id)
            yield self.headers(span)

    def trace_id(self) -> str | None:
        """Of the work at hand."""
        context = trace.get_current_span().get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else None

    def headers(self, span: Span) -> dict[str, str]:
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, trace.set_span_in_context(span))
        return carrier

    # Commands in a worker

    def arrived(self, name: str, headers: Mapping[str, str] | None) -> Span:
        """A command has come; ended by `answered`."""
        return self._tracer.start_span(name, _extracted(headers), SpanKind.SERVER)

    def answered(self, course: Course, append_began_at: float, answered_at: float) -> None:
        span = course.origin
        if not isinstance(span, Span) or not span.is_recording():
            return
        at = _clock(answered_at)
        _name(span, course.command.account_id, getattr(course.command, "call_id", None))
        span.set_attribute("callplane.outcome", course.outcome)
        span.set_attribute("callplane.facts", course.facts)
        if course.outcome == "failed":
            span.set_status(StatusCode.ERROR)
        parts = []
        if course.decided_at:
            parts.append(("queue", course.arrived_at, course.began_at))
            parts.append(("decide", course.began_at, course.decided_at))
        if append_began_at:
            parts.append(("append", append_began_at, answered_at))
        within = trace.set_span_in_context(span)
        for name, begun, ended in parts:
            part = self._tracer.start_span(name, within, start_time=at(begun))
            part.end(at(ended))
        span.end(at(answered_at))

    # What follows the facts

    def folded(self, page: Iterable[Notification], began: float) -> None:
        """A page was folded; linked with the commands that its facts come from."""
        found = [remembered(notification.state) for notification in page]
        links = []
        for parent in dict.fromkeys(filter(None, found)):
            context = trace.get_current_span(_extracted({"traceparent": parent}))
            links.append(Link(context.get_span_context()))
        now = time.perf_counter()
        at = _clock(now)
        span = self._tracer.start_span(
            "projector page",
            Context(),
            SpanKind.CONSUMER,
            {"callplane.facts": len(found)},
            links[:MOST_LINKS],
            start_time=at(began),
        )
        span.end(at(now))


def mark(state: bytes, origin: object) -> bytes:
    """A fact as it is stored, with the command that it comes from, if that one is sampled."""
    if not isinstance(origin, Span) or not origin.get_span_context().trace_flags.sampled:
        return state
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(origin))
    return state[:-1] + b',"traceparent":"' + carrier["traceparent"].encode() + b'"}'


def remembered(state: bytes) -> str | None:
    """The `traceparent` that a stored fact has."""
    found = _REMEMBERED.search(state)
    return found[1].decode() if found else None


def _extracted(headers: Mapping[str, str] | None) -> Context:
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    return _propagator.extract(lower, Context())


def _name(span: Span, account_id: str | None, call_id: str | None) -> None:
    if account_id:
        span.set_attribute(ACCOUNT, account_id)
    if call_id:
        span.set_attribute(CALL, call_id)


def _clock(now: float) -> Any:
    """From moments of `perf_counter` to epoch nanoseconds; `now` is the present one."""
    epoch = time.time_ns()
    return lambda moment: epoch - int((now - moment) * 1e9)
