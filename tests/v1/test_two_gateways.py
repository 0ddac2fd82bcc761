"""Two processes of the public API on one store: who writes at one reads it at the other at once
(spec 07, Writes), and an Idempotency-Key counts at both."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx
import pytest
from psycopg import Connection
from psycopg.rows import DictRow

from gateways.http.v1.collections import Collection
from gateways.ids import new_id
from tests.http.test_voicemail import Office
from tests.support.system import Gateway, System, eventually
from tests.v1.test_agents import Floor
from tests.v1.test_collections import ALL, bodies
from tests.v1.test_idempotency import is_replayed, same, send
from tests.v1.test_rows import Api

ROUNDS = 6


class Pair(NamedTuple):
    """The same key at two gateways."""

    a: Api
    b: Api

    @classmethod
    def of(cls, api: Api, other: Gateway) -> "Pair":
        return cls(api, api.at(other.client))

    def turns(self) -> Iterator["Pair"]:
        """Now one writes and now the other."""
        for number in range(ROUNDS):
            yield Pair(self.b, self.a) if number % 2 else self


@pytest.fixture(scope="module")
def other(system: System) -> Iterator[Gateway]:
    with system.another_api() as gateway:
        yield gateway


@pytest.fixture
def pair(system: System, account: dict[str, Any], other: Gateway) -> Pair:
    return Pair.of(Api(system, account["account"]["id"]), other)


def ok(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def ids(answer: httpx.Response) -> list[str]:
    return [row["id"] for row in ok(answer)["rows"]]


# Reading what was written


@pytest.mark.parametrize("one", ALL, ids=[one.path for one in ALL])
def test_rows(pair: Pair, account: dict[str, Any], one: Collection) -> None:
    path, queue = f"/v1{one.path}", ok(pair.a.post("/v1/queues", {"name": "Any"}))["id"]
    for number, (here, there) in enumerate(pair.turns()):
        body = bodies(account, queue)[one.path][number % 2]
        row = f"{path}/{ok(here.post(path, body))['id']}"
        assert row.rpartition("/")[2] in ids(there.get(path))
        assert there.get(row).headers["etag"] == '"1"'
        if "name" in body:
            ok(here.patch(row, {"name": "Another"}))
            assert ok(there.get(row))["name"] == "Another"
            assert there.get(row).headers["etag"] == '"2"'
        ok(here.delete(row))
        assert there.get(row).status_code == 404


def test_accounts_members_of_queues_and_the_audit_trail(
    system: System, pair: Pair, account: dict[str, Any]
) -> None:
    system.apply({**account, "account": {**account["account"], "is_reseller": 1}})
    queue = f"/v1/queues/{ok(pair.a.post('/v1/queues', {'name': 'Any'}))['id']}/members"
    user = account["users"][0]["id"]
    ok(pair.a.patch(f"/v1/users/{user}", {"is_agent": 1}))
    for number, (here, there) in enumerate(pair.turns()):
        child = ok(here.post("/v1/accounts", {"name": f"Child {number}"}))["id"]
        assert ok(there.get(f"/v1/accounts/{child}"))["name"] == f"Child {number}"
        member = ok(here.post(queue, {"user_id": user}))["id"]
        assert ids(there.get(queue)) == [member]
        assert member in str(ok(there.get("/v1/audit", limit=5)))
        ok(here.delete(f"{queue}/{member}"))
        assert ids(there.get(queue)) == []


def test_versions_of_a_flow(pair: Pair, account: dict[str, Any]) -> None:
    flow = f"/v1/flows/{account['flows'][0]['id']}"
    for number, (here, there) in enumerate(pair.turns(), start=2):
        bye = {"id": f"bye{number}", "type": "hangup", "data": {"kind": "hangup"}}
        ok(here.patch(flow, {"start": bye["id"], "nodes": [bye]}))
        assert ok(there.get(flow))["start"] == bye["id"]
        assert ok(here.post(f"{flow}/publish", None))["version"] == number
        assert ok(there.get(f"{flow}/versions"))["rows"][0]["version"] == number


def test_the_do_not_call_list(pair: Pair) -> None:
    for number, (here, there) in enumerate(pair.turns()):
        e164 = f"141555501{number:02d}"
        ok(here.post("/v1/dnc", {"e164": f"+{e164}"}))
        assert ok(there.get("/v1/dnc/check", e164=e164))["listed"] == 1
        ok(here.delete(f"/v1/dnc/{e164}"))
        assert ok(there.get("/v1/dnc/check", e164=e164))["listed"] == 0
        headers = {**here.headers, "content-type": "text/csv"}
        begun = ok(here.client.post("/v1/dnc/import", content=f"+{e164}\n", headers=headers))
        assert ok(there.get(f"/v1/dnc/import/{begun['id']}"))["lines"] == 1


def test_who_is_never_banned(pair: Pair) -> None:
    for number, (here, there) in enumerate(pair.turns()):
        address = f"198.51.100.{number + 100}"
        ok(here.post("/v1/security/allow", {"ip": address}))
        rows = ok(there.get("/v1/security/allow"))["rows"]
        assert address in [row["ip"] for row in rows]
        ok(here.delete(f"/v1/security/allow/{address}"))
        rows = ok(there.get("/v1/security/allow"))["rows"]
        assert address not in [row["ip"] for row in rows]


def test_keys(pair: Pair) -> None:
    for here, there in pair.turns():
        made = ok(here.post("/v1/keys/generate", {"name": "x", "scopes": ["cdr"]}))
        shown = {"x-api-key": made["key"]}
        assert there.client.get("/v1/whoami", headers=shown).status_code == 200
        gone = {"key_id": made["id"]}
        ok(here.client.request("DELETE", "/v1/keys/revoke", headers=here.headers, json=gone))
        assert there.client.get("/v1/whoami", headers=shown).status_code == 401


def test_agents(system: System, other: Gateway) -> None:
    floor = Floor(system, wrap_up_sec=0)
    for here, there in Pair.of(floor.api, other).turns():
        for event, status in (("available", "available"), ("pause", "on_break")):
            ok(here.post("/v1/agents/state", {"user_id": floor.shop.alice, "event": event}))
            (row,) = ok(there.get("/v1/agents", userId=floor.shop.alice))["rows"]
            assert row["status"] == status
        ok(here.post("/v1/agents/state", {"user_id": floor.shop.alice, "event": "logout"}))
        (row,) = ok(there.get("/v1/agents", userId=floor.shop.alice))["rows"]
        assert row["status"] == "offline"


def test_messages_of_a_mailbox(system: System, other: Gateway) -> None:
    office = Office(system)
    for here, there in Pair.of(office.api, other).turns():
        message = office.path(office.leave())
        for is_read in (1, 0):
            ok(here.patch(message, {"is_read": is_read}))
            assert ok(there.get(message))["is_read"] == is_read
        ok(here.delete(message))
        assert there.get(message).status_code == 404


def test_deliveries_that_are_owed(pair: Pair) -> None:
    hook = ok(pair.a.post("/v1/webhooks", {"url": "https://hooks.invalid/"}))["id"]
    for number, (here, there) in enumerate(pair.turns(), start=1):
        ok(here.post("/v1/webhooks/test", {"id": hook}))
        assert ok(there.get(f"/v1/webhooks/{hook}/deliveries"))["count"] == number


# Idempotency-Key


def test_a_key_counts_at_every_gateway(pair: Pair) -> None:
    for here, there in pair.turns():
        key = new_id("k")
        wish = {"name": "Mobile", "to": "+14155550100"}
        assert same(send(here, "/v1/forwards", wish, key), send(there, "/v1/forwards", wish, key))


def test_of_many_at_once_one_is_carried_out(pair: Pair) -> None:
    for number in range(ROUNDS):
        key, wish = new_id("k"), {"name": f"Race {number}", "to": "+14155550100"}

        def ask(api: Api, key: str = key, wish: Any = wish) -> httpx.Response:
            return send(api, "/v1/forwards", wish, key)

        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(ask, [pair.a, pair.b] * 3))
        first = [one for one in answers if one.status_code == 201 and not is_replayed(one)]
        assert len(first) == 1
        for one in answers:
            if one.status_code == 409:
                assert one.headers["retry-after"]
            else:
                assert one.content == first[0].content
        assert len(ids(pair.a.get("/v1/forwards", name=wish["name"]))) == 1


# A gateway dies after the commit, before the answer is kept


Killed = Callable[[Api, str, Any, str], None]


@pytest.fixture
def killed(system: System) -> Killed:
    """Sends a request to a gateway, and kills that once it wants to keep the answer."""

    def kill(api: Api, path: str, body: Any, key: str) -> None:
        with system.another_api() as gateway, system.database() as held:
            _hold_back_answers(held)
            try:
                with ThreadPoolExecutor(1) as threads:
                    asked = threads.submit(send, api.at(gateway.client), path, body, key)
                    eventually(lambda: _waiting(held))
                    gateway.process.kill()
                    with pytest.raises(httpx.TransportError):
                        asked.result()
            finally:
                _let_go(held)
            # half a minute later
            held.execute(
                "UPDATE idempotency.request SET held_until = now()"
                " WHERE key = %s AND answer IS NULL",
                (key,),
            )

    return kill


def _hold_back_answers(connection: Connection[DictRow]) -> None:
    """Who wants to keep an answer waits for this connection."""
    connection.execute("SELECT pg_advisory_lock(4711)")
    connection.execute(
        "CREATE OR REPLACE FUNCTION idempotency.wait() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END'"
    )
    connection.execute(
        "CREATE TRIGGER wait BEFORE UPDATE ON idempotency.request FOR EACH ROW"
        " WHEN (NEW.answer IS NOT NULL) EXECUTE FUNCTION idempotency.wait()"
    )


def _waiting(connection: Connection[DictRow]) -> list[DictRow]:
    return connection.execute(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"
    ).fetchall()


def _let_go(connection: Connection[DictRow]) -> None:
    for row in _waiting(connection):  # the session of who is dead
        connection.execute("SELECT pg_terminate_backend(%s)", (row["pid"],))
    connection.execute("SELECT pg_advisory_unlock(4711)")
    connection.execute("DROP TRIGGER wait ON idempotency.request")


@pytest.fixture
def forgotten(system: System) -> Callable[[str], None]:
    """The state of the store after such a death: it is done, and nobody kept the answer."""

    def forget(key: str) -> None:
        with system.database() as connection:
            connection.execute(
                "UPDATE idempotency.request SET answer = NULL, held_until = now() WHERE key = %s",
                (key,),
            )

    return forget


@pytest.mark.parametrize("one", ALL, ids=[one.path for one in ALL])
def test_a_row_of_any_kind_is_made_once(
    api: Api, account: dict[str, Any], forgotten: Callable[[str], None], one: Collection
) -> None:
    queue = ok(api.post("/v1/queues", {"name": "Any"}))["id"]
    path, key = f"/v1{one.path}", new_id("k")
    body = bodies(account, queue)[one.path][0]
    first = ok(send(api, path, body, key))
    rows = ids(api.get(path))
    forgotten(key)
    assert ok(send(api, path, body, key)) == first
    assert ids(api.get(path)) == rows


def test_accounts_and_members_of_queues_are_made_once(
    system: System, api: Api, account: dict[str, Any], forgotten: Callable[[str], None]
) -> None:
    system.apply({**account, "account": {**account["account"], "is_reseller": 1}})
    queue = f"/v1/queues/{ok(api.post('/v1/queues', {'name': 'Any'}))['id']}/members"
    user = account["users"][0]["id"]
    ok(api.patch(f"/v1/users/{user}", {"is_agent": 1}))
    for path, body in (("/v1/accounts", {"name": "Child"}), (queue, {"user_id": user})):
        key = new_id("k")
        first = ok(send(api, path, body, key))
        forgotten(key)
        assert ok(send(api, path, body, key)) == first
        assert ids(api.get(path)) == [first["id"]]


def test_a_row_is_made_once(api: Api, killed: Killed) -> None:
    key, wish = new_id("k"), {"name": "Once", "to": "+14155550100"}
    killed(api, "/v1/forwards", wish, key)
    (made,) = ids(api.get("/v1/forwards"))
    again = send(api, "/v1/forwards", wish, key)
    assert again.status_code == 201, again.text
    assert again.json()["id"] == made
    assert ids(api.get("/v1/forwards")) == [made]
    assert same(again, send(api, "/v1/forwards", wish, key))


def test_a_key_that_nobody_has_seen_is_shown(system: System, api: Api, killed: Killed) -> None:
    key, wish = new_id("k"), {"name": "Once", "scopes": ["cdr"]}
    killed(api, "/v1/keys/generate", wish, key)
    before = ok(api.get("/v1/keys"))["keys"]
    again = ok(send(api, "/v1/keys/generate", wish, key))
    assert ok(api.get("/v1/keys"))["keys"] == before
    shown = {"x-api-key": again["key"]}
    assert system.api.get("/v1/whoami", headers=shown).status_code == 200


def test_a_secret_that_nobody_has_seen_is_the_one_that_signs(
    system: System, api: Api, killed: Killed
) -> None:
    key, wish = new_id("k"), {"url": "https://hooks.example/once"}
    killed(api, "/v1/webhooks", wish, key)
    again = ok(send(api, "/v1/webhooks", wish, key))
    assert ids(api.get("/v1/webhooks")) == [again["id"]]
    with system.database() as connection:
        row = connection.execute(
            "SELECT body->>'secret_ref' AS ref FROM views.resource WHERE id = %s", (again["id"],)
        ).fetchone()
    assert row is not None

    async def signing(session: Any) -> bytes | None:
        found: bytes | None = session.vault.get(row["ref"])
        return found

    assert system.with_session(signing) == again["secret"].encode()


def test_a_test_event_is_sent_once(api: Api, killed: Killed) -> None:
    hook = ok(api.post("/v1/webhooks", {"url": "https://hooks.invalid/"}))["id"]
    key, wish = new_id("k"), {"id": hook}
    killed(api, "/v1/webhooks/test", wish, key)
    assert send(api, "/v1/webhooks/test", wish, key).status_code == 202
    assert ok(api.get(f"/v1/webhooks/{hook}/deliveries"))["count"] == 1


def test_a_flow_is_published_once(api: Api, account: dict[str, Any], killed: Killed) -> None:
    flow = f"/v1/flows/{account['flows'][0]['id']}"
    bye = {"id": "again", "type": "hangup", "data": {"kind": "hangup"}}
    ok(api.patch(flow, {"start": "again", "nodes": [bye]}))
    key = new_id("k")
    killed(api, f"{flow}/publish", None, key)
    assert ok(send(api, f"{flow}/publish", None, key))["version"] == 2
    assert len(ok(api.get(f"{flow}/versions"))["rows"]) == 2


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"])
