"""Who was considered for a caller, and why did he not ring? For moments of the past, from the facts
of the account up to each of them: nothing of it has to be stored when it happens.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from domain import directory, presence
from domain.acd.desk import Desk
from domain.acd.reasons import Finding, why_not
from domain.directory import Directory
from domain.presence import Presence
from events.acd import AcdFact
from events.base import AccountId, CallId, Fact
from events.presence import PresenceFact
from events.resources import Changed, Created, Deleted


@dataclass(slots=True)
class _Past:
    directory: Directory = field(default_factory=Directory)
    presence: Presence = field(default_factory=Presence)

    def take(self, fact: Fact) -> None:
        match fact:
            case PresenceFact() | AcdFact():
                presence.evolve(self.presence, fact)  # type: ignore[arg-type]
            case Created() | Changed() | Deleted():
                directory.evolve(self.directory, fact)


def considered(
    account_id: AccountId,
    call_id: CallId,
    history: Iterable[tuple[int, Fact]],
    moments: Collection[int],
) -> dict[int, list[Finding]]:
    """Position → the agents of the queue that the caller waits in just after that fact.

    `history`: the account's rows and presence, with their positions, in order. A moment at which
    the caller does not wait has nothing.
    """
    past, found = _Past(), dict[int, list[Finding]]()
    for position, fact in history:
        past.take(fact)
        if position in moments:
            desk = Desk(account_id, past.directory, past.presence.floor, fact.at)
            if findings := why_not(desk, call_id):
                found[position] = findings
    return found
