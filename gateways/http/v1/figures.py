"""Figures over a time: what they need to know of the account, and how the API writes them."""

import time
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from litestar.params import QueryParameter
from psycopg import Cursor
from psycopg.rows import DictRow
from pydantic.alias_generators import to_snake

from events.base import AccountId
from projections import directory

Since = Annotated[
    int | None,
    QueryParameter(
        name="since",
        ge=0,
        le=4_102_444_800_000,
        description="Epoch milliseconds; by default the start of the day where the account is",
    ),
]


def now_ms() -> int:
    return int(time.time() * 1000)


def since_or_today(
    cursor: Cursor[DictRow], account_id: AccountId, since: int | None, now: int
) -> int:
    """`since`, or the begin of the account's day; never after `now`."""
    if since is not None:
        return min(since, now)
    account = directory.one(cursor, account_id, "account", account_id)
    return start_of_day(now, account["body"]["timezone"] if account else "UTC")


def start_of_day(now: int, timezone: str) -> int:
    """The last midnight in `timezone`; where clocks jump over it, the moment of the jump."""
    local = datetime.fromtimestamp(now / 1000, ZoneInfo(timezone))
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()) * 1000


def snake(value: Any) -> Any:
    """The same with the names of all members in snake_case."""
    if isinstance(value, dict):
        return {to_snake(name): snake(member) for name, member in value.items()}
    return [snake(item) for item in value] if isinstance(value, list) else value
