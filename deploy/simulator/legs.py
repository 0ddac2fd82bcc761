"""One leg of a dial: a phone rings, somebody picks up, and asks whether the caller is his."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from deploy.simulator.line import Line
from deploy.simulator.phones import Phone
from deploy.simulator.plan import Offer

OUTSIDE_ANSWERS = 0.7
"""Share of the calls to numbers outside that somebody answers."""
ACCEPT_SEC = 2.0
"""How long an agent hears what he is asked before he presses 1."""

Leg = Mapping[str, Any]


class End(NamedTuple):
    """What came of a leg: answered (and accepted), no_answer, busy, or dropped because somebody
    else had the caller."""

    outcome: str
    leg: Leg
    phone: Phone | None = None
    offer: Offer | None = None


async def ring(line: Line, leg: Leg, phone: Phone | None, delay: float, tried: int) -> End:
    """`phone`: None where it is not one of ours. `tried`: how often it rang for this caller."""
    await line.clock.sleep(delay)
    timeout = leg["timeoutMs"] / 1000
    if phone is None:
        return await _outside(line, leg, timeout)
    if phone.call_id is not None:
        return End("busy", leg, phone)
    offer = phone.offer(line.caller, tried)
    await line.clock.sleep(min(offer.ring, timeout))
    if offer.outcome == "no_answer" or offer.ring >= timeout:
        await line.clock.sleep(timeout - offer.ring)
        return End("no_answer", leg, phone)
    if offer.outcome == "busy" or phone.call_id is not None:
        return End("busy", leg, phone)
    return await _picked_up(line, leg, phone, offer)


async def _outside(line: Line, leg: Leg, timeout: float) -> End:
    is_answered = bool(leg.get("uri")) and line.dice.random() < OUTSIDE_ANSWERS
    await line.clock.sleep(min(timeout, 4.0) if is_answered else timeout)
    return End("answered" if is_answered else "no_answer", leg)


async def _picked_up(line: Line, leg: Leg, phone: Phone, offer: Offer) -> End:
    phone.call_id = line.call_id
    if leg.get("acceptUrl"):
        await line.clock.sleep(ACCEPT_SEC)
    if url := leg.get("claimUrl") or leg.get("confirmUrl"):
        line.fate.asked += 1
        answer = await line.wire.get(url)
        if answer.status != 200:
            line.tally.counts["too_late"] += 1
            phone.hang_up(line.call_id)
            return End("dropped", leg, phone)
        line.fate.confirmed += 1
        phone.bridged_to = line.call_id
    return End("answered", leg, phone, offer)
