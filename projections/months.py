"""Months of UTC: the pieces in which the call log is kept."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

FIRST, LAST = 946_684_800_000, 4_102_444_800_000
"""2000 and 2100 in epoch milliseconds: what lies outside is no time of a call."""
_TEXT = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


class Month(NamedTuple):
    year: int
    number: int

    @classmethod
    def of(cls, ts: int) -> "Month":
        """The month of a moment (epoch milliseconds) from `FIRST` up to `LAST`."""
        moment = datetime.fromtimestamp(ts / 1000, UTC)
        return cls(moment.year, moment.month)

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Of `2026-11`. May raise ValueError."""
        if not (found := _TEXT.fullmatch(text)):
            raise ValueError(f"{text!r} is not of the form YYYY-MM")
        return cls(int(found[1]), int(found[2]))

    @property
    def begins(self) -> int:
        return int(datetime(self.year, self.number, 1, tzinfo=UTC).timestamp()) * 1000

    @property
    def ends(self) -> int:
        """The first moment that is not in it."""
        return self.next.begins

    @property
    def next(self) -> "Month":
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02d}"
