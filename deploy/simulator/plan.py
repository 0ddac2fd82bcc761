"""What people will do: when they call, how long they wait and talk, who misses whom.

Pure: the same seed is the same plan. Times are seconds since the beginning, to the millisecond.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from random import Random
from typing import NamedTuple

REASONS = ("coffee", "lunch", "meeting", "training")
NUMBER, INTERNAL = "number", "internal"
"""Whom somebody calls: one of the account's numbers, or the phone of a colleague."""

Weighted = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Habits:
    """How people are, on average. Times in seconds, shares of 1."""

    rate: float = 0.3
    """Calls per second, over calm and busy times."""
    calm_sec: float = 90.0
    burst_sec: float = 20.0
    burst: float = 3.0
    """How many times more calls there are than on average while there is a burst."""
    internal: float = 0.08
    """Calls of colleagues among each other."""
    unanswered: float = 0.05
    """Calls to a number that end before they are answered."""
    keys: Weighted = (("digit:1", 0.78), ("digit:2", 0.12), ("timeout", 0.07), ("digit:9", 0.03))
    """What callers press in a menu."""
    patience_sec: float = 75.0
    talk_sec: float = 12.0
    presses: float = 0.15
    """Callers who press a digit while they wait."""
    ring_sec: float = 3.0
    misses: float = 0.06
    rejects: float = 0.03
    """Offers that nobody answers, and offers that are turned down."""
    leaves_first: float = 0.5
    """Conversations that the caller ends."""
    notes_early: float = 0.6
    """Wrap-ups that the agent ends himself."""
    notes_sec: float = 4.0
    arrive_sec: float = 5.0
    work_sec: float = 1_500.0
    between_breaks_sec: float = 300.0
    break_sec: float = 40.0
    home_sec: float = 120.0


class Press(NamedTuple):
    """A digit, so many seconds after the wait began."""

    after: float
    digit: str


class Caller(NamedTuple):
    """A call, and the person who makes it."""

    at: float
    number: int
    """Callers are numbered from 0."""
    kind: str
    who: str
    """His number; the index of the phone of a colleague."""
    line: int
    """Which of the numbers he calls, or of the phones."""
    ring: float
    refused: int | None
    """The SIP status with which the call ends before it is answered."""
    keys: tuple[str, ...]
    patience: float
    """Seconds that he stays without a human voice."""
    talk: float
    press: Press | None
    leaves_first: bool


class Intent(NamedTuple):
    """Something that an agent does by himself: an event of POST /agent."""

    at: float
    agent: int
    what: str
    reason: str | None = None


class Offer(NamedTuple):
    """What an agent makes of a caller: answered, no_answer or busy after so many seconds."""

    outcome: str
    ring: float
    notes: float | None
    """Seconds after which he ends his wrap-up; None: he waits for its end."""


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    agents: int
    lines: tuple[float, ...] = (1.0,)
    """How much the numbers are called, beside each other."""
    habits: Habits = Habits()

    def timeline(self, seconds: float) -> list[Caller | Intent]:
        """Everything that people begin by themselves, in the order of time."""
        days = [self.day(agent) for agent in range(self.agents)]
        sources: list[Iterator[Caller | Intent]] = [self.callers(), *days]
        merged = heapq.merge(*sources, key=lambda one: one.at)
        return list(takewhile(lambda one: one.at < seconds, merged))

    def callers(self) -> Iterator[Caller]:
        """Without an end."""
        for number, at in enumerate(self.arrivals()):
            yield self._caller(number, at)

    def arrivals(self) -> Iterator[float]:
        """When callers come: by Poisson's law within each phase, `rate` over all of them."""
        dice, habits = self._dice("arrivals"), self.habits
        share = habits.burst_sec / (habits.burst_sec + habits.calm_sec)
        calm = max(0.05, (1 - share * habits.burst) / (1 - share))
        at = until = 0.0
        is_burst = True
        while True:
            is_burst = not is_burst
            length = habits.burst_sec if is_burst else habits.calm_sec
            rate = habits.rate * (habits.burst if is_burst else calm)
            at, until = until, until + dice.expovariate(1 / length)
            while (at := at + dice.expovariate(rate)) < until:
                yield at

    def day(self, agent: int) -> Iterator[Intent]:
        """At work, breaks, home, and back. Without an end."""
        dice, habits = self._dice("agent", agent), self.habits
        at = dice.uniform(0, habits.arrive_sec)
        while True:
            yield Intent(_ms(at), agent, "login")
            at += dice.uniform(0.5, 2)
            yield Intent(_ms(at), agent, "available")
            until = at + dice.expovariate(1 / habits.work_sec)
            while (at := at + dice.expovariate(1 / habits.between_breaks_sec)) < until:
                yield Intent(_ms(at), agent, "pause", dice.choice(REASONS))
                at += dice.expovariate(1 / habits.break_sec)
                yield Intent(_ms(at), agent, "unpause")
            yield Intent(_ms(at), agent, "logout")
            at += dice.expovariate(1 / habits.home_sec)

    def offer(self, agent: int, caller: int, attempt: int) -> Offer:
        """`attempt`: how often he was rung for this caller before."""
        dice, habits = self._dice("offer", agent, caller, attempt), self.habits
        point, ring = dice.random(), dice.expovariate(1 / habits.ring_sec)
        notes = dice.expovariate(1 / habits.notes_sec)
        is_early = dice.random() < habits.notes_early
        outcome = "answered"
        if point < habits.misses + habits.rejects:
            outcome = "no_answer" if point < habits.misses else "busy"
        return Offer(outcome, _ms(ring), _ms(notes) if is_early else None)

    def _caller(self, number: int, at: float) -> Caller:
        dice, habits = self._dice("caller", number), self.habits
        is_internal = dice.random() < habits.internal and self.agents > 1
        who = f"1415555{dice.randrange(10_000):04d}"
        (line,) = dice.choices(range(len(self.lines)), self.lines)
        if is_internal:
            one, other = dice.sample(range(self.agents), 2)
            who, line = str(one), other
        is_lost = dice.random() < habits.unanswered
        patience = dice.expovariate(1 / habits.patience_sec)
        talk = dice.expovariate(1 / habits.talk_sec)
        presses = dice.random() < habits.presses
        press = Press(_ms(dice.uniform(1, 12)), dice.choice("123"))
        return Caller(
            at=_ms(at),
            number=number,
            kind=INTERNAL if is_internal else NUMBER,
            who=who,
            line=line,
            ring=_ms(dice.uniform(0.2, 2)),
            refused=dice.choice((480, 486, 487)) if is_lost else None,
            keys=tuple(_one_of(habits.keys, dice) for _ in range(4)),
            patience=_ms(3 + patience),
            talk=_ms(1 + talk),
            press=press if presses else None,
            leaves_first=dice.random() < habits.leaves_first,
        )

    def _dice(self, *of: object) -> Random:
        """Dice of one person: text, because numbers close to each other make similar dice."""
        return Random("/".join(map(str, (self.seed, *of))))


def _one_of(weighted: Weighted, dice: Random) -> str:
    values, weights = zip(*weighted, strict=True)
    (found,) = dice.choices(values, weights)
    return str(found)


def _ms(seconds: float) -> float:
    return round(seconds, 3)
