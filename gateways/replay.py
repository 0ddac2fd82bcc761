"""What if a call came again? Its account as it was then, read from the store, and the call decided
again (spec 08, Replay).

Reads only. An account with a longer history than `MAX_HISTORY` facts up to the call is refused: its
past state would have to be folded from all of them.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow

from domain import replay
from domain.errors import Fault, Invalid, NotFound
from domain.replay import Changes, Entry, Replayed
from domain.routing import Platform
from events.base import AccountId, CallId, Fact
from events.call import CallFact, CallRouted, FlowStepped
from events.resources import CallFlow
from gateways.store.codec import decode
from gateways.store.reader import Reader
from projections import directory

MAX_HISTORY = 100_000
DRAFT = 0
"""Stands for the version of a flow that is worked on."""
_OF_CALL = """
    SELECT notification_id, topic, state FROM events.stored_events
     WHERE originator_id = %s ORDER BY originator_version"""
UP_TO = """
    SELECT notification_id, topic, state FROM events.stored_events
     WHERE notification_id <= %(last)s
       AND originator_id = ANY(%(streams)s::text[] || ARRAY(
           SELECT id FROM views.resource WHERE account_id = %(account_id)s))
     ORDER BY notification_id LIMIT %(limit)s"""


class Wish(NamedTuple):
    """What is to be different; None and nothing: as it was."""

    flow_version: int | None = None
    """Of the first flow of the call; `DRAFT`: what is worked on."""
    at: int | None = None
    """Epoch milliseconds of the first decision."""
    config: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    """Row → members as in a merge patch."""


async def replayed(
    reader: Reader, platform: Platform, account_id: AccountId, call_id: CallId, wish: Wish
) -> dict[str, Any]:
    """Both paths and their first difference."""
    await reader.caught_up("directory")
    return await reader.query(lambda cursor: _replayed(cursor, platform, account_id, call_id, wish))


def _replayed(
    cursor: Cursor[DictRow],
    platform: Platform,
    account_id: AccountId,
    call_id: CallId,
    wish: Wish,
) -> dict[str, Any]:
    rows = cursor.execute(_OF_CALL, (f"call-{call_id}",)).fetchall()
    recorded = [fact for row in rows if isinstance(fact := _fact(row), CallFact)]
    first = next((fact for fact in recorded if isinstance(fact, CallRouted)), None)
    if first is None or first.account_id != account_id:
        raise NotFound(f"no call {call_id}")
    decided = (isinstance(fact, CallRouted | FlowStepped) for fact in recorded)
    last = max(r["notification_id"] for r, is_one in zip(rows, decided, strict=True) if is_one)
    flow = _flow(cursor, account_id, recorded, wish.flow_version)
    shift = 0 if wish.at is None else wish.at - first.at
    streams = [f"{name}-{account_id}" for name in ("presence", "capacity", "dnc")]
    past = history(cursor, account_id, [*streams, f"call-{call_id}"], last)
    found = replay.replay(
        (fact for _, fact in past),
        recorded,
        platform,
        Changes(flow, shift, wish.config),
    )
    return {"call_id": call_id, **shown(found)}


def history(
    cursor: Cursor[DictRow],
    account_id: AccountId,
    streams: Sequence[str],
    last: int,
    most: int = MAX_HISTORY,
) -> list[tuple[int, Fact]]:
    """The facts of the account's rows and of these streams with their positions, up to the position
    `last`. Raises Invalid when there are too many."""
    found = cursor.execute(
        UP_TO,
        {
            "streams": list(streams),
            "account_id": account_id,
            "last": last,
            "limit": most + 1,
        },
    ).fetchall()
    if len(found) > most:
        raise Invalid(f"the account has more than {most} facts before that call")
    return [(row["notification_id"], _fact(row)) for row in found]


def _fact(row: DictRow) -> Fact:
    return decode(row["topic"], bytes(row["state"]))


def _flow(
    cursor: Cursor[DictRow],
    account_id: AccountId,
    recorded: Sequence[CallFact],
    version: int | None,
) -> CallFlow | None:
    """The version of the call's first flow that is asked for: published, or what is worked on."""
    if version is None:
        return None
    id = replay.first_flow(recorded)
    row = directory.one(cursor, account_id, "call_flow", id) if id else None
    if id is None or row is None:
        raise Invalid("the replay is not valid", [Fault("/flow_version", "there is no such flow")])
    frozen = directory.versions_of_flow(cursor, account_id, id, version + 1, 1)
    if version == DRAFT:
        return CallFlow.model_validate(row["body"])
    for body in (*(one["body"] for one in frozen), row["body"]):
        if body["version"] == version:
            return CallFlow.model_validate(body)
    raise Invalid("the replay is not valid", [Fault("/flow_version", f"{id} has no such version")])


def shown(found: Replayed) -> dict[str, Any]:
    place = found.difference
    return {
        "same": int(place is None),
        "recorded": [_entry(number, one) for number, one in enumerate(found.recorded, 1)],
        "replayed": [_entry(number, one) for number, one in enumerate(found.again, 1)],
        "first_difference": None if place is None else _difference(found, place),
        "stopped": found.stopped or None,
    }


def _difference(found: Replayed, place: int) -> dict[str, Any]:
    """The decision at `place` on both sides, and the first thing that was looked at differently."""
    recorded = found.recorded[place] if place < len(found.recorded) else None
    again = found.again[place] if place < len(found.again) else None
    pairs = zip(recorded.path if recorded else (), again.path if again else (), strict=False)
    looked = next(({"recorded": list(a), "replayed": list(b)} for a, b in pairs if a != b), None)
    return {
        "seq": place + 1,
        "recorded": _entry(place + 1, recorded) if recorded else None,
        "replayed": _entry(place + 1, again) if again else None,
        "looked_at": looked,
    }


def _entry(number: int, one: Entry) -> dict[str, Any]:
    answer = one.answer
    return {
        "seq": number,
        "at": one.at,
        "kind": one.kind,
        "asked": one.asked,
        "path": [{"what": what, "outcome": outcome} for what, outcome in one.path],
        "answer": answer.model_dump(mode="json", by_alias=True, exclude_none=True)
        if answer
        else None,
        "refused": one.refused or None,
    }
