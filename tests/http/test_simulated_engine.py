"""The engine of `make up` talks to POST /flow as a real one would."""

import asyncio
from typing import Any

import pytest

from deploy.simulator import wire
from deploy.simulator.clock import Clock
from deploy.simulator.engine import SimulatedEngine
from deploy.simulator.office import office_of
from deploy.simulator.phones import Phones
from deploy.simulator.plan import NUMBER, Caller, Habits, Plan, Press
from deploy.simulator.tally import Tally
from deploy.simulator.wire import Chaos
from gateways.ids import new_id
from tests.domain.flows import graph, node
from tests.http.test_agents import Shop
from tests.http.test_flow import Engine, account_with
from tests.support.system import System, eventually, new_call_id

SPEED = 50.0
PATIENT = Caller(
    at=0,
    number=0,
    kind=NUMBER,
    who="14155551234",
    line=0,
    ring=0,
    refused=None,
    keys=("digit:1", "timeout"),
    patience=1_000,
    talk=10,
    press=None,
    leaves_first=False,
)
DILIGENT = Habits(misses=0, rejects=0, ring_sec=2)
PARTS = (
    node("m", "menu", promptText="Press 1", maxDigits=1, timeoutSec=5),
    node("s", "say", text="Hello"),
    node("bye", "hangup"),
    "m -digit:1> s",
    "m -timeout> s",
    "m -invalid> s",
    "s > bye",
)


def walked(
    system: System,
    document: dict[str, Any],
    call_id: str,
    flow_id: str,
    caller: Caller = PATIENT,
    habits: Habits = DILIGENT,
    chaos: Chaos = wire.CALM,
    busy: str | None = None,
) -> tuple[str, Tally]:
    """Who hung up, and what the engine has seen. `busy`: whose phone is in use."""
    office, tally = office_of(document), Tally()
    plan = Plan(1, len(office.seats), habits=habits)

    async def walk() -> str:
        async with wire.connected(system.edge_url, Clock(SPEED), tally, chaos) as connected:
            phones = Phones(office, connected, plan)
            for phone in phones.all:
                if phone.seat.username == busy:
                    phone.call_id = "another call"
            return await SimulatedEngine(connected, phones, caller).run(call_id, flow_id)

    return asyncio.run(asyncio.wait_for(walk(), 60)), tally


def _commands(engine: Engine) -> list[str]:
    return [step["outcome"] for step in engine.steps if "seq" in step["detail"]]


# Flows


@pytest.mark.parametrize("chaos", [wire.CALM, Chaos(duplicates=1)])
def test_a_patient_caller_is_walked_to_the_end(system: System, chaos: Chaos) -> None:
    document = account_with(system, *PARTS)
    engine = Engine(system, document)
    by, tally = walked(system, document, engine.call_id, engine.routed["flow_id"], chaos=chaos)
    assert by == "callee"
    assert _commands(engine) == ["gather", "play", "hangup"]
    assert engine.facts == 3, "what was asked again was done once"
    assert tally.counts["sent_again"] == (3 if chaos.duplicates else 0)


def test_an_impatient_caller_hangs_up(system: System) -> None:
    document = account_with(system, *PARTS)
    engine = Engine(system, document)
    hasty = PATIENT._replace(patience=0.1)
    assert walked(system, document, engine.call_id, engine.routed["flow_id"], hasty)[0] == "caller"
    assert _commands(engine) == ["gather", "hangup"]


def test_a_call_that_is_over_is_hung_up(system: System) -> None:
    document = account_with(system, *PARTS)
    engine = Engine(system, document)
    system.report(engine.call_id, "end")
    assert walked(system, document, engine.call_id, engine.routed["flow_id"])[0] == "callee"


def test_a_call_is_walked_through_any_flow(system: System) -> None:
    drawn = graph(node("r", "record", maxSec=9, variable="x"), PARTS[0], "r > m")
    document = account_with(system, *drawn["nodes"], "r > m")
    engine = Engine(system, document)
    assert walked(system, document, engine.call_id, engine.routed["flow_id"])[0] == "callee"


# Queues


class Line:
    """A caller on his way into the queue of a shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.call_id = new_call_id()
        shop.system.route(self.call_id, shop.document["numbers"][0]["e164"])
        shop.system.report(self.call_id, "answered")

    def walk(self, caller: Caller = PATIENT, **more: Any) -> tuple[str, Tally]:
        shop = self.shop
        flow_id = f"queue:{shop.queue}"
        return walked(shop.system, shop.document, self.call_id, flow_id, caller, **more)

    def happened(self) -> list[str]:
        """With the caller in the contact center."""
        answer = self.shop.system.edge.get(f"/calls/{self.call_id}/trace").json()
        return [
            step["outcome"] if step["kind"] in ("left", "released") else step["kind"]
            for step in answer["steps"]
            if step["source"] == "acd"
        ]


@pytest.fixture
def shop(system: System) -> Shop:
    return Shop(system, wrap_up_sec=0, announce_position=1, announce_first_sec=0)


@pytest.mark.parametrize(("leaves_first", "by"), [(False, "callee"), (True, "caller")])
def test_an_agent_answers_and_somebody_hangs_up(shop: Shop, leaves_first: bool, by: str) -> None:
    shop.ready(1001)
    line = Line(shop)
    found, tally = line.walk(PATIENT._replace(leaves_first=leaves_first))
    assert (found, tally.counts["answered"]) == (by, 1)
    assert line.happened() == ["queued", "reserved", "confirmed", "ended"]
    assert shop.look(shop.alice)["bucket"] == "ready"


def test_who_is_busy_elsewhere_makes_way(shop: Shop) -> None:
    shop.ready(1001)
    shop.ready(1002)
    line = Line(shop)
    _, tally = line.walk(busy="1001")
    assert (tally.counts["offers"], tally.counts["misses"], tally.counts["answered"]) == (2, 1, 1)
    assert line.happened() == ["queued", "reserved", "busy", "reserved", "confirmed", "ended"]


def test_who_waits_for_nobody_gives_up(shop: Shop) -> None:
    shop.ready(1001)
    shop.agent(1001, "pause")
    line = Line(shop)
    found, tally = line.walk(PATIENT._replace(patience=20))
    assert (found, tally.counts["abandoned"]) == ("caller", 1)
    assert line.happened() == ["queued", "abandoned"]


def test_who_presses_a_digit_is_put_through(system: System) -> None:
    shop = Shop(system)
    option = {"queue_id": shop.queue, "digit": "2", "action": "hangup"}
    shop.document["in_queue_options"] = [{"id": new_id("opt"), **option}]
    system.apply(shop.document)
    shop.ready(1001)
    shop.agent(1001, "pause")
    line = Line(shop)
    found, tally = line.walk(PATIENT._replace(press=Press(5, "2")))
    assert (found, tally.counts["digits"]) == ("callee", 1)
    assert line.happened() == ["queued", "abandoned"]


def test_of_two_who_answer_at_once_one_gets_the_caller(system: System) -> None:
    shop = Shop(system, strategy="ring_all", wrap_up_sec=0)
    shop.ready(1001)
    shop.ready(1002)
    line = Line(shop)
    _, tally = line.walk(habits=Habits(misses=0, rejects=0, ring_sec=0.001))
    assert (tally.counts["offers"], tally.counts["answered"]) == (2, 1)
    assert line.happened().count("confirmed") == 1
    eventually(lambda: shop.look(shop.alice)["bucket"] == shop.look(shop.bob)["bucket"] == "ready")
