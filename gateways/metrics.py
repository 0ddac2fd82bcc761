"""What every process counts, for Prometheus.

Processes of one machine share a directory (`PROMETHEUS_MULTIPROC_DIR`), so any service's /metrics
shows the sum of all of them.
"""

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

_MILLISECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)

HTTP_SECONDS = Histogram(
    "callplane_http_seconds", "Time to answer a request", ["path"], buckets=_MILLISECONDS
)
HTTP_STATUS = Counter("callplane_http_answers_total", "Answers", ["path", "status"])
BATCH_SECONDS = Histogram(
    "callplane_worker_batch_seconds", "Time to decide and append a batch", buckets=_MILLISECONDS
)
BATCH_SIZE = Histogram("callplane_worker_batch_commands", "Commands per batch", buckets=_SIZES)
PARTITIONS_OWNED = Gauge(
    "callplane_worker_partitions", "Partitions served", multiprocess_mode="livesum"
)
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
STORE_POSITION = Gauge(
    "callplane_store_position", "Position of the last fact appended", multiprocess_mode="max"
)
FACTS_RELAYED = Counter("callplane_relayed_facts_total", "Facts published on the bus")
RELAY_POSITION = Gauge(
    "callplane_relay_position", "Position that the bus has reached", multiprocess_mode="max"
)
DELIVERIES = Counter("callplane_webhook_attempts_total", "Attempts to deliver", ["outcome"])
DELIVERIES_WAITING = Gauge(
    "callplane_webhook_waiting", "Deliveries taken up and not yet paid", multiprocess_mode="livesum"
)
MAILS = Counter("callplane_mail_attempts_total", "Attempts to send a mail", ["outcome"])
BUS_RECONNECTS = Counter("callplane_bus_reconnects_total", "Connections to the bus made again")
FLOW_REQUESTS = Histogram(
    "callplane_flow_request_seconds", "Time of the requests of webhook nodes", ["outcome"]
)
SPEECH = Counter("callplane_speech_total", "Texts of flows to be spoken", ["outcome"])
SPEECH_SECONDS = Histogram("callplane_speech_seconds", "Time to render a text")
VIEWERS = Gauge("callplane_viewers", "Who watches live views", multiprocess_mode="livesum")
CAPTURED = Counter(
    "callplane_captured_messages_total", "SIP messages that capture agents have sent", ["outcome"]
)
EDGE_EVENTS = Counter("callplane_edge_events_total", "Events taken from the bus", ["outcome"])


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
