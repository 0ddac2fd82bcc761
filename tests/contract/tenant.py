"""Whom the requests are about: an account with something in it, below another.

The key is that other's, who is below nobody and so has a say in bans as well. Nothing that is done
to the account takes the key away.
"""

from typing import NamedTuple

from gateways.ids import new_id
from tests.support.sound import wav
from tests.support.system import System, acme, new_call_id


class Tenant(NamedTuple):
    key: str
    """The one above's."""
    account_id: str
    own_key: str


def tenant(system: System) -> Tenant:
    root = acme()
    root["account"]["is_reseller"] = 1
    system.apply(root)
    key = system.key(root["account"]["id"])
    made = system.api.post(
        "/v1/accounts", json={"name": "Below", "is_reseller": 1}, headers={"x-api-key": key}
    )
    assert made.status_code == 201, made.text
    account_id = str(made.json()["id"])
    _furnish(system, account_id)
    return Tenant(key, account_id, system.key(account_id))


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
