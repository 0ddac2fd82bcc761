"""The control plane goes away while phones and calls are there, and comes back."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.edge.conftest import NONCE_SECRET
from tests.edge.kamailio import Kamailio
from tests.edge.office import Edge
from tests.edge.sink import Sink
from tests.support.system import System, eventually, new_call_id

pytestmark = pytest.mark.edge


@pytest.fixture
def own_edge(subscriber: Sink) -> Iterator[Edge]:
    """An edge whose control plane this test may stop."""
    system = System(nonce_secret=NONCE_SECRET, webhook_retry_sec="0.2")
    kamailio = Kamailio(system.edge_url, NONCE_SECRET)
    edge = Edge(system, kamailio, subscriber, media_port=0)
    try:
        system.start()
        kamailio.start()
        yield edge
    finally:
        edge.close()
        kamailio.close()
        system.close()


def test_without_a_control_plane_nobody_is_accepted_and_no_end_is_lost(own_edge: Edge) -> None:
    office = own_edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=200)
    up_id, refused_id = new_call_id(), new_call_id()
    up = office.trunk_dials(office.number, call_id=up_id, talk=4000)
    eventually(lambda: own_edge.system.call(office.key, up_id)["answer_ts"])

    own_edge.system.stop()
    again: dict[str, Any] = {"code": 503, "has": "Retry-After: [1-9]"}
    office.trunk_dials(office.number, "trunk_is_refused", call_id=refused_id, **again).wait()
    office.dial(office.alice, "1002", "phone_is_refused", **again).wait()
    office.registering(office.alice, code=503).wait()
    up.wait()
    callee.wait()
    time.sleep(0.5)

    own_edge.system.start()
    record = office.call(up_id)
    heard_ms = up.first("BYE", sent=True).at_ms
    assert abs(record["end_ts"] - heard_ms) < 1000
    assert (record["disposition"], record["hangup_by"]) == ("answered", "caller")
    eventually(office.is_idle)

    callee = office.phone_at(office.bob, "answers", ring=200)
    call_id = new_call_id()
    office.dial(office.alice, "1002", call_id=call_id, talk=200).wait()
    callee.wait()
    assert office.call(call_id)["disposition"] == "answered"
    with own_edge.system.database() as connection:
        known = connection.execute(
            "SELECT call_id FROM views.call_cdr WHERE account_id = %s", (office.id,)
        ).fetchall()
    assert {row["call_id"] for row in known} == {up_id, call_id}
    eventually(office.is_idle)


def test_an_edge_that_was_killed_lets_calls_end_and_tells_of_it(own_edge: Edge) -> None:
    office = own_edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=200)
    call_id = new_call_id()
    caller = office.trunk_dials(office.number, call_id=call_id, talk=4000)
    eventually(lambda: own_edge.system.call(office.key, call_id)["answer_ts"])

    own_edge.kamailio.kill()
    own_edge.kamailio.start()
    caller.wait()
    callee.wait()
    record = office.call(call_id)
    assert (record["disposition"], record["hangup_by"]) == ("answered", "caller")
    first, last = caller.first("BYE", sent=True), caller.last("SIP/2.0 200", sent=False)
    assert first.at_ms - 1000 < record["end_ts"] < last.at_ms + 1000
    eventually(office.is_idle)
