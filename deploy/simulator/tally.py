"""What the simulated edge has seen: its own books, to be compared with those of the system."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

KEPT = 100_000
"""Waits and latencies that are remembered, the latest ones."""


@dataclass(slots=True)
class Fate:
    """What became of a call."""

    asked: int = 0
    """Agents who have picked up for it."""
    confirmed: int = 0
    """Those of them who were given the caller; fewer than it were if a reply was not waited for."""
    is_rejected: bool = False


@dataclass
class Tally:
    keeps_fates: bool = False
    """Whether every call is remembered: not in a demonstration that runs for days."""
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    """Requests that had to be made again or were given up, by what was wrong."""
    waits: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Seconds of simulated time until an agent had a caller."""
    dispatch: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Seconds of real time from when there were a caller and a free agent to the order to ring."""
    fates: dict[str, Fate] = field(default_factory=dict)

    doubles: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    """Agents who were given a caller while they had one."""

    def note_double(self, agent: str, first: str | None, second: str) -> None:
        self.counts["doubles"] += 1
        self.doubles.append(f"{agent} was given {second} while he had {first}")

    def begin(self, call_id: str) -> Fate:
        fate = Fate()
        self.counts["calls"] += 1
        if self.keeps_fates:
            self.fates[call_id] = fate
        return fate

    def summary(self) -> dict[str, Any]:
        counts = self.counts
        return {
            "calls": counts["calls"],
            "internal": counts["internal"],
            "rejected": counts["rejected"],
            "queued": counts["queued"],
            "answered": counts["answered"],
            "abandoned": counts["abandoned"],
            "offers": counts["offers"],
            "misses": counts["misses"],
            "too_late": counts["too_late"],
            "digits": counts["digits"],
            "announcements": counts["announcements"],
            "recordings": counts["recordings"],
            "wait_p50_s": at_share(self.waits, 0.5),
            "wait_p95_s": at_share(self.waits, 0.95),
            "dispatch_p50_ms": round(at_share(self.dispatch, 0.5) * 1000, 1),
            "dispatch_p99_ms": round(at_share(self.dispatch, 0.99) * 1000, 1),
            "sent_again": counts["sent_again"],
            "sent_late": counts["sent_late"],
            "errors": dict(self.errors),
            "double_assignments": counts["doubles"],
        }


def at_share(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 4) if ordered else 0.0
