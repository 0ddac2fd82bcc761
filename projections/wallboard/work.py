"""What the agents of an account have done since a moment, and what they do."""

from collections.abc import Iterable
from typing import Any

from domain.acd.floor import MISSES
from events.acd import AgentReserved, LeaseConfirmed, LeaseReleased
from events.base import AccountId, Fact
from projections import agents
from projections.agents import Row, Worked


class Work:
    def __init__(
        self,
        account_id: AccountId,
        since: int,
        rows: Iterable[Row],
        worked: dict[str, Worked],
        open_offers: Iterable[str],
    ) -> None:
        """`rows`: those of `agent`; `worked`: spells that are over, and reservations."""
        self._account_id = account_id
        self._since = since
        self._rows = {str(row["user_id"]): row for row in rows}
        self._worked = worked
        self._open_offers = set(open_offers)

    def row(self, user_id: str) -> Row:
        """The row of `agent`, also of who was never seen."""
        return self._rows.get(user_id) or agents.new_row(self._account_id, user_id)

    def kpis(self, user_id: str, now: int) -> dict[str, Any]:
        return agents.figures(self.until(user_id, now), now - self._since)

    def reservations(self, user_id: str) -> Worked:
        """Of which the reservations are meant; the time is without the spell that is not over."""
        return self._worked.get(user_id, _NOTHING)

    def until(self, user_id: str, now: int) -> Worked:
        """With the spell that is not over."""
        done = self._worked.get(user_id, _NOTHING)
        row = self._rows.get(user_id)
        return done if row is None else agents.with_open_spell(done, row, self._since, now)

    def fold(self, fact: Fact) -> None:
        if not isinstance(fact, agents.FACTS):
            return
        _, user_id = agents.key_of(fact)
        row = self._rows.setdefault(user_id, agents.new_row(self._account_id, user_id))
        if spell := agents.fold_row(row, fact):
            self._of(user_id).add(spell, self._since, fact.at)
        self._fold_offer(fact)

    def _fold_offer(self, fact: Fact) -> None:
        match fact:
            case AgentReserved() if fact.at >= self._since:
                self._open_offers.add(fact.lease_id)
                self._of(fact.agent_id).offered += 1
            case LeaseConfirmed() if fact.lease_id in self._open_offers:
                self._open_offers.discard(fact.lease_id)
                self._of(fact.agent_id).answered += 1
            case LeaseReleased() if fact.lease_id in self._open_offers:
                self._open_offers.discard(fact.lease_id)
                self._of(fact.agent_id).missed += fact.reason in MISSES

    def _of(self, user_id: str) -> Worked:
        return self._worked.setdefault(user_id, Worked())


_NOTHING = Worked()
