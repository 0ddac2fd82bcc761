"""What Prometheus is told, and what the dashboard and the rules that ship ask for."""

import signal
import time

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateways import gauges, metrics
from gateways.gauges import KEEP
from gateways.processes import Processes
from tests.http.test_flow import BYE, MENU, Engine, account_with
from tests.observe.shipped import OF_PROMETHEUS, asked, dashboard, expressions, rules
from tests.support.sink import sink
from tests.support.system import System, eventually, new_call_id

NOT_SHOWN: frozenset[str] = frozenset()
"""Metrics that are for questions, not for a panel."""


def families(system: System) -> dict[str, Metric]:
    text = system.realtime.get("/metrics").text
    return {family.name: family for family in text_string_to_metric_families(text)}


def series(system: System) -> dict[str, list[dict[str, str]]]:
    """Name → the labels of each series."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in families(system).values():
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def value(system: System, name: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in families(system).values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@pytest.fixture(scope="module")
def after_calls(system: System) -> System:
    """A system that has routed, spoken, ended and told of calls."""
    with sink() as hooks:
        webhook = {"url": hooks.url(), "events": ["*"]}
        document = account_with(system, MENU, BYE, "m -digit:1> bye", webhooks=[webhook])
        engine = Engine(system, document)
        engine.start()
        system.report(engine.call_id, "answered")
        assert engine.step("digit:1")["command"] == "hangup"
        system.report(engine.call_id, "end")
        eventually(lambda: len(hooks.of(engine.call_id)) >= 2)
        system.api.get("/v1/calls")
        eventually(lambda: "callplane_speech_total" in series(system))
    return system


def test_everything_that_ships_asks_for_series_that_are_there(after_calls: System) -> None:
    there = series(after_calls)
    # a counter's series may be new for Prometheus, so all that is asked for is there from the start
    optional = {"callplane_facts_appended_total", "callplane_worker_command_seconds_count"}
    for expression in expressions():
        for name, labels in asked(expression):
            if name in OF_PROMETHEUS:
                continue
            assert name in there, f"{name} of {expression}"
            fixed = {label: text for label, text in labels.items() if label != "job"}
            if name not in optional:
                assert any(fixed.items() <= one.items() for one in there[name]), expression


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {name for expression in expressions() for name, _ in asked(expression)}
    processes = {"of": Processes(dict)}
    for module in (vars(metrics), vars(gauges), processes):
        for metric in module.values():
            if not hasattr(metric, "describe"):
                continue
            for family in () if isinstance(metric, type) else metric.describe():
                names = {family.name + end for end in ("", "_total", "_bucket", "_count")}
                assert names & (shown | NOT_SHOWN), family.name


def test_names_follow_the_conventions(after_calls: System) -> None:
    for name, family in families(after_calls).items():
        assert name.startswith("callplane_"), name
        assert family.documentation, name
        if family.type == "histogram":
            assert name.endswith(("_seconds", "_commands")), name
        if family.type == "counter":
            assert all(s.name.endswith("_total") for s in family.samples), name


def test_nothing_that_a_client_sends_becomes_a_label(system: System) -> None:
    hostile = "hostile-4711"
    system.edge.get(f"/calls/{hostile}/trace", headers={"x-request-id": hostile})
    system.edge.request(hostile.upper().replace("-", ""), "/route")
    system.edge.get(f"/{hostile}")
    system.api.get(f"/v1/{hostile}")
    system.api.get(f"/v1/calls/{hostile}")
    system.edge.post("/flow", json={"callId": hostile, "outcome": hostile, "seq": 1})
    assert hostile not in system.edge.get("/metrics").text.lower()


def test_however_often_somebody_looks_the_store_is_asked_once_in_a_while(system: System) -> None:
    number = account_with(system, BYE)["numbers"][0]["e164"]
    calls = value(system, "callplane_open_calls")
    system.route(new_call_id(), number)
    eventually(lambda: value(system, "callplane_open_calls") == calls + 1, KEEP + 10, 0.2)
    looked_at = time.monotonic()
    system.route(new_call_id(), number)
    while time.monotonic() < looked_at + KEEP / 2:
        assert value(system, "callplane_open_calls") == calls + 1
        time.sleep(0.2)
    eventually(lambda: value(system, "callplane_open_calls") == calls + 2, KEEP + 10, 0.2)


def test_the_dashboard_is_whole() -> None:
    board = dashboard()
    variables = {one["name"]: one["type"] for one in board["templating"]["list"]}
    assert variables["datasource"] == "datasource"
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
            assert all(
                target["datasource"]["uid"] == "${datasource}" for target in panel["targets"]
            )
            assert [target["refId"] for target in panel["targets"]] == [
                chr(65 + number) for number in range(len(panel["targets"]))
            ]
    assert [panel["title"] for panel in board["panels"] if panel["type"] == "row"] == [
        "Calls",
        "Decisions",
        "Queues, agents, flows",
        "Read models and relay",
        "Webhooks and mail",
        "Bus and store",
        "Processes",
    ]


def test_rules_have_what_prometheus_needs() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}


def test_a_projection_that_stands_still_is_behind(own_system: System) -> None:
    """The figure does not come from the process that it is about."""
    number = account_with(own_system, BYE)["numbers"][0]["e164"]

    def lag() -> float:
        return value(own_system, "callplane_projection_lag_facts", projection="cdr")

    own_system.kill("projector", signal.SIGSTOP)
    own_system.route(new_call_id(), number)
    eventually(lambda: lag() > 0, KEEP + 10, 0.5)
    assert value(own_system, "callplane_projection_lag_seconds", projection="cdr") > 0
    own_system.kill("projector", signal.SIGCONT)
    eventually(lambda: lag() == 0, KEEP + 10, 0.5)
