"""Whose key is this? Asked of the store each time, so that a revocation counts at once."""

from collections.abc import Collection

from gateways.access import PREFIX_LENGTH, Principal, match_key
from gateways.problems import Unauthenticated
from gateways.store.reader import Reader
from projections import directory


async def holder(reader: Reader, key: str, kinds: Collection[str]) -> Principal:
    """Raises Unauthenticated."""
    prefix, kind = key[:PREFIX_LENGTH], key.partition("_")[0]
    if kind in kinds and prefix.isascii() and prefix.isprintable():
        rows = await reader.query(lambda cursor: directory.keys_by_prefix(cursor, prefix))
        stored = [(row["id"], row["account_id"], row["body"]) for row in rows]
        if principal := match_key(key, stored, kind):
            return principal
    raise Unauthenticated("the key is unknown, revoked or expired")
