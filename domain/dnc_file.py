"""A do-not-call list as a file: CSV with one number per line.

With a header the columns may come in any order: `e164` (or number, phone), `reason`, `source`,
`expires_at` (epoch seconds, or a date YYYY-MM-DD that is over when that day begins in UTC); others
are ignored. Without one, they are taken in that order.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from domain import numbers
from domain.errors import Fault, Invalid
from events.dnc import Entry, RejectedLine

COLUMNS = ("e164", "reason", "source", "expires_at")
_NUMBER = {"e164", "number", "phone", "phone_number", "msisdn"}
LONGEST = 200
"""Characters of a reason or source."""
FAR = 4_102_444_800
"""Epoch seconds of the year 2100."""


class Line(NamedTuple):
    """A line that is not empty, by its number in the file (from 1)."""

    number: int
    cells: list[str]


def read(text: str) -> tuple[tuple[str, ...], list[Line]]:
    """Columns and lines of a file. Raises Invalid when it is no CSV."""
    try:
        reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        lines = [Line(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise Invalid(f"the file is no CSV: {error}") from None
    if not lines:
        raise Invalid("the file is empty", [Fault("", "is empty")])
    header = [cell.strip().lower() for cell in lines[0].cells]
    if not _NUMBER & set(header):
        return COLUMNS, lines
    return tuple("e164" if name in _NUMBER else name for name in header), lines[1:]


def entries(
    columns: Sequence[str], lines: Sequence[Line], country: str
) -> Iterator[Entry | RejectedLine]:
    """Each line as an entry, or why it is none. `country`: in which national numbers are read."""
    for line in lines:
        cells = dict(zip(columns, (cell.strip() for cell in line.cells), strict=False))
        value = cells.get("e164", "")
        try:
            yield _entry(cells, country)
        except ValueError as error:
            yield RejectedLine(line.number, _printable(value)[:64], str(error))


def _entry(cells: dict[str, str], country: str) -> Entry:
    value = cells.get("e164", "")
    e164 = numbers.from_list(value, country) if len(value) <= 64 else None
    if e164 is None:
        raise ValueError("not a telephone number")
    reason, source = (_printable(cells.get(name, ""))[:LONGEST] for name in ("reason", "source"))
    return Entry(e164, reason or None, source or None, _expiry(cells.get("expires_at", "")))


def _expiry(text: str) -> int | None:
    if not text:
        return None
    try:
        at = int(text) if text.isdecimal() else _seconds(text)
    except ValueError:
        at = -1
    if not 0 <= at <= FAR:
        raise ValueError("expires_at is neither epoch seconds nor a date")
    return at


def _seconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text).strip()
