"""Whom the requests are about: an account with something in it, in the middle of a tree.

The key is its parent's, and the parent has one as well. So nothing that is done to the account
takes the key away, and nothing that the key may do suspends its own account.
"""

from typing import NamedTuple

from gateways.ids import new_id
from tests.support.sound import wav
from tests.support.system import System, acme, new_call_id


class Tenant(NamedTuple):
    key: str
    """The parent's."""
    account_id: str
    own_key: str


def tenant(system: System) -> Tenant:
    root = acme()
    root["account"]["is_reseller"] = 1
    system.apply(root)
    parent = _child(system, system.key(root["account"]["id"]), is_reseller=1)
    key = system.key(parent)
    account_id = _child(system, key, is_reseller=1)
    _furnish(system, account_id)
    return Tenant(key, account_id, system.key(account_id))


def _child(system: System, key: str, **members: int) -> str:
    made = system.api.post(
        "/v1/accounts", json={"name": "Below", **members}, headers={"x-api-key": key}
    )
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def _furnish(system: System, account_id: str) -> None:
    """Its rows, a call that is over, a message in a mailbox."""
    rows, mailbox = acme(), new_id("vm")
    rows["account"] |= {"id": account_id}
    rows["voicemails"] = [{"id": mailbox, "name": "Sales"}]
    rows["users"][0] |= {"voicemail_id": mailbox, "is_agent": 1}
    rows["numbers"][0] |= {"dest_kind": "voicemail", "dest_id": mailbox}
    rows["queues"] = [{"id": new_id("q"), "name": "Support"}]
    system.apply(rows)
    call_id = new_call_id()
    routed = system.route(call_id, rows["numbers"][0]["e164"])
    asked = {"callId": call_id, "flowId": routed["flow_id"]}
    system.edge.post("/flow", json=asked)
    told = system.edge.post("/flow", json={"callId": call_id, "outcome": "done", "seq": 1})
    stored = system.edge.put(f"/media/{told.json()['key']}", content=wav(1))
    assert stored.status_code == 201, stored.text
    system.report(call_id, "end")
