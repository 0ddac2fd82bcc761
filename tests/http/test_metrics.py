"""What Prometheus is told: every figure that is promised moves."""

from typing import Any

from tests.support.system import System, eventually, new_call_id


def figure(system: System, name: str) -> float:
    """The value of a series, or the sum over all series of a name."""
    lines = system.edge.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if is_about(line, name))


def is_about(line: str, name: str) -> bool:
    series = line.rpartition(" ")[0]
    return series == name or series.startswith(name + "{")


def test_calls_move_the_figures_of_every_process(system: System, account: dict[str, Any]) -> None:
    before = figure(system, "callplane_relayed_facts_total")
    system.route(new_call_id(), account["numbers"][0]["e164"])
    head = eventually(lambda: figure(system, "callplane_store_position"))
    eventually(lambda: figure(system, "callplane_relay_position") >= head)
    eventually(lambda: figure(system, 'callplane_projection_position{projection="cdr"}') >= head)
    assert figure(system, "callplane_worker_partitions") == 64
    assert figure(system, "callplane_relayed_facts_total") >= before + 2
    assert figure(system, 'callplane_http_answers_total{path="/route",status="200"}') >= 1
    assert figure(system, 'callplane_http_seconds_count{path="/route"}') >= 1


def test_the_public_api_counts_by_the_paths_of_its_routes(system: System) -> None:
    system.api.get("/v1/calls/nobody-knows-it")
    name = 'callplane_http_answers_total{path="/v1/calls/{call_id}",status="401"}'
    eventually(lambda: figure(system, name) >= 1)
