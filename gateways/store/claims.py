"""Who owns platform-wide names: the last fact of each claim."""

from collections.abc import Iterable

from psycopg import Cursor
from psycopg.rows import DictRow

from domain.resources import Claim, Name, evolve_claim
from events.resources import NameClaimed, NameReleased
from gateways.store.codec import decode


def owners(cursor: Cursor[DictRow], names: Iterable[Name]) -> dict[Name, str]:
    """The ids of the rows that own these names; free ones are left out."""
    streams = {f"claim-{name.space}-{name.key}": name for name in names}
    rows = cursor.execute(
        "SELECT DISTINCT ON (originator_id) originator_id, topic, state FROM events.stored_events"
        " WHERE originator_id = ANY(%s) ORDER BY originator_id, originator_version DESC",
        (list(streams),),
    ).fetchall()
    found = {}
    for row in rows:
        fact = decode(row["topic"], bytes(row["state"]))
        assert isinstance(fact, NameClaimed | NameReleased)
        if owner := evolve_claim(Claim(), fact).owner_id:
            found[streams[row["originator_id"]]] = owner
    return found
