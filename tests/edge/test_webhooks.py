"""What a subscriber hears of a real call, checked by an independent library."""

import pytest
from standardwebhooks import WebhookVerificationError

from tests.edge.office import TRUNK, Edge
from tests.support.system import eventually, new_call_id

pytestmark = pytest.mark.edge


def test_a_call_is_announced_once_when_it_starts_and_once_when_it_ends(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=100)
    call_id = new_call_id()
    office.trunk_dials(office.number, call_id=call_id, talk=2000).wait()
    callee.wait()
    record = office.call(call_id)
    deliveries = eventually(lambda: found if len(found := office.deliveries(call_id)) > 1 else [])
    started, ended = (one.verified(office.webhook_secret) for one in deliveries)
    assert [one.headers["x-sipio-event"] for one in deliveries] == ["call.started", "call.ended"]
    assert (started["event"], started["account_id"]) == ("call.started", office.id)
    assert started["data"] == {
        "callId": call_id,
        "from": "14155551234",
        "to": office.number,
        "src_ip": TRUNK,
        "direction": "inbound",
        "ts": record["start_ts"],
    }
    assert ended["event"] == "call.ended"
    assert ended["data"]["callId"] == call_id
    assert (ended["data"]["answered"], ended["data"]["billsec"]) == (1, record["billsec"])
    assert record["billsec"] >= 1
    assert ended["data"]["disposition"] == "answered"
    assert ended["data"]["ts"] == record["end_ts"]
    assert started["id"] == deliveries[0].headers["webhook-id"] != ended["id"]


def test_a_call_of_another_account_is_not_announced_here(edge: Edge) -> None:
    office, other = edge.office(), edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=200)
    call_id = new_call_id()
    office.trunk_dials(office.number, call_id=call_id, talk=100).wait()
    callee.wait()
    (delivery, *_) = eventually(lambda: office.deliveries(call_id))
    assert other.deliveries() == []
    with pytest.raises(WebhookVerificationError):
        delivery.verified(other.webhook_secret)
    with pytest.raises(WebhookVerificationError):
        delivery._replace(body=delivery.body.replace(office.id, other.id)).verified(
            office.webhook_secret
        )
