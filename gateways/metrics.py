"""What every process counts, for Prometheus.

The processes of one `callplane up` share a directory (`PROMETHEUS_MULTIPROC_DIR`), so any service's
/metrics shows the sum of all of them; a process that runs by itself shows its own. What has to be
asked for when somebody looks is in `gateways/figures.py`.

No label has a value that a client can invent: paths are those of routes, commands and facts those
of the catalogues, outcomes those named here.
"""

import os

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

_MILLISECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# HTTP
HTTP_SECONDS = Histogram(
    "callplane_http_seconds", "Time until an answer begins", ["path"], buckets=_MILLISECONDS
)
HTTP_STATUS = Counter("callplane_http_answers_total", "Answers", ["path", "status"])
RATE_LIMITED = Counter(
    "callplane_http_rate_limited_total",
    "Requests to /v1 that came too often, by what they were counted for",
    ["by"],
)

# Commands
COMMAND_SECONDS = Histogram(
    "callplane_command_seconds",
    "Time of a command as its sender sees it: bus, wait, decision, commit, reply",
    ["command", "outcome"],
    buckets=_MILLISECONDS,
)
WORKER_COMMAND_SECONDS = Histogram(
    "callplane_worker_command_seconds",
    "Time of a command in its worker, from its arrival to its reply",
    ["command", "outcome"],
    buckets=_MILLISECONDS,
)
BATCH_SECONDS = Histogram(
    "callplane_worker_batch_seconds", "Time to decide and append a batch", buckets=_MILLISECONDS
)
BATCH_SIZE = Histogram("callplane_worker_batch_commands", "Commands per batch", buckets=_SIZES)
PARTITIONS_OWNED = Gauge(
    "callplane_worker_partitions",
    "Partitions that a worker serves",
    ["worker"],
    multiprocess_mode="livesum",
)
PARTITION_CHANGES = Counter(
    "callplane_worker_partition_changes_total",
    "Partitions that a worker took, gave back, lost the lease of or was fenced off from",
    ["change"],
)

# Store
FACTS_APPENDED = Counter("callplane_facts_appended_total", "Facts that became durable", ["fact"])
COMMIT_SECONDS = Histogram(
    "callplane_store_commit_seconds", "Time of an append, commit included", buckets=_MILLISECONDS
)
APPENDS_REFUSED = Counter(
    "callplane_store_appends_refused_total",
    "Appends that failed: conflict, fenced, bad or away",
    ["reason"],
)
STORE_POSITION = Gauge(
    "callplane_store_position", "Position of the last fact appended", multiprocess_mode="max"
)

# Read models and relay
FACTS_PROJECTED = Counter("callplane_projected_facts_total", "Facts folded into the read models")
PAGE_SECONDS = Histogram(
    "callplane_projector_page_seconds", "Time to fold a page", buckets=_MILLISECONDS
)
PROJECTION_POSITION = Gauge(
    "callplane_projection_position",
    "Position that a read model has reached",
    ["projection"],
    multiprocess_mode="max",
)
FACTS_RELAYED = Counter("callplane_relayed_facts_total", "Facts published on the bus")
RELAY_POSITION = Gauge(
    "callplane_relay_position", "Position that the bus has reached", multiprocess_mode="max"
)

# What goes out
DELIVERIES = Counter("callplane_webhook_attempts_total", "Attempts to deliver", ["outcome"])
DELIVERY_SECONDS = Histogram(
    "callplane_webhook_attempt_seconds",
    "Time of an attempt to deliver",
    ["outcome"],
    buckets=_SECONDS,
)
DELIVERIES_WAITING = Gauge(
    "callplane_webhook_waiting", "Deliveries taken up and not yet paid", multiprocess_mode="livesum"
)
MAILS = Counter("callplane_mail_attempts_total", "Attempts to send a mail", ["outcome"])
FLOW_REQUESTS = Histogram(
    "callplane_flow_request_seconds",
    "Time of the requests of webhook nodes",
    ["outcome"],
    buckets=_SECONDS,
)
SPEECH = Counter("callplane_speech_total", "Texts of flows to be spoken", ["outcome"])
SPEECH_SECONDS = Histogram("callplane_speech_seconds", "Time to render a text")

# Bus and live views
BUS_RECONNECTS = Counter("callplane_bus_reconnects_total", "Connections to the bus made again")
CAPTURED = Counter(
    "callplane_captured_messages_total", "SIP messages that capture agents have sent", ["outcome"]
)
EDGE_EVENTS = Counter("callplane_edge_events_total", "Events taken from the bus", ["outcome"])
VIEWERS = Gauge("callplane_viewers", "Who watches live views", multiprocess_mode="livesum")

for known, values in (
    (RATE_LIMITED, ("credential", "address")),
    (PARTITION_CHANGES, ("taken", "given", "lost", "fenced")),
    (APPENDS_REFUSED, ("conflict", "fenced", "bad", "away")),
    (DELIVERIES, ("delivered", "retrying", "dead")),
    (DELIVERY_SECONDS, ("delivered", "retrying", "dead")),
    (MAILS, ("sent", "retrying", "dead")),
    (FLOW_REQUESTS, ("ok", "error")),
    (CAPTURED, ("taken", "stored", "dropped", "refused", "malformed", "not_sip")),
    (EDGE_EVENTS, ("taken", "later", "poison")),
):
    for value in values:
        known.labels(value)  # a series is there before it first moves, or its first move is missed

_also: list[Collector] = []


def also(collector: Collector) -> None:
    """Show what `collector` finds when somebody looks, too."""
    _also.append(collector)
    REGISTRY.register(collector)


def exposition() -> bytes:
    """All metrics in Prometheus' text format. Reads files: not for an event loop."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    for collector in _also:
        registry.register(collector)
    return generate_latest(registry)
