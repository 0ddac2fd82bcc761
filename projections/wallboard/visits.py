"""The callers of an account's queues since a moment, counted as they come and go.

A row is kept only for as long as a fact can change it: what is over is in the tally.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from events.acd import (
    AgentLoggedOut,
    AgentWrappedUp,
    CallerLeft,
    CallerQueued,
    ConversationEnded,
    LeaseConfirmed,
)
from events.base import CallId, Fact
from projections import queues
from projections.queues import Tally

SL_THRESHOLD_SEC = 20
"""Of a queue that is not configured any more."""

Key = tuple[CallId, str, int]
Row = dict[str, Any]


class Visits:
    def __init__(
        self,
        since: int,
        sl_threshold_sec: dict[str, int],
        tallies: Mapping[str, Tally],
        rows: Iterable[Row],
    ) -> None:
        """`rows`: those of `queue_cdr` that are not over, also counted in `tallies`."""
        self._since = since
        self.sl_threshold_sec = sl_threshold_sec
        self._tallies = dict(tallies)
        self._rows: dict[Key, Row] = {}
        self._waiting: dict[str, set[Key]] = {}
        """Queue → the rows of those who wait."""
        self._noted: dict[str, Key] = {}
        """Agent → the row of which he writes the notes."""
        for row in sorted(rows, key=lambda row: row["ended_at"] or 0):
            self._rows[_key(row)] = row
            self._mark(row, is_in=True)
            if row["ended_at"] is not None:
                self._noted[row["agent_id"]] = _key(row)

    def figures(self, queue_id: str, now: int) -> dict[str, int]:
        oldest = min((came for _, _, came in self._waiting.get(queue_id, ())), default=None)
        return queues.figures(self._tallies.get(queue_id, Tally()), oldest, now)

    def fold(self, fact: Fact) -> str | None:
        """The queue whose figures are others now."""
        match fact:
            case CallerQueued():
                return self._come(queues.queued(fact))
            case CallerLeft() | LeaseConfirmed() | ConversationEnded():
                key = (fact.call_id, fact.queue_id, int(fact.queued_at))
                if key not in self._rows:
                    return None
                self._change(key, queues.changed(fact))
                if isinstance(fact, CallerLeft):
                    del self._rows[key]
                elif isinstance(fact, ConversationEnded):
                    self._begin_notes(fact.agent_id, key)
                return fact.queue_id
            case AgentWrappedUp() | AgentLoggedOut():
                return self._end_notes(fact.agent_id, fact.at)
        return None

    def _come(self, row: Row) -> str | None:
        key = _key(row)
        if row["enqueued_at"] < self._since or key in self._rows:
            return None
        self._rows[key] = row
        self._count(row, 1)
        return str(row["queue_id"])

    def _change(self, key: Key, members: Row) -> None:
        row = self._rows[key]
        self._count(row, -1)
        row |= members
        self._count(row, 1)

    def _begin_notes(self, agent_id: str, key: Key) -> None:
        self._forget_notes(agent_id)
        if self._rows[key]["wrap_up_ms"]:
            self._noted[agent_id] = key
        else:
            del self._rows[key]

    def _end_notes(self, agent_id: str, at: int) -> str | None:
        """They may have come to an end before their time."""
        key = self._noted.get(agent_id)
        if key is None:
            return None
        row = self._rows[key]
        if row["ended_at"] <= at < row["ended_at"] + row["wrap_up_ms"]:
            self._change(key, {"wrap_up_ms": at - row["ended_at"]})
        self._forget_notes(agent_id)
        return key[1]

    def _forget_notes(self, agent_id: str) -> None:
        if (key := self._noted.pop(agent_id, None)) is not None:
            del self._rows[key]

    def _count(self, row: Row, sign: int) -> None:
        threshold = self.sl_threshold_sec.get(row["queue_id"], SL_THRESHOLD_SEC)
        self._tallies.setdefault(row["queue_id"], Tally()).count(row, threshold, sign)
        self._mark(row, is_in=sign > 0)

    def _mark(self, row: Row, *, is_in: bool) -> None:
        if row["disposition"] == "offered":
            waiting = self._waiting.setdefault(row["queue_id"], set())
            (waiting.add if is_in else waiting.discard)(_key(row))


def _key(row: Row) -> Key:
    return CallId(row["call_id"]), str(row["queue_id"]), int(row["enqueued_at"])
