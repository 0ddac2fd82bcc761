"""Rows as lines: CSV (RFC 4180) and NDJSON.

CSV is safe to open in a spreadsheet: a text that it would take for a formula begins with an
apostrophe. A telephone number with its plus is none.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from gateways.http.asgi import NDJSON

_FORMULA = re.compile(r"[\t\r\n]|\s*[=+\-@＝＋－＠]")
"""How a text begins that a spreadsheet takes for a formula, or that opens another cell."""
_NUMBER = re.compile(r"[+-]?[0-9]+")


class Sheet(NamedTuple):
    media_type: str
    head: bytes
    lines: Callable[[Iterable[Mapping[str, Any]]], bytes]


def csv_of(columns: Sequence[str]) -> Sheet:
    def lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
        return _csv([[_harmless(row[column]) for column in columns] for row in rows])

    return Sheet("text/csv", _csv([columns]), lines)


def ndjson_of(columns: Sequence[str]) -> Sheet:
    def line(row: Mapping[str, Any]) -> bytes:
        return orjson.dumps({column: row[column] for column in columns}) + b"\n"

    return Sheet(NDJSON, b"", lambda rows: b"".join(map(line, rows)))


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def _harmless(value: Any) -> Any:
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return "'" + value
    return value
