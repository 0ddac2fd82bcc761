"""500 calls at 50 per second, from a trunk and from a phone: none lost, none twice."""

from collections import Counter

import pytest

from tests.edge.office import Edge, Office
from tests.edge.sipp import Sipp
from tests.support.system import eventually

pytestmark = pytest.mark.edge

CALLS = 500
PER_SECOND = 50
RING_MS = 200
"""Between 180 and 200, which two of the edge's processes may relay: it gives no order over UDP."""
TALK_MS = 1000
SECONDS = 120
"""After which a run has failed; it takes eleven."""


@pytest.fixture
def office(edge: Edge) -> Office:
    office = edge.office()
    office.register(office.bob)
    return office


def all_went_well(office: Office, caller: Sipp, callee: Sipp) -> None:
    caller.wait()
    callee.wait()
    eventually(office.is_idle, 60)
    with office.edge.system.database() as connection:
        records = connection.execute(
            "SELECT * FROM views.call_cdr WHERE account_id = %s", (office.id,)
        ).fetchall()
    assert len(records) == CALLS
    assert Counter(record["disposition"] for record in records) == {"answered": CALLS}
    for record in records:
        assert record["start_ts"] <= record["answer_ts"] <= record["end_ts"], record
        assert 500 < record["end_ts"] - record["answer_ts"] < 6 * TALK_MS, record

    eventually(lambda: len(office.deliveries()) >= 2 * CALLS, 60)
    announced = [delivery.verified(office.webhook_secret) for delivery in office.deliveries()]
    assert len({one["id"] for one in announced}) == len(announced) == 2 * CALLS
    heard = Counter((one["event"], one["data"]["callId"]) for one in announced)
    assert set(heard.values()) == {1}
    for event in ("call.started", "call.ended"):
        assert {id for name, id in heard if name == event} == {one["call_id"] for one in records}


def test_500_calls_from_a_trunk_to_a_number(office: Office) -> None:
    callee = office.phone_at(
        office.bob, "answers", ring=RING_MS, calls=CALLS, trace=False, seconds=SECONDS
    )
    caller = office.trunk_dials(
        office.number, calls=CALLS, rate=PER_SECOND, talk=TALK_MS, trace=False, seconds=SECONDS
    )
    all_went_well(office, caller, callee)


def test_500_calls_from_phone_to_phone(office: Office) -> None:
    callee = office.phone_at(
        office.bob, "answers", ring=RING_MS, calls=CALLS, trace=False, seconds=SECONDS
    )
    caller = office.dial(
        office.alice,
        "1002",
        calls=CALLS,
        rate=PER_SECOND,
        talk=TALK_MS,
        trace=False,
        seconds=SECONDS,
    )
    all_went_well(office, caller, callee)
