"""Which agent of a queue is rung: the least by tier, then by position, then by strategy.

Among equals, who has missed this caller more often comes later. For `round_robin` and `top_down`
the position itself is the order; the id decides where positions are equal.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from domain.acd.floor import Agent

RING_ALL = "ring_all"
RING_PROGRESSIVELY = "ring_progressively"

Key = tuple[int | str, ...]


class Candidate(NamedTuple):
    """An agent who could take a caller of the queue."""

    agent_id: str
    agent: Agent
    level: int
    position: int
    missed: int
    """How often he has missed this caller."""


class Pick(NamedTuple):
    """What a pick depends on beside the candidates."""

    strategy: str
    last_picked: tuple[int, str] | None
    """Position and id of the agent whom the queue has reserved last."""
    epoch: int
    """Of the reservation that is to be made: what `random` derives its choice from."""


def key(candidate: Candidate, pick: Pick) -> Key:
    """Who has the least is rung."""
    strategy = STRATEGIES[pick.strategy]
    rank = strategy(candidate, pick)
    if strategy in _BY_ORDER:
        return (candidate.level, candidate.missed, *rank)
    return (candidate.level, candidate.missed, candidate.position, *rank, candidate.agent_id)


def _longest_idle(candidate: Candidate, pick: Pick) -> Key:
    return (candidate.agent.idle_since,)


def _round_robin(candidate: Candidate, pick: Pick) -> Key:
    """In order, beginning after the one who was rung last."""
    place = (candidate.position, candidate.agent_id)
    is_later = pick.last_picked is None or place > pick.last_picked
    return (0 if is_later else 1, *place)


def _top_down(candidate: Candidate, pick: Pick) -> Key:
    return (candidate.position, candidate.agent_id)


def _fewest_calls(candidate: Candidate, pick: Pick) -> Key:
    return (candidate.agent.answered, candidate.agent.idle_since)


def _least_talk_time(candidate: Candidate, pick: Pick) -> Key:
    return (candidate.agent.talk_ms, candidate.agent.idle_since)


def _random(candidate: Candidate, pick: Pick) -> Key:
    """As good as a die, and the same again in every replay."""
    return (blake2b(f"{pick.epoch} {candidate.agent_id}".encode(), digest_size=8).hexdigest(),)


STRATEGIES: dict[str, Callable[[Candidate, Pick], Key]] = {
    "longest_idle": _longest_idle,
    "round_robin": _round_robin,
    "top_down": _top_down,
    "fewest_calls": _fewest_calls,
    "least_talk_time": _least_talk_time,
    "random": _random,
    RING_ALL: _top_down,
    RING_PROGRESSIVELY: _top_down,
}
_BY_ORDER = (_round_robin, _top_down)
