"""consult: who transfers a call talks with the target first; the caller is on hold.

What the engine is told is who is to be in the bridge: that of caller and agent, that of agent and
target, all three, or in the end caller and target.
"""

from enum import IntEnum
from typing import Literal

from domain.acd import callers
from domain.flow import transfers
from domain.flow.node import POLL, POLL_MS, Answer, Done, Next, Resume, Stay, Visit, Wait, over
from domain.flow.nodes import hand_over
from events.flow import Dial, JoinConference


class Stage(IntEnum):
    """The target rings; he talks with the agent; all three talk; he talks with the caller."""

    RINGING = 0
    CONSULTING = 1
    THREE_WAY = 2
    COMPLETED = 3


COMPLETE, CANCEL, JOIN_ALL = "transfer_complete", "transfer_cancel", "transfer_3way"
"""What else than an outcome of the engine ends a stage."""
BACK = ("caller", "agent")
PARTIES = {
    Stage.CONSULTING: ("agent", "target"),
    Stage.THREE_WAY: ("caller", "agent", "target"),
    Stage.COMPLETED: ("caller", "target"),
}


class Consult(hand_over.HandOver):
    kind: Literal["consult"]
    outcomes = (transfers.HANDED, transfers.RECALL)
    attends = True


def run(node: Consult, visit: Visit) -> Next:
    if visit.answer is None:
        return _ring(node, visit)
    if visit.answer.outcome == POLL:
        return Stay()
    if visit.answer.outcome == "hangup":
        visit.note = "the caller has hung up"
        return over()
    if visit.frame.stage == Stage.COMPLETED:
        visit.note = "they have talked"
        return over()
    return _reported(node, visit, Stage(visit.frame.stage), _meaning(visit.answer))


def _ring(node: Consult, visit: Visit) -> Next:
    """Everything that is no ringing telephone cannot be talked with."""
    found = hand_over.run(node, visit)
    if not isinstance(found, Wait) or not isinstance(found.command, Dial):
        visit.note = visit.note or "is no telephone"
        return Done("failed")
    dial = found.command.model_copy(update={"mode": "consult", "poll_ms": POLL_MS})
    return found._replace(command=dial, held=visit.frame.held)


def _reported(node: Consult, visit: Visit, stage: Stage, what: str) -> Next:
    match stage, what:
        case _, "transfer_cancel":
            return Resume(bridge(visit, BACK), node.fromUserId)
        case Stage.RINGING, "answered":
            return _bridged(visit, Stage.CONSULTING)
        case Stage.RINGING, "transfer_complete":
            return _hand_over(node, visit)
        case Stage.CONSULTING, "transfer_3way":
            return _bridged(visit, Stage.THREE_WAY)
        case Stage.CONSULTING | Stage.THREE_WAY, "transfer_complete":
            callers.go_away(visit.center.desk, visit.context.call_id)
            return _bridged(visit, Stage.COMPLETED)
        case Stage.THREE_WAY, "done":
            visit.note = "they have talked"
            return over()
    return Resume(bridge(visit, BACK), node.fromUserId)


def _hand_over(node: Consult, visit: Visit) -> Next:
    """Nobody has answered yet: from now on it is as if nothing had been said before."""
    may = transfers.may_hand_over(visit.context.directory, transfers.of(visit.frame))
    visit.note = "" if may else f"{node.fromUserId} may not transfer to {node.id} unseen"
    return Done(transfers.HANDED if may else transfers.RECALL)


def _meaning(answer: Answer) -> str:
    """Who hangs up says what is to become of the others: without the agent the caller is left to
    the target, without the target the agent goes back to the caller."""
    match answer.data.get("party"):
        case "agent":
            return COMPLETE
        case "target":
            return CANCEL
    return answer.outcome


def _bridged(visit: Visit, stage: Stage) -> Wait:
    """The target stays; once the caller has him there is no way back."""
    held = () if stage is Stage.COMPLETED else visit.frame.held
    return Wait(
        bridge(visit, PARTIES[stage]),
        stage,
        users=visit.frame.users,
        trunks=visit.frame.trunks,
        number=visit.frame.number,
        held=held,
    )


def bridge(visit: Visit, parties: tuple[str, ...]) -> JoinConference:
    room = f"transfer:{visit.context.call_id}"
    return JoinConference(room=room, flags=parties, poll_ms=POLL_MS)
