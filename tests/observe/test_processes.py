"""Processes that run by themselves show their own figures, and nobody else's."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.embedded import free_port
from tests.http.test_flow import BYE, account_with
from tests.support.system import CALLPLANE, System, eventually, new_call_id, running

COMMANDS = {"worker": ["--slot", "2"], "project": [], "relay": [], "send": []}
NAMES = {
    "worker": "worker-2",
    "project": "projector",
    "relay": "relay",
    "send": "sender",
}


def series(port: int) -> dict[str, list[dict[str, str]]]:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    return {
        family.name: [sample.labels for sample in family.samples]
        for family in text_string_to_metric_families(text)
    }


@contextmanager
def alone(system: System, command: str) -> Iterator[int]:
    """That process beside the system; yields the port that its metrics will have."""
    port = free_port()
    with system.log.open("ab") as log:
        process = subprocess.Popen(
            [CALLPLANE, command, *COMMANDS[command]],
            env={**os.environ, **system.environment, "CALLPLANE_METRICS_PORT": str(port)},
            stdout=log,
            stderr=log,
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def beside() -> Iterator[tuple[System, dict[str, int]]]:
    with running() as system, ExitStack() as stack:
        ports = {one: stack.enter_context(alone(system, one)) for one in COMMANDS}
        for port in ports.values():
            eventually(lambda port=port: series(port), 60)  # type: ignore[misc]
        yield system, ports


def test_each_shows_itself_and_nobody_else(beside: tuple[System, dict[str, int]]) -> None:
    system, ports = beside
    document = account_with(system, BYE)
    system.route(new_call_id(), document["numbers"][0]["e164"])
    for command, port in ports.items():
        there = series(port)
        assert there["callplane_process_cpu_seconds"] == [{"process": NAMES[command]}], command
        assert there["process_open_fds"], "what Prometheus' client says of a process"
        workers = {labels["worker"] for labels in there.get("callplane_worker_partitions", ())}
        assert len(workers) == (command == "worker")
    eventually(lambda: _partitions(ports["worker"]) == 32)


def test_a_service_that_runs_by_itself_shows_itself(system: System) -> None:
    with system.another_api() as gateway:
        text = gateway.client.get("/metrics").text
        assert 'callplane_process_cpu_seconds_total{process="api"}' in text
        assert 'process="worker-1"' not in text
        assert "callplane_partitions_served 64.0" in text
        assert "callplane_worker_partitions{" not in text


def _partitions(port: int) -> float:
    for line in httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines():
        if line.startswith("callplane_worker_partitions{"):
            return float(line.rpartition(" ")[2])
    return 0
