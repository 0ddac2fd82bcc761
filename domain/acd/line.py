"""Sorted values of which every state is kept: to put one in or take one out makes a new line and
copies a small part of the old one, however long it is.

A line is a tuple of chunks, each a sorted tuple that is not empty; the empty line has no chunk.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from itertools import chain
from operator import itemgetter
from typing import Any, TypeVar

T = TypeVar("T", bound=Any)
Line = tuple[tuple[T, ...], ...]

CHUNK = 64
"""About as many values as a chunk has; twice as many are two chunks."""
_first = itemgetter(0)


def put(line: Line[T], item: T) -> Line[T]:
    if not line:
        return ((item,),)
    at = _chunk_of(line, item)
    chunk = list(line[at])
    insort(chunk, item)
    half = len(chunk) // 2
    parts = (chunk,) if len(chunk) < 2 * CHUNK else (chunk[:half], chunk[half:])
    return (*line[:at], *map(tuple, parts), *line[at + 1 :])


def take(line: Line[T], item: T) -> Line[T]:
    """Without the value; the same line when it has none such."""
    if not line:
        return line
    at = _chunk_of(line, item)
    chunk = line[at]
    place = bisect_left(chunk, item)
    if chunk[place : place + 1] != (item,):
        return line
    left = chunk[:place] + chunk[place + 1 :]
    return (*line[:at], *((left,) if left else ()), *line[at + 1 :])


def rank(line: Line[T], item: Any) -> int:
    """How many values are less."""
    if not line:
        return 0
    at = _chunk_of(line, item)
    return size(line[:at]) + bisect_left(line[at], item)


def size(line: Line[T]) -> int:
    return sum(map(len, line))


def values(line: Line[T]) -> Iterator[T]:
    return chain.from_iterable(line)


def _chunk_of(line: Line[T], item: Any) -> int:
    return max(0, bisect_right(line, item, key=_first) - 1)
