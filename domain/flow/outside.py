"""Legs that a flow has dialled to numbers outside: for how long were they talked on?

Folded from the steps of the call. An engine that says with the outcome of a `dial` how long the leg
was connected (`duration`, milliseconds) is believed, as far as there was so much time. Of one that
does not say it, an answered leg counts from the moment when it was dialled; and a leg on which the
caller has hung up counts only if it was answered for certain: in a consultation, or because the
call itself was answered while it rang.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from domain.flow.run import CONSULT, HANDED, TRANSFER, all_of
from events.base import Millis
from events.call import FlowStepped, Outcome

TALKED = ("answered", "done")
_MILLIS = re.compile("[0-9]{1,12}")


class Leg(NamedTuple):
    number: str
    """E.164 digits."""
    dialled_at: Millis
    answered_at: Millis | None = None
    ended_at: Millis | None = None
    talked_ms: int | None = None
    """As the engine said it."""


def talked_sec(leg: Leg, outcome: Outcome) -> int | None:
    """Whole seconds, rounded down as those of the call are; None: nobody has answered, or nobody
    has said so."""
    if leg.talked_ms is not None:
        return leg.talked_ms // 1000
    begin = leg.answered_at
    if begin is None and (outcome.answer_ts or 0) >= leg.dialled_at:
        begin = outcome.answer_ts
    if begin is None:
        return None
    end = min(leg.ended_at or outcome.end_ts, outcome.end_ts)
    return max(0, end - begin) // 1000


# Evolve


def evolved(legs: Sequence[Leg], fact: FlowStepped) -> tuple[Leg, ...]:
    """The legs after a step. One that nobody has answered is forgotten when it is over."""
    new = [frame.number for frame in all_of(fact.frames) if frame.number]
    after: list[Leg] = []
    for leg in legs:
        if leg.ended_at is not None:
            after.append(leg)
        elif leg.number in new and _is_at(fact, CONSULT, HANDED):
            new.remove(leg.number)
            after.append(_connected(leg, fact))
        elif over := _ended(leg, fact):
            after.append(over)
    return (*after, *(Leg(number, fact.at) for number in new))


def _is_at(fact: FlowStepped, *places: str) -> bool:
    """Whether the call is now at one of these places of a transfer. A leg that was dialled for it
    stays there; anywhere else a step ends it, also if the same number is dialled again."""
    frame = fact.frames[-1]
    return frame.flow_id.startswith(TRANSFER) and frame.node_id in places


def _connected(leg: Leg, fact: FlowStepped) -> Leg:
    """In a consultation `answered` is reported at once, elsewhere when everything is over."""
    is_answer = fact.reported == "answered" and _is_at(fact, CONSULT)
    return leg._replace(answered_at=fact.at) if is_answer and leg.answered_at is None else leg


def _ended(leg: Leg, fact: FlowStepped) -> Leg | None:
    over = leg._replace(ended_at=fact.at, talked_ms=_said(leg, fact))
    if over.talked_ms is not None or leg.answered_at is not None or fact.reported == "hangup":
        return over
    return over._replace(answered_at=leg.dialled_at) if fact.reported in TALKED else None


def _said(leg: Leg, fact: FlowStepped) -> int | None:
    said = fact.data.get("duration", "")
    if fact.reported not in (*TALKED, "hangup") or not _MILLIS.fullmatch(said):
        return None
    return min(int(said), max(0, fact.at - leg.dialled_at))
