"""What a projection is, and how rows get into a table in one statement."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow

from events.base import Fact, StreamName


class Positioned(NamedTuple):
    """A fact with its place in its stream and in the global order."""

    position: int
    stream: StreamName
    version: int
    name: str
    fact: Fact


class Projection:
    """One question's read model. An instance belongs to one runner and may cache its own rows."""

    name: ClassVar[str]
    version: ClassVar[int]
    """Raised when the rows of old facts would come out differently: the model is then rebuilt."""
    tables: ClassVar[tuple[str, ...]]
    ddl: ClassVar[str]
    compared: ClassVar[Mapping[str, str]] = {}
    """Table → condition on its rows `t` that a rebuild has to make as they were; none: on all."""
    on_swap: ClassVar[str] = ""
    """What is done, in the same transaction, when a rebuild takes the place of the live one."""

    def fold(self, cursor: Cursor[DictRow], facts: Sequence[Positioned]) -> bool:
        """Write what `facts` change, in the transaction of `cursor`; whether that was anything."""
        raise NotImplementedError


def columns_of(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> dict[str, list[Any]]:
    """Rows as one list per column, for `unnest`; a member that a row lacks is null."""
    found: dict[str, list[Any]] = {column: [] for column in columns}
    for row in rows:
        for column in columns:
            found[column].append(row.get(column))
    return found


def unnest(types: Mapping[str, str]) -> str:
    """`unnest(%(a)s::text[], …) AS new (a, …)` for these columns and types."""
    arrays = ", ".join(f"%({column})b::{type}[]" for column, type in types.items())
    return f"unnest({arrays}) AS new ({', '.join(types)})"
