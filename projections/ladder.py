"""A trace as a ladder for a terminal: who talks to whom in columns, what was decided beside them.

From left to right the caller, the edge, Callplane, and whoever else took part, in the order in
which they come; a message is an arrow from one to another, a fact stands at Callplane's line.
Without messages there are the edge and Callplane only. Nothing is wider than the width, and
nothing that a stranger has said tells the terminal what to do.
"""

import re
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from projections import signalling

Step = dict[str, Any]
CALLPLANE = "callplane"
_LEFT = 12
"""Where the first line of life is: left of it is the time."""
_NARROW, _WIDE = 15, 17
"""Characters from one line of life to the next, below 100 characters and from there on."""
_MOST = 6
"""Columns; whoever comes later shares the last one."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_AGAIN = {"retransmission": "again", "seen_again": "seen again"}


class Party(NamedTuple):
    id: str
    """``caller``, ``edge``, ``callplane``, ``callee``, ``callee2`` …"""
    address: str


class Parties:
    """Who takes part, in the order of the columns."""

    def __init__(self) -> None:
        self.all = [Party("edge", ""), Party(CALLPLANE, "")]
        self._by_address: dict[str, str] = {}

    @classmethod
    def of(cls, steps: Sequence[Step]) -> "Parties":
        found = cls()
        found.learn(steps)
        return found

    def learn(self, steps: Sequence[Step]) -> bool:
        """Whether there is somebody new. The first request goes from the caller to the edge."""
        before = len(self._by_address)
        for step in _messages(steps):
            source, destination = step["detail"]["from"], step["detail"]["to"]
            if not self._by_address:
                self._by_address = {source: "caller", destination: "edge"}
                self.all = [
                    *(Party("caller", source), Party("edge", destination)),
                    Party(CALLPLANE, ""),
                ]
            for address in (source, destination):
                if address not in self._by_address:
                    self._add(address)
        return len(self._by_address) > before

    def _add(self, address: str) -> None:
        number = len(self.all) - 2
        if len(self.all) < _MOST:
            self.all.append(Party("callee" if number < 2 else f"callee{number}", address))
        self._by_address[address] = self.all[-1].id

    def id_of(self, address: str) -> str:
        return self._by_address[address]


def is_message(step: Step) -> bool:
    return bool(step.get("event") == signalling.EVENT)


def _messages(steps: Sequence[Step]) -> Iterator[Step]:
    return (step for step in steps if is_message(step))


def text(call_id: str, steps: Sequence[Step], width: int = 100) -> str:
    ladder = Ladder(width)
    return "\n".join([f"call {plain(call_id)}", *ladder.lines(steps)]) + "\n"


def plain(said: str) -> str:
    """As one line, without characters that control a terminal."""
    return _CONTROLS.sub("�", said)


class Ladder:
    """Lines for steps, which may come one after the other; a new party makes a new head."""

    def __init__(self, width: int = 100) -> None:
        self._width = max(60, width)
        self._parties = Parties()
        self._start: int | None = None

    def lines(self, steps: Sequence[Step]) -> list[str]:
        is_first = self._start is None
        if steps and is_first:
            self._start = steps[0]["ts"]
        found = self._head() if self._parties.learn(steps) or is_first else []
        for step in steps:
            found += self._message(step) if is_message(step) else self._fact(step)
        return [plain(line).rstrip() for line in found]

    # Columns

    @property
    def _names(self) -> list[str]:
        return [party.id for party in self._parties.all]

    def _x(self, name: str) -> int:
        pitch = _NARROW if self._width < 100 else _WIDE
        room = (self._width - _LEFT - 2) // max(1, len(self._names) - 1)
        return _LEFT + min(pitch, room) * self._names.index(name)

    def _head(self) -> list[str]:
        names, addresses = [" "] * self._width, [" "] * self._width
        for party in self._parties.all:
            room = self._x(self._names[1]) - self._x(self._names[0]) - 1
            at = self._x(party.id) - 1
            _put(names, at, party.id[:room])
            _put(addresses, at, _end_of(party.address, room))
        has_addresses = any(party.address for party in self._parties.all)
        return ["".join(names), "".join(addresses)] if has_addresses else ["".join(names)]

    def _lines_of_life(self, step: Step | None, until: str | None = None) -> list[str]:
        """A line with the time of the step, if one is given, and the lines of all up to `until`."""
        found = [" "] * self._width
        if step is not None:
            _put(found, 0, f"{(step['ts'] - (self._start or 0)) / 1000:9.3f}s")
        last = len(self._names) if until is None else self._names.index(until) + 1
        for name in self._names[:last]:
            found[self._x(name)] = "│"
        return found

    # Rows

    def _message(self, step: Step) -> list[str]:
        detail = step["detail"]
        source, destination = (self._parties.id_of(detail[end]) for end in ("from", "to"))
        line = self._lines_of_life(step)
        names = [*_short_names(step)]
        if source == destination:
            _put(line, self._x(source) + 2, names[0])
        else:
            self._arrow(line, source, destination, names)
        if again := _AGAIN.get(step["outcome"]):
            _put(line, min(self._x(self._names[-1]) + 2, self._width - len(again)), again)
        return ["".join(line)]

    def _arrow(self, line: list[str], source: str, destination: str, names: list[str]) -> None:
        left, right = sorted((self._x(source), self._x(destination)))
        room = right - left - 1
        label = next((name for name in names if len(name) <= room - 3), names[-1][: room - 3])
        shaft = f"─{label}".ljust(room - 1, "─")
        is_forth = self._x(source) < self._x(destination)
        _put(line, left + 1, f"{shaft}▶" if is_forth else f"◀{shaft}")

    def _fact(self, step: Step) -> list[str]:
        detail = step["detail"]
        what = detail.get("what", "")
        said = f"{step['source']:<7} {step['title']} {what}".strip()
        x = self._x(CALLPLANE)
        indent = " " * 8
        said_lines = wrap(said, self._width - x - 2, subsequent_indent=indent) or [""]
        said_lines += [
            line
            for one in detail.get("considered", ())
            for line in wrap(_considered(one), self._width - x - 2, initial_indent=indent)
        ]
        found = []
        for number, part in enumerate(said_lines):
            line = self._lines_of_life(None if number else step, CALLPLANE)
            if number == 0:
                self._mark(line, step)
            _put(line, x + 2, part)
            found.append("".join(line))
        return found

    def _mark(self, line: list[str], step: Step) -> None:
        """What the edge has said, and what it was told."""
        if step["source"] == "sip":
            self._arrow(line, "edge", CALLPLANE, [""])
        elif step["kind"] == "decision":
            self._arrow(line, CALLPLANE, "edge", [""])
        line[self._x(CALLPLANE)] = "✗" if "error" in step else "●"


def _short_names(step: Step) -> Iterator[str]:
    """From long to short."""
    method = step["detail"]["cseq"].partition(" ")[2]
    if not step["kind"].isdigit():
        yield step["kind"]
        return
    if method != "INVITE":
        yield f"{step['kind']} ({method})"
    else:
        yield step["title"].removesuffix(f" ({method})")
    yield step["kind"]


def _end_of(address: str, room: int) -> str:
    return address if len(address) <= room else "…" + address[1 - room :]


def _considered(one: dict[str, Any]) -> str:
    why = f": {one['detail']}" if one["detail"] else ""
    return f"· {one['agent_id']} {one['reason']}{why}"


def _put(line: list[str], at: int, text: str) -> None:
    line[at : at + len(text)] = text
