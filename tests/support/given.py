"""Tests of decisions as three values: `given(CALL, facts).when(decision).then(facts)`.

`then` asks for more than the facts. Every decision promises that it leaves the state alone that it
is given, and that asked again on the state that its facts make it writes nothing (or is refused);
so each test of a decision proves both on the way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from domain import bans, call, capacity, directory, dnc, presence, resources
from domain.bans import BanList
from domain.call import CallSession
from domain.capacity import Capacity
from domain.directory import Directory
from domain.dnc import DncList
from domain.errors import Refusal
from domain.presence import Presence
from domain.resources import Claim, Name
from events.base import AccountId, CallId, Fact, Millis
from events.resources import Changed, Created, Deleted, NameClaimed, NameReleased

S = TypeVar("S")

ACCOUNT = AccountId("acc_01jf18ah3jeb5w6dfp27sgjsbt")
OTHER_ACCOUNT = AccountId("acc_01jf18ah3jeb5w6dfp27sgjsbv")
CALL_ID = CallId("1-4242@192.0.2.10")
NOW = Millis(1_795_000_000_000)


def property_of(examples: int) -> settings:
    """Settings of a property that is tried on so many examples: the same ones in every run, and
    without a limit in time, for the machine may be busy with something else."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


class Aggregate(NamedTuple, Generic[S]):
    """How a state begins, and how a fact changes it."""

    new: Callable[[], S]
    evolve: Callable[[S, Any], S]


@dataclass(slots=True)
class Configuration:
    """An account's rows and the names that it owns: what decisions about resources look at."""

    directory: Directory = field(default_factory=Directory)
    claims: dict[Name, Claim] = field(default_factory=dict)

    def claim_of(self, name: Name) -> Claim:
        return self.claims.get(name, Claim())


def _evolve_configuration(state: Configuration, fact: Fact) -> Configuration:
    match fact:
        case NameClaimed() | NameReleased():
            claim = state.claims.setdefault(Name(fact.space, fact.key), Claim())
            resources.evolve_claim(claim, fact)
        case Created() | Changed() | Deleted():
            directory.evolve(state.directory, fact)
    return state


CALL = Aggregate(lambda: CallSession(CALL_ID), call.evolve)
CAPACITY = Aggregate(Capacity, capacity.evolve)
PRESENCE = Aggregate(Presence, presence.evolve)
BANS = Aggregate(BanList, bans.evolve)
DNC = Aggregate(DncList, dnc.evolve)
CONFIGURATION = Aggregate(Configuration, _evolve_configuration)


@dataclass(frozen=True, slots=True)
class Given(Generic[S]):
    aggregate: Aggregate[S]
    facts: tuple[Fact, ...]

    @property
    def state(self) -> S:
        """What the facts make; a new one at each look."""
        state = self.aggregate.new()
        for fact in self.facts:
            state = self.aggregate.evolve(state, fact)
        return state

    def when(self, decision: Callable[[S], Sequence[Fact]]) -> "When[S]":
        return When(self, decision)


@dataclass(frozen=True, slots=True)
class When(Generic[S]):
    given: Given[S]
    decision: Callable[[S], Sequence[Fact]]

    def then(self, *expected: Fact) -> Given[S]:
        """Exactly these facts, and with them the next `given`."""
        after = self.then_given()
        assert after.facts[len(self.given.facts) :] == expected
        return after

    def then_nothing(self) -> Given[S]:
        return self.then()

    def then_given(self) -> Given[S]:
        """Whatever was decided becomes given."""
        after = Given(self.given.aggregate, (*self.given.facts, *self._decided()))
        try:
            again = list(self.decision(after.state))
        except Refusal:
            again = []
        assert again == [], "the same decision writes something the second time"
        return after

    def then_refused(self, kind: type[Refusal], *pointers: str) -> Refusal:
        """This refusal, with a fault at each of these JSON pointers and nowhere else."""
        with pytest.raises(kind) as refused:
            self._decided()
        assert refused.type is kind
        assert tuple(fault.pointer for fault in refused.value.faults) == pointers
        return refused.value

    def _decided(self) -> list[Fact]:
        state = self.given.state
        try:
            return list(self.decision(state))
        finally:
            assert state == self.given.state, "a decision changed its state"


def given(aggregate: Aggregate[S], *facts: Fact) -> Given[S]:
    return Given(aggregate, facts)
