"""Rows by what names them."""

from collections.abc import Iterable, Mapping
from typing import Any

from domain import numbers
from domain.directory import Row
from domain.manifest.sections import NAMED_BY, is_id, title_of
from domain.resources import kind_of

Key = tuple[str, ...]
_ANY_CASE = ("domain", "realm")


class Names:
    """Kind and name → the ids of the rows that have it. Numbers are read in the country."""

    def __init__(self, country: str, rows: Iterable[Row] = ()) -> None:
        self._country = country
        self._ids: dict[tuple[str, Key], list[str]] = {}
        for row in rows:
            self.add(kind_of(row.body), row.body.model_dump(), row.id)

    def add(self, kind: str, members: Mapping[str, Any], id: str) -> None:
        if (key := self.key(kind, members)) is not None:
            self._ids.setdefault((kind, key), []).append(id)

    def key(self, kind: str, members: Mapping[str, Any]) -> Key | None:
        """What names such a row; None where a part of it is missing, or no file has such rows."""
        values = [members.get(name) for name in NAMED_BY.get(kind, ())]
        if not values or any(value is None or isinstance(value, dict | list) for value in values):
            return None
        return self._key(kind, [str(value).strip() for value in values])

    def of(self, kind: str, key: Key | None) -> list[str]:
        return self._ids.get((kind, key), []) if key is not None else []

    def named(self, kind: str, text: str) -> list[str]:
        """The rows that a reference means; a device's is `auth_username@realm`."""
        if kind == "media_file" and "/" in text:
            return []
        parts = [part.strip() for part in text.rsplit("@", 1)] if kind == "sip_device" else [text]
        if len(parts) != len(NAMED_BY[kind]):
            return []
        return self.of(kind, self._key(kind, [part.strip() for part in parts]))

    def _key(self, kind: str, values: list[str]) -> Key:
        if kind == "did":
            return (self._number(values[0]),)
        return tuple(
            value.lower() if name in _ANY_CASE else value
            for name, value in zip(NAMED_BY[kind], values, strict=True)
        )

    def _number(self, text: str) -> str:
        """As it is stored: digits alone that a row has are that number, in whatever country."""
        if ("did", (text,)) in self._ids:
            return text
        return numbers.normalise(text, self._country) or text


def texts_of(rows: Iterable[Row], country: str) -> dict[str, str]:
    """Id → the name that means this row and no other one; rows without such a name are left out."""
    rows = list(rows)
    names, found = Names(country, rows), {}
    for row in rows:
        kind, members = kind_of(row.body), row.body.model_dump()
        title = title_of(kind, members)
        hidden = is_id(title) or (kind == "media_file" and "/" in title)
        if title and not hidden and names.of(kind, names.key(kind, members)) == [row.id]:
            found[row.id] = f"+{title}" if kind == "did" else title
    return found
