r"""Patterns that cannot hang: a small part of regular expressions, matched without backtracking.

Whoever draws a flow writes the pattern and a caller dials the text, so neither may cost more than a
moment. A part of a pattern is a function from the set of places where it may begin to the set of
places where it may end; a set has no duplicates, so nothing is ever tried twice. The work is
bounded by `MAX_PATTERN`, `MAX_WORK` and `MAX_TEXT`.

Known: literals, ``.``, ``[a-z]``, ``[^0]``, ``\d \w \s`` (and in capitals), ``\`` before anything
else, groups, ``|``, ``* + ? {m} {m,} {m,n}``. A pattern matches the whole text; ``^`` and ``$`` at
its ends say so once more. No references, no look-around.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

MAX_PATTERN = 128
MAX_TEXT = 128
MAX_REPEAT = 64
WITHOUT_END = 8
"""What a repetition without upper limit counts as: three of them inside each other are too many."""
MAX_WORK = 500
"""Parts of a pattern once its repetitions are written out."""

Places = frozenset[int]
Match = Callable[[str, Places], Places]
Test = Callable[[str], bool]

_CLASSES: dict[str, Test] = {
    "d": lambda c: c in "0123456789",
    "w": lambda c: c == "_" or c.isalnum(),
    "s": str.isspace,
}


class BadPattern(ValueError):
    """What is wrong with a pattern."""


class _Part(NamedTuple):
    match: Match
    work: int


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches; a text that is too long does not. Raises `BadPattern`."""
    part = compiled(pattern)
    return len(text) <= MAX_TEXT and len(text) in part.match(text, frozenset({0}))


@lru_cache(maxsize=1_024)
def compiled(pattern: str) -> _Part:
    """Raises `BadPattern`."""
    if len(pattern) > MAX_PATTERN:
        raise BadPattern(f"is longer than {MAX_PATTERN} characters")
    inner = pattern.removeprefix("^")
    if inner.endswith("$") and not inner.endswith("\\$"):
        inner = inner[:-1]
    parser = _Parser(inner)
    part = parser.alternatives()
    if parser.rest:
        raise BadPattern(f"has no meaning from {parser.rest[:10]!r} on")
    return part


class _Parser:
    def __init__(self, text: str) -> None:
        self.rest = text
        self._depth = 0

    def alternatives(self) -> _Part:
        options = [self._sequence()]
        while self._took("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else _any_of(options)

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self.rest and self.rest[0] not in "|)":
            parts.append(self._repeated(self._atom()))
        return _one_after_another(parts)

    def _atom(self) -> _Part:
        char = self._next()
        match char:
            case "(":
                return self._group()
            case "[":
                return _one(self._set())
            case ".":
                return _one(lambda _: True)
            case "\\":
                return _one(_escaped(self._next()))
            case "*" | "+" | "?" | "{" | "^" | "$" | ")":
                raise BadPattern(f"{char!r} stands where it has no meaning")
        return _one(lambda c: c == char)

    def _group(self) -> _Part:
        if self.rest.startswith("?"):
            if not self.rest.startswith("?:"):
                raise BadPattern("look-around and named groups are not known here")
            self.rest = self.rest[2:]
        self._depth += 1
        if self._depth > 20:
            raise BadPattern("has too many groups inside each other")
        part = self.alternatives()
        self._depth -= 1
        if not self._took(")"):
            raise BadPattern("a group has no end")
        return part

    def _set(self) -> Test:
        negated, tests, first = self._took("^"), list[Test](), True
        while first or not self.rest.startswith("]"):
            first = False
            tests.append(self._range())
        self.rest = self.rest[1:]
        return lambda c: any(test(c) for test in tests) != negated

    def _range(self) -> Test:
        low = self._next()
        if low == "\\":
            low = self._next()
            if low.lower() in _CLASSES:
                return _escaped(low)
        if self.rest.startswith("-") and not self.rest.startswith("-]"):
            self.rest = self.rest[1:]
            high = self._next()
            if high < low:
                raise BadPattern(f"{low}-{high} is no range")
            return lambda c: low <= c <= high
        return lambda c: c == low

    def _repeated(self, part: _Part) -> _Part:
        if self._took("*"):
            return _repeat(part, 0, None)
        if self._took("+"):
            return _repeat(part, 1, None)
        if self._took("?"):
            return _repeat(part, 0, 1)
        if not self._took("{"):
            return part
        inner, end, self.rest = self.rest.partition("}")
        low, comma, high = inner.partition(",")
        if not end or not low.isdecimal() or (high and not high.isdecimal()):
            raise BadPattern("a repetition is not {m}, {m,} or {m,n}")
        least, most = int(low), int(high) if high else None if comma else int(low)
        if max(least, most or 0) > MAX_REPEAT or (most is not None and most < least):
            raise BadPattern(f"a repetition is not within 0 and {MAX_REPEAT}")
        return _repeat(part, least, most)

    def _next(self) -> str:
        if not self.rest:
            raise BadPattern("ends too early")
        char, self.rest = self.rest[0], self.rest[1:]
        return char

    def _took(self, char: str) -> bool:
        if not self.rest.startswith(char):
            return False
        self.rest = self.rest[1:]
        return True


def _escaped(char: str) -> Test:
    if (known := _CLASSES.get(char.lower())) is None:
        return lambda c: c == char
    return known if char.islower() else lambda c: not known(c)


def _one(test: Test) -> _Part:
    def match(text: str, places: Places) -> Places:
        return frozenset(p + 1 for p in places if p < len(text) and test(text[p]))

    return _Part(match, 1)


def _one_after_another(parts: list[_Part]) -> _Part:
    def match(text: str, places: Places) -> Places:
        for part in parts:
            places = part.match(text, places)
        return places

    return _Part(match, _within(1 + sum(part.work for part in parts)))


def _any_of(options: list[_Part]) -> _Part:
    def match(text: str, places: Places) -> Places:
        return frozenset[int]().union(*(option.match(text, places) for option in options))

    return _Part(match, _within(1 + sum(option.work for option in options)))


def _repeat(part: _Part, least: int, most: int | None) -> _Part:
    """Ends as soon as no new place is reached, so an empty part in it does no harm."""

    def match(text: str, places: Places) -> Places:
        for _ in range(least):
            places = part.match(text, places)
        reached, new, left = places, places, most
        while new and (left is None or left > least):
            new = part.match(text, new) - reached
            reached |= new
            left = None if left is None else left - 1
        return reached

    return _Part(match, _within(1 + part.work * max(least, most or WITHOUT_END)))


def _within(work: int) -> int:
    if work > MAX_WORK:
        raise BadPattern("repeats too much")
    return work
