"""Where do the SIP messages of a call stand among its facts? By what follows from what, and by no
clock: those of the capture agents and of the edges may be minutes off in any direction.

Facts stand in the order of the store. For the messages there are three rules, in this order:

1. What the protocol says (RFC 3261). Among messages of a leg: a request before its answers, 100
   before 180 before 200; what a proxy sends on after what it was sent (its Via headers are those of
   the other message and one more); CANCEL before 487; an answer before its ACK; INVITE and ACK
   before BYE; requests of one side by CSeq; a message before its repetitions. Between messages and
   facts: the caller's INVITE, unless it was only asked for a password, before the decision, and
   what is sent on or refused because of the decision after it; the first 18x before "ringing", the
   first 2xx before "answered", what ends the call (BYE; else CANCEL and refusals) before its end;
   the answer of an agent's leg before the confirmation of his reservation, first before first.
2. A message stands behind every fact that was stored when it came in (`Captured.position`): what it
   was caused by lies among them. It comes in some time after it was sent, so this is no sooner than
   it was; the first rule takes it further up where something followed from it.
3. All else in the order of arrival.

Messages that contradict themselves (they may be anybody's) are put in the order of their arrival.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from domain import sip
from domain.call import LOST
from events.acd import LeaseConfirmed
from events.base import CallId, Fact, Millis
from events.call import (
    CallAnswered,
    CallEnded,
    CallObserved,
    CallRevised,
    CallRinging,
    CallRouted,
    DialogEvent,
    Reject,
)
from projections import transactions
from projections.base import Positioned
from projections.transactions import Seen, shallowest, union


class Captured(NamedTuple):
    """A message that a capture agent has sent."""

    number: int
    """Place in the order of arrival."""
    position: int
    """Of the last fact in the store when it came in."""
    ts: Millis
    agent_id: int
    transport: int
    source: str
    destination: str
    digest: bytes
    """The same for the same message between the same two."""
    text: str
    is_cut: bool = False


def merged(
    call_id: CallId, facts: Sequence[Positioned], captured: Iterable[Captured]
) -> list[Positioned | Captured]:
    """Facts and messages of a call in causal order. `facts`: in the order of the store."""
    arrived = sorted(captured, key=lambda one: one.number)
    known = [Seen(place, o.digest, sip.read(o.text)) for place, o in enumerate(arrived)]
    earlier = transactions.before(known)
    order = transactions.line(earlier)
    needed = transactions.closures(earlier, order)
    causes = _causes(call_id, facts, known)
    held = _held(call_id, facts, known)
    found: list[Positioned | Captured] = []
    out = 0  # those that stand already, a bit for each

    def put(wanted: int) -> None:
        nonlocal out
        found.extend(arrived[place] for place in order if (wanted & ~out) >> place & 1)
        out |= wanted

    for fact in facts:
        kept_back = union(1 << place for place, until in held.items() if until >= fact.position)
        come = (place for place, o in enumerate(arrived) if o.position < fact.position)
        free = (needed[place] for place in come if not needed[place] & kept_back)
        put(union(free) | union(needed[place] for place in causes.get(fact.position, ())))
        found.append(fact)
    put((1 << len(known)) - 1)
    return found


def _causes(
    call_id: CallId, facts: Sequence[Positioned], known: Sequence[Seen]
) -> dict[int, list[int]]:
    """Position of a fact → messages that it followed from."""
    found: dict[int, list[int]] = {}
    own = [one for one in known if one.said.call_id == call_id]
    answered_legs = iter(_answered_legs(call_id, known))
    was_routed = False
    for position, _, _, _, fact in facts:
        if isinstance(fact, CallRouted) and not was_routed:
            was_routed = True
            found[position] = [one.place for one in _asking(own)[:1]]
        elif isinstance(fact, LeaseConfirmed):
            found[position] = [one.place for one in [next(answered_legs, None)] if one]
        elif (event := _reported(fact)) is not None:
            found[position] = [one.place for one in _reasons(event, own, facts)]
    return found


def _reported(fact: Fact) -> DialogEvent | None:
    """What the edge saw of the dialog, that this fact says."""
    match fact:
        case CallRinging():
            return DialogEvent.EARLY
        case CallAnswered():
            return DialogEvent.ANSWERED
        case CallEnded() if fact.outcome.hangup_cause != LOST:
            return DialogEvent.END
        case CallRevised():
            return fact.late
        case CallObserved():
            return fact.event
    return None


def _asking(own: Sequence[Seen]) -> list[Seen]:
    """The caller's INVITEs that were more than a question for a password."""
    invites = [one for one in own if one.begins_dialog]
    challenged = {
        (one.said.cseq, one.said.branches)
        for one in own
        if one.said.method == "INVITE" and one.said.status in (401, 407)
    }
    first = shallowest(invites)
    return [one for one in first if (one.said.cseq, one.said.branches) not in challenged]


def _reasons(
    event: DialogEvent, own: Sequence[Seen], facts: Sequence[Positioned]
) -> Iterator[Seen]:
    match event:
        case DialogEvent.EARLY:
            yield from _first_answer(own, range(180, 190))
        case DialogEvent.ANSWERED:
            yield from _first_answer(own, range(200, 300))
        case DialogEvent.END:
            byes = [one for one in own if one.said.method == "BYE" and one.is_request]
            yield from byes
            if not byes and not _is_rejected(facts):
                yield from (o for o in own if o.said.method == "CANCEL" and o.is_request)
                yield from (o for o in own if o.said.method == "INVITE" and o.said.status >= 300)


def _first_answer(own: Sequence[Seen], statuses: range) -> Iterator[Seen]:
    """The answer to an INVITE that came first, with what was sent on of it."""
    asked = _asking(own)
    number = asked[-1].said.cseq if asked else 0
    found = [o for o in own if o.said.method == "INVITE" and o.said.status in statuses]
    found = [o for o in found if not number or o.said.cseq == number]
    for one in found[:1]:
        about = (one.said.status, one.said.to_tag)
        yield from (o for o in found if (o.said.status, o.said.to_tag) == about)


def _answered_legs(call_id: CallId, known: Sequence[Seen]) -> list[Seen]:
    """The first 2xx to an INVITE of each leg that is not the caller's."""
    found: dict[str, Seen] = {}
    for one in known:
        is_answer = one.said.method == "INVITE" and 200 <= one.said.status < 300
        if is_answer and one.said.call_id != call_id:
            found.setdefault(one.said.call_id, one)
    return list(found.values())


def _is_rejected(facts: Sequence[Positioned]) -> bool:
    return any(
        isinstance(o.fact, CallRouted) and isinstance(o.fact.directive, Reject) for o in facts
    )


def _held(call_id: CallId, facts: Sequence[Positioned], known: Sequence[Seen]) -> dict[int, int]:
    """Messages that the decision has caused → the position before which they do not stand."""
    routed = next((one for one in facts if isinstance(one.fact, CallRouted)), None)
    if routed is None:
        return {}
    own = [one for one in known if one.said.call_id == call_id]
    asked = _asking(own)
    stacks = {(one.said.cseq, one.said.branches) for one in asked}
    found = {
        one.place: routed.position
        for one in own
        if one.begins_dialog and (one.said.cseq, one.said.branches[1:]) in stacks
    }
    if isinstance(routed.fact, CallRouted) and isinstance(routed.fact.directive, Reject):
        refused = (
            one.place
            for one in own
            if one.said.status >= 300 and (one.said.cseq, one.said.branches) in stacks
        )
        found |= dict.fromkeys(refused, routed.position)
    return found
