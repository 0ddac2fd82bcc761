"""What makes a process observable: its log, its traces, its metrics."""

import os
from collections.abc import Callable, Mapping

from prometheus_client import start_http_server

from deploy import logs, traces
from deploy.settings import Settings
from gateways import metrics
from gateways.http.visits import Slow
from gateways.processes import Processes


def begin(
    settings: Settings, process: str, running: Callable[[], Mapping[str, int]] | None = None
) -> Callable[[], None]:
    """Called once in each process, before its parts are made; returns what to call at its end.
    `running`: the processes that its metrics tell of, name → id; by default itself."""
    logs.configure(settings, process)
    Slow.seconds = settings.log_slow_ms / 1000
    metrics.also(Processes(running or (lambda: {process: os.getpid()})))
    return traces.configure(process)


def show_metrics(settings: Settings) -> None:
    """Of a process that answers no requests and runs by itself."""
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.bind)
