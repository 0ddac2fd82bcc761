"""Who waits where and who is free where: follows from agents, callers and contacts."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field

from domain.acd.line import Line
from events.base import CallId, Millis

Turn = tuple[int, Millis, int, CallId]
"""The order in a queue: by priority, then by age."""
Names = Line[str]


@dataclass(slots=True)
class Index:
    """Who is where: follows from agents, callers and contacts. All values are lines."""

    line: MutableMapping[str, Line[Turn]] = field(default_factory=dict)
    """Queue → who waits."""
    hungry: MutableMapping[str, Line[Turn]] = field(default_factory=dict)
    """Queue → who waits and for whom nobody rings."""
    staff: MutableMapping[str, Names] = field(default_factory=dict)
    """Queue → its agents who are logged in."""
    able: MutableMapping[str, Names] = field(default_factory=dict)
    """Queue → those who are not paused."""
    free: MutableMapping[str, Names] = field(default_factory=dict)
    """Queue → those to whom somebody could be offered."""
    outside: MutableMapping[CallId, Names] = field(default_factory=dict)
    """Call that no queue has given → the agents who are in it."""
    bridged: MutableMapping[str, str] = field(default_factory=dict)
    """Confirmed lease → its agent."""
