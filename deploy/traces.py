"""Traces to an OpenTelemetry collector (OTLP over HTTP), when there is one.

On with OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT). Everything else stands in
OpenTelemetry's own variables as well: OTEL_TRACES_SAMPLER and …_ARG, OTEL_EXPORTER_OTLP_HEADERS,
OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_SCHEDULE_DELAY, OTEL_SDK_DISABLED. The default
sampler believes the `traceparent` that a request brings; where strangers ask, `traceidratio` does
not.
"""

import os
import socket
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version

from gateways import tracing

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
FLUSH = 2.0
"""Seconds for what is not sent yet when a process ends."""


def wanted(environment: Mapping[str, str] = os.environ) -> bool:
    return (
        any(environment.get(name) for name in ENDPOINTS)
        and environment.get("OTEL_SDK_DISABLED", "").lower() != "true"
        and environment.get("OTEL_TRACES_EXPORTER", "otlp") != "none"
    )


def configure(process: str) -> Callable[[], None]:
    """Called once in each process, before its parts are made; returns what to call at its end."""
    if not wanted():
        return lambda: None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from gateways.spans import Spans

    attributes = {
        "service.version": version("callplane"),
        "service.instance.id": f"{socket.gethostname()}/{process}",
        "callplane.process": process,
    }
    if "OTEL_SERVICE_NAME" not in os.environ:
        attributes["service.name"] = "callplane"
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracing.begin(Spans(provider.get_tracer("callplane")))

    return _at_the_end(provider.force_flush)


def _at_the_end(flush: Callable[[], object]) -> Callable[[], None]:
    """Flush, but do not wait long for a collector that does not answer. The thread is there from
    the start: when an interpreter ends it makes no new ones."""
    asked, done = threading.Event(), threading.Event()

    def wait() -> None:
        asked.wait()
        flush()
        done.set()

    def end() -> None:
        asked.set()
        done.wait(FLUSH)

    threading.Thread(target=wait, daemon=True).start()
    return end
