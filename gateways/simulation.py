"""What if? A flow against scripted outcomes, or against those of a call that was (spec 04)."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from commands.flow import SimulateFlow
from domain.errors import Fault, Invalid, NotFound
from domain.rules import faults_of
from events.base import AccountId, CallId
from events.call import ORDERS, CallRouted, FlowStepped
from gateways.bus.client import Commander
from gateways.store.reader import Reader
from gateways.traces import read_facts
from projections.base import Positioned


async def simulate(
    commander: Commander,
    reader: Reader,
    account_id: AccountId,
    flow_id: str,
    wish: dict[str, Any],
    from_call: str | None = None,
) -> dict[str, Any]:
    """Path, commands and variables. `wish`: members of `SimulateFlow`; what it leaves out comes
    from the call `from_call`, if there is one."""
    if from_call is not None:
        await reader.caught_up("trace")
        facts = await reader.query(lambda cursor: read_facts(cursor, CallId(from_call)))
        if not facts or facts[0].fact.account_id != account_id:
            raise NotFound(f"no call {from_call}")
        wish = {**recorded(facts, flow_id), **wish}
    try:
        command = SimulateFlow(account_id=account_id, flow_id=flow_id, **wish)
    except ValidationError as error:
        raise Invalid("the simulation is not valid", faults_of(error)) from None
    return (await commander.ask(command)).body


def recorded(facts: Sequence[Positioned], flow_id: str) -> dict[str, Any]:
    """What happened in a call, as a script: in its run of this flow, else in its first. Secrets
    are not known any more."""
    steps = [item.fact for item in facts if isinstance(item.fact, FlowStepped)]
    starts = [place for place, step in enumerate(steps) if step.reported is None]
    if not starts:
        raise Invalid("the call ran no flow", [Fault("/from_call", "ran no flow")])
    first = next((place for place in starts if steps[place].flow_id == flow_id), starts[0])
    others = (place for place, step in enumerate(steps) if step.reported in (None, *ORDERS))
    after = next((place for place in others if place > first), len(steps))
    routed = next(item.fact for item in facts if isinstance(item.fact, CallRouted))
    return {
        "outcomes": [
            {"outcome": step.reported, "data": step.data} for step in steps[first + 1 : after]
        ],
        "vars": steps[first].variables,
        "at": steps[first].at,
        "from_number": routed.from_number,
        "to_number": routed.to_number,
    }
