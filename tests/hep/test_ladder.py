"""A trace as text and as a diagram."""

from pathlib import Path
from typing import Any

import pytest

from events.base import Millis
from gateways.http.traces import mermaid
from projections import ladder, trace
from projections.causality import Captured, merged
from projections.ladder import Ladder
from tests.hep.test_causality import CALL, Told, answered_call
from tests.support.hep import conversation

GOLDEN = Path(__file__).parent / "golden"


def steps() -> list[dict[str, Any]]:
    """Those of an answered call, a hundredth of a second from one message to the next."""
    call = answered_call()
    messages = [one._replace(ts=Millis(10 * one.number)) for one in call.messages()]
    order = merged(CALL, call.facts(), messages)
    found = trace.steps(order)
    for step in found:  # facts have no times of their own here
        if step["event"] != "sip.message":
            step["ts"] = found[step["seq"] - 2]["ts"]
    return found


@pytest.mark.parametrize("width", [80, 120])
def test_a_ladder_of_a_call(width: int) -> None:
    drawn = ladder.text("call-1", steps(), width)
    assert drawn == (GOLDEN / f"ladder-{width}.txt").read_text()
    assert max(map(len, drawn.splitlines())) <= width


def test_a_diagram_of_a_call() -> None:
    assert mermaid(steps()) == (GOLDEN / "diagram.mmd").read_text()


def test_a_ladder_that_grows_is_the_same_as_a_whole_one() -> None:
    found, growing = steps(), Ladder(80)
    lines = [line for step in found for line in growing.lines([step])]
    whole = Ladder(80).lines(found)
    assert [line for line in lines if "│" in line][-1] == whole[-1]
    assert sum("callplane" in line for line in lines) == 2, "a new head when the callee comes"


def test_what_came_again_is_marked() -> None:
    m = conversation(CALL)
    call = Told(m[0], m[0])
    one, same = call.messages()
    other: Captured = same._replace(agent_id=9)
    for again, said in ((same, "again"), (other, "seen again")):
        found = trace.steps(merged(CALL, [], [one, again]))
        assert found[0]["outcome"] == "ok"
        assert ladder.text("c", found).splitlines()[-1].endswith(said)


def test_a_ladder_of_nothing() -> None:
    assert ladder.text("call-1", []).startswith("call call-1\n")


def test_nobody_outside_controls_the_terminal() -> None:
    found = steps()
    for step in found:
        step["title"] += "\x1b[2J\x9b\r\n"
    for drawn in (ladder.text("call\x1b[2J", found), mermaid(found)):
        assert "[2J" in drawn
        assert [c for c in drawn if not c.isprintable() and c != "\n"] == []
        assert "\n\n" not in drawn
