"""Lines of CSV: what was written is read again, and no spreadsheet calculates with it."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.http.v1.sheets import csv_of, ndjson_of
from tests.support.given import property_of


def written(*values: Any) -> str:
    columns = [f"c{number}" for number in range(len(values))]
    return csv_of(columns).lines([dict(zip(columns, values, strict=True))]).decode()


def read(text: str) -> list[str]:
    (row,) = csv.reader(io.StringIO(text, newline=""), strict=True)
    return row


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "\tx", "\rx", "\nx", " =1", "\xa0=1"),
        *("＝1+1", "＋1+1", "－1+1", "＠SUM(1)", "+1415+1", "+1 415", "=", "+", "\r\n=1", "- 5"),
    ],
)
def test_a_formula_is_a_text(text: str) -> None:
    assert read(written(text)) == ["'" + text]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *[("+14155551234", "+14155551234"), ("-5", "-5"), (-5, "-5"), (None, ""), ("", "")],
        *[("14155551234", "14155551234"), ("anonymous", "anonymous"), ("a=b", "a=b")],
        *[("1-4242@192.0.2.10", "1-4242@192.0.2.10"), (0, "0"), ("'quoted'", "'quoted'")],
    ],
)
def test_a_number_and_a_plain_text_stay_as_they_are(value: Any, shown: str) -> None:
    assert read(written(value)) == [shown]


def test_a_line_is_as_rfc_4180_says() -> None:
    assert written("a", 'say "x"', "b,c", "d\r\ne", None, 1) == (
        'a,"say ""x""","b,c","d\r\ne",,1\r\n'
    )
    assert csv_of(["a", "b"]).head == b"a,b\r\n"


_TEXTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2)


@property_of(examples=300)
@given(_TEXTS)
def test_what_was_written_is_read_again(texts: list[str]) -> None:
    for text, found in zip(texts, read(written(*texts)), strict=True):
        assert found in (text, "'" + text)


def test_lines_of_json_have_the_columns_in_order() -> None:
    sheet = ndjson_of(["b", "a"])
    assert sheet.lines([{"a": 1, "b": "x\n", "c": 2}, {"a": None, "b": ""}]) == (
        b'{"b":"x\\n","a":1}\n{"b":"","a":null}\n'
    )
    assert sheet.head == b""
