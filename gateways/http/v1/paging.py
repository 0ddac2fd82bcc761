"""Cursors: where a page ended, opaque to the client."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson

from domain.errors import Fault, Invalid


def encode(*key: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def decode(cursor: str | None, *types: type | tuple[type, ...]) -> list[Any] | None:
    """The key that `encode` was given; None without a cursor. Raises Invalid for a foreign one."""
    if cursor is None:
        return None
    try:
        key = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        good = isinstance(key, list) and len(key) == len(types)
        good = good and all(_is_a(part, kind) for part, kind in zip(key, types, strict=True))
        good = good and all(_is_storable(part) for part in key)
    except ValueError:
        good = False
    if not good:
        raise Invalid("no such page", [Fault("/cursor", "is not a cursor of this list")])
    return list(key)


def _is_a(part: Any, kind: type | tuple[type, ...]) -> bool:
    """A truth value is no number here."""
    return type(part) in kind if isinstance(kind, tuple) else type(part) is kind


def _is_storable(part: Any) -> bool:
    """Whether PostgreSQL has such a value: no NUL in a text, no integer beyond bigint."""
    return "\0" not in part if isinstance(part, str) else abs(part) < 2**63
