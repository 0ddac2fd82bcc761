"""The edge alone: reports are kept, in order, until they are taken."""

import time
from typing import Any

import pytest

from tests.edge.alone import calls, registers
from tests.edge.kamailio import Kamailio
from tests.edge.scripted import TAKEN, YES, Answer, ScriptedControl, nobody
from tests.support.system import eventually

pytestmark = pytest.mark.edge


def test_reports_wait_in_order_while_the_control_plane_is_away(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    gone = Answer(503, {"status": 503})
    control.answers["/auth"] = lambda members: YES
    control.answers["/presence/event"] = lambda members: gone
    registers(kamailio, 200)
    eventually(lambda: control.questions("/presence/event"))
    registers(kamailio, 200)
    time.sleep(0.6)
    control.asked.clear()
    control.answers["/presence/event"] = lambda members: TAKEN
    reports = eventually(lambda: found if len(found := control.reports()) >= 2 else [])
    assert all(report["type"] == "register" for report in reports)
    assert [report["ts"] for report in reports] == sorted(report["ts"] for report in reports)


def test_a_report_that_is_refused_holds_up_no_other(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    taken: list[str] = []

    def choosy(members: dict[str, Any]) -> Answer:
        events = members.get("events", [members])
        if any(event["event"] == "start" for event in events):
            if "events" in members:
                return Answer(200, {"ok": 0, "results": []})
            return Answer(400, {"status": 400})
        taken.extend(event["event"] for event in events)
        return TAKEN

    control.answers["/route"] = lambda members: nobody()
    control.answers["/presence/event"] = choosy
    calls(kamailio, "trunk_is_refused", code=480, has="SIP").wait()
    assert eventually(lambda: taken) == ["end"]


def test_a_report_is_offered_for_as_long_as_the_control_plane_says_later(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    """A gateway whose store is away refuses the batch, and then each report in it."""
    offered: list[dict[str, Any]] = []

    def later(members: dict[str, Any]) -> Answer:
        if "events" in members:
            return Answer(200, {"ok": 0, "results": []})
        offered.append(members)
        return Answer(503, {"status": 503}) if len(offered) < 23 else TAKEN

    control.answers["/auth"] = lambda members: YES
    control.answers["/presence/event"] = later
    registers(kamailio, 200)
    eventually(lambda: len(offered) == 23, 60)
    assert len({report["ts"] for report in offered}) == 1
