"""Who guesses passwords? Counted in the store: what one gateway has seen, all know (spec 06).

At most five failures in fifteen minutes of an address with an e-mail; and, for guesses that are
spread, ten times as many of an address, or of an e-mail. A try counts before it is known whether
it is right, so that guesses at the same time do not come through; what is refused writes nothing.
"""

from ipaddress import ip_address, ip_network

from psycopg import Cursor
from psycopg.rows import DictRow

from gateways.problems import TooManyRequests
from gateways.store.reader import Reader

PERIOD = 15 * 60 * 1000
"""Milliseconds."""
LIMIT, SPREAD = 5, 50

_COUNT = """
    INSERT INTO access.guess AS old (key, since, count) VALUES (%(key)s, %(now)s, 1)
    ON CONFLICT (key) DO UPDATE
       SET since = CASE WHEN old.since <= %(over)s THEN EXCLUDED.since ELSE old.since END,
           count = CASE WHEN old.since <= %(over)s THEN 1 ELSE old.count + 1 END
     WHERE old.since <= %(over)s OR old.count < %(limit)s
    RETURNING count"""
_FORGIVE = "UPDATE access.guess SET count = greatest(count - %s, 0) WHERE key = %s"
_SWEEP = """
    DELETE FROM access.guess WHERE key IN (
        SELECT key FROM access.guess WHERE since <= %s LIMIT 100 FOR UPDATE SKIP LOCKED)"""
_SHOW = """
    INSERT INTO access.code AS old (user_id, step) VALUES (%s, %s)
    ON CONFLICT (user_id) DO UPDATE SET step = EXCLUDED.step WHERE old.step < EXCLUDED.step
    RETURNING step"""


class Guesses:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def count(self, email: str, address: str, now: int) -> None:
        """A try. Raises TooManyRequests when it must not be made; `now` in epoch milliseconds."""
        await self._reader.query(lambda cursor: _count(cursor, _keys(email, address), now))

    async def forgive(self, email: str, address: str) -> None:
        """It was right: the address has not guessed with this e-mail, nor with this one more."""
        await self._reader.query(lambda cursor: _forgive(cursor, _keys(email, address)))

    async def is_fresh(self, user_id: str, step: int) -> bool:
        """Whether no code of this step or a later one was shown before."""
        return await self._reader.query(
            lambda cursor: cursor.execute(_SHOW, (user_id, step)).fetchone() is not None
        )


def _keys(email: str, address: str) -> dict[str, int]:
    """What a try counts for, with its limit; always locked in this order."""
    network = _network(address)
    return {f"both {email} {network}": LIMIT, f"email {email}": SPREAD, f"ip {network}": SPREAD}


def _network(address: str) -> str:
    """An IPv6 address stands for its /64: whoever has one has them all."""
    try:
        is_v6 = ip_address(address).version == 6
    except ValueError:
        return "unknown"
    return str(ip_network(f"{address}/64", strict=False)) if is_v6 else address


def _count(cursor: Cursor[DictRow], keys: dict[str, int], now: int) -> None:
    over = now - PERIOD
    cursor.execute(_SWEEP, (over,))
    with cursor.connection.transaction():
        for key, limit in keys.items():
            values = {"key": key, "now": now, "over": over, "limit": limit}
            if cursor.execute(_COUNT, values).fetchone() is None:
                since = _since(cursor, key, now)
                wait = max(1, -(-(since - over) // 1000))
                raise TooManyRequests("too many failed logins", retry_after=wait)


def _since(cursor: Cursor[DictRow], key: str, now: int) -> int:
    row = cursor.execute("SELECT since FROM access.guess WHERE key = %s", (key,)).fetchone()
    return int(row["since"]) if row else now


def _forgive(cursor: Cursor[DictRow], keys: dict[str, int]) -> None:
    for key, limit in keys.items():
        cursor.execute(_FORGIVE, (LIMIT if limit == LIMIT else 1, key))
