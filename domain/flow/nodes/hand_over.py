"""handOver: a call is transferred; the caller hears music until somebody takes him."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from domain.flow.node import Done, Id, Next, NodeData, Seconds, Visit, Wait
from domain.flow.nodes import dial, enqueue
from events.flow import Dial as DialCommand

ABOVE_ALL = 1_000_001
"""Priority of a caller who is transferred to a queue: above what anybody else can have."""


class _Dial(dial.Dial):
    from_user_id: str
    is_agent: bool

    @property
    def sender(self) -> str | None:
        return self.from_user_id

    @property
    def forwards(self) -> bool:
        return not self.is_agent


class HandOver(NodeData):
    kind: Literal["handOver", "consult"]
    target: Literal["user", "agent", "extension", "number"]
    """``agent``: this user and nobody else; ``number``: E.164 with plus, or a number for help."""
    id: Annotated[str, Field(min_length=1, max_length=255)]
    timeoutSec: Seconds
    fromUserId: Id
    outcomes: ClassVar[tuple[str, ...]] = dial.Dial.outcomes

    @property
    def inner(self) -> _Dial:
        """The dial that it is."""
        return _Dial(
            kind="dial",
            target="user" if self.target == "agent" else self.target,
            id=self.id,
            timeoutSec=self.timeoutSec,
            from_user_id=self.fromUserId,
            is_agent=self.target == "agent",
        )


def run(node: HandOver, visit: Visit) -> Next:
    found = dial.run(node.inner, visit)
    if isinstance(found, Wait) and isinstance(found.command, DialCommand):
        music = {"moh_stream": f"moh-{visit.context.office.account_id}"}
        return found._replace(command=found.command.model_copy(update=music))
    return found


class HandOverToQueue(NodeData):
    kind: Literal["handOverToQueue"]
    queueId: Id
    outcomes = enqueue.Enqueue.outcomes
    attends = True


def run_queue(node: HandOverToQueue, visit: Visit) -> Next:
    """Whoever is not let in goes back at once, not where the queue sends others."""
    queued = enqueue.Enqueue.model_construct(
        kind="enqueue", queueId=node.queueId, priority=ABOVE_ALL
    )
    found = enqueue.run(queued, visit)
    return found if visit.answer or isinstance(found, Wait) else Done("no_agents")
