"""Bans over the contract: reports of nodes, lists, who is spared, own detection (spec 06)."""

import asyncio
import os
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx
import orjson
import pytest
from nats.aio.client import Client

from deploy import connections
from events.base import PLATFORM
from gateways.bus.nodes import key_of
from gateways.ids import new_id
from tests.http.test_bad_input import assert_problem
from tests.support.system import System, acme, eventually, new_call_id
from tests.v1.test_rows import Api

_numbers = count(os.getpid() % 4_000 * 16)


def new_ip() -> str:
    """An address that no other test bans: bans are the platform's."""
    number = next(_numbers)
    return f"198.18.{number // 250 % 250}.{number % 250 + 1}"


def new_node() -> str:
    return new_id("node")


def report(system: System, node: str, *ips: str, **more: Any) -> Any:
    bans = [{"ip": ip, "reason": "guessing", "jail": "sip", "hits": 5} for ip in ips]
    answer = system.edge.post("/security/report", json={"nodeId": node, "bans": bans, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def bans(system: System, **query: Any) -> list[dict[str, Any]]:
    answer = system.edge.get("/security/bans", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def allow(system: System, **body: Any) -> httpx.Response:
    return system.edge.post("/security/allow", json=body)


def stored(system: System, ip: str) -> list[str]:
    with system.database() as connection:
        rows = connection.execute(
            "SELECT topic FROM events.stored_events WHERE originator_id = 'bans-default'"
            " AND convert_from(state, 'UTF8') LIKE %s ORDER BY notification_id",
            (f'%"ip":"{ip}"%',),
        ).fetchall()
    return [row["topic"] for row in rows]


# Reports


def test_a_report_is_shown_at_once_and_once_only(system: System) -> None:
    ip, node = new_ip(), new_node()
    first = report(system, node, ip, ts=int(time.time() * 1000) - 2_000)
    assert {"allow", "unban", "ban"} <= first.keys()
    for _ in range(3):
        report(system, node, ip)
    assert stored(system, ip) == ["bans.observed.v1"]
    (row,) = bans(system, q=ip)
    assert (row["ip"], row["status"], row["reason"], row["jail"]) == (
        ip,
        "active",
        "guessing",
        "sip",
    )
    assert row["hits"] == 5
    assert [(one["nodeId"], one["stale"]) for one in row["nodes"]] == [(node, 0)]
    report(system, node)
    (row,) = bans(system, q=ip)
    assert row["status"] == "expired"
    assert row["endedAt"]


def test_a_report_that_comes_late_is_ignored(system: System) -> None:
    ip, node, now = new_ip(), new_node(), int(time.time() * 1000)
    report(system, node, ip, ts=now)
    report(system, node, ip, ts=now + 1_000)
    report(system, node, ts=now + 500)
    assert bans(system, q=ip)[0]["status"] == "active"
    report(system, node, ts=now + 1_500)
    assert bans(system, q=ip)[0]["status"] == "expired"


def test_a_form_is_taken_like_json(system: System) -> None:
    ip, node = new_ip(), new_node()
    form = {"nodeId": node, "bans": orjson.dumps([{"ip": ip, "reason": "x"}]).decode()}
    assert system.edge.post("/security/report", data=form).status_code == 200
    assert bans(system, q=ip)[0]["reason"] == "x"
    allowed = system.edge.post("/security/allow", data={"ip": ip, "ttl_sec": "60"})
    assert allowed.json()["lifted"] == 1
    system.edge.delete(f"/security/allow/{ip}")


def test_what_an_attacker_calls_himself_breaks_no_report(system: System) -> None:
    ip = new_ip()
    ban = {"ip": ip, "reason": "scan", "userAgent": "evil\r\n\x00\ud7ff" + "x" * 500}
    body = {"nodeId": new_node(), "bans": [ban]}
    assert system.edge.post("/security/report", json=body).status_code == 200
    assert bans(system, q=ip)[0]["userAgent"].startswith("evil???")


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        (
            {"bans": [{"ip": "203.0.113.1", "reason": "x"}, {"ip": "300.1.1.1", "reason": "x"}]},
            "/bans/1/ip",
        ),
        ({"bans": [{"reason": "x"}]}, "/bans/0/ip"),
        ({"bans": [{"ip": "203.0.113.1"}]}, "/bans/0/reason"),
        ({"bans": "all"}, "/bans"),
        ({}, "/bans"),
        ({"bans": [], "ts": "soon"}, "/ts"),
        ({"bans": [], "nodeId": "a b"}, "/nodeId"),
    ],
)
def test_a_bad_member_of_a_report_is_named(
    system: System, members: dict[str, Any], pointer: str
) -> None:
    problem = assert_problem(system.edge.post("/security/report", json=members), 400)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


# The list


def test_bans_are_found_by_address_range_reason_and_user_agent(system: System) -> None:
    word, node = new_id("word"), new_node()
    body = {
        "nodeId": node,
        "bans": [
            {"ip": "2001:DB8:77::1", "reason": f"100%_{word}", "userAgent": f"tool {word}"},
            {"ip": "2001:db8:77::2", "reason": "other", "userAgent": f"Tool {word.upper()}"},
        ],
    }
    system.edge.post("/security/report", json=body)

    def found(q: str) -> set[str]:
        rows = bans(system, q=q, status="active")
        return {row["ip"] for row in rows if node in [one["nodeId"] for one in row["nodes"]]}

    both = {"2001:db8:77::1", "2001:db8:77::2"}
    assert found("2001:db8:77::/48") == found(f"tool {word}") == found("2001:db8:77") == both
    assert found("2001:0db8:0077::1") == found(f"100%_{word}") == {"2001:db8:77::1"}
    assert found("%_%_%_nothing") == found("198.51.100.0/24") == set()
    report(system, node)


def test_the_list_is_paged_without_repeating_or_skipping(system: System) -> None:
    node, ips = new_node(), [new_ip() for _ in range(7)]
    report(system, node, *ips)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = system.edge.get("/security/bans", params=query).json()
        assert page["count"] == len(page["rows"]) <= 2
        seen += [row["ip"] for row in page["rows"]]
        report(system, node, *ips, new_ip())  # rows are added meanwhile
        if "nextCursor" not in page or set(ips) <= set(seen):
            break
        query["cursor"] = page["nextCursor"]
    assert [ip for ip in seen if ip in ips] == list(reversed(ips))
    report(system, node)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"limit": "0"}, "/limit"),
        ({"limit": "x"}, "/limit"),
        ({"status": "dead"}, "/status"),
        ({"flagged": "2"}, "/flagged"),
        ({"cursor": "x"}, "/cursor"),
    ],
)
def test_a_bad_parameter_is_named(system: System, query: dict[str, str], pointer: str) -> None:
    problem = assert_problem(system.edge.get("/security/bans", params=query), 400)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_what_may_be_a_mistake_is_flagged(system: System, account: dict[str, Any]) -> None:
    one, two, node = new_ip(), new_ip(), new_node()
    register = {
        "type": "register",
        "event": "registered",
        "username": "1001",
        "realm": account["domains"][0]["domain"],
        "contact": "sip:1001@192.168.1.7:5060",
        "received": f"sip:{one}:61000",
        "expires": 3600,
    }
    assert system.edge.post("/presence/event", json=register).status_code == 200
    report(system, node, one, two)
    flags = {row["ip"]: row["flags"] for row in bans(system, q="198.18.0.0/15", flagged=1)}
    assert flags[one] == ["registered"]
    assert two not in flags
    report(system, new_node(), two)
    assert bans(system, q=two)[0]["flags"] == ["several_nodes"]


def test_a_node_that_has_never_reported_here_is_stale(system: System) -> None:
    """Its name stands in a fact, but no gateway has heard it for two minutes."""
    ip, node = new_ip(), new_node()
    report(system, node, ip)

    async def forget() -> None:
        async with connections.bus(system.servers, "test") as client:
            bucket = await client.jetstream().key_value("nodes")
            await bucket.put(key_of(node), str(int(time.time() * 1000) - 121_000).encode())

    asyncio.run(forget())
    assert [one["stale"] for one in bans(system, q=ip)[0]["nodes"]] == [1]
    report(system, node, ip)
    assert [one["stale"] for one in bans(system, q=ip)[0]["nodes"]] == [0]


# Who is spared


def test_allowing_lifts_and_the_node_is_told(system: System) -> None:
    ip, node = new_ip(), new_node()
    report(system, node, ip)
    done = allow(system, ip=ip, note="office").json()
    assert (done["ip"], done["lifted"]) == (ip, 1)
    (row,) = bans(system, q=ip)
    assert (row["status"], row["endedBy"]) == ("lifted", "127.0.0.1")
    answer = report(system, node, ip)
    assert answer["unban"] == [ip]
    assert ip in answer["allow"]
    listed = system.edge.get("/security/allow").json()["rows"]
    assert [(one["ip"], one["note"]) for one in listed if one["ip"] == ip] == [(ip, "office")]
    assert system.edge.delete(f"/security/allow/{ip}").json() == {"ok": 1, "ip": ip}
    assert_problem(system.edge.delete(f"/security/allow/{ip}"), 404)
    assert ip not in report(system, node)["allow"]


def test_a_range_is_canonical_and_deleted_by_any_of_its_names(system: System) -> None:
    made = allow(system, cidr="2001:DB8:55::7/48", ttl_sec=600).json()
    assert made["ip"] == "2001:db8:55::/48"
    assert 0 < made["expiresAt"] / 1000 - time.time() <= 600
    inside = "2001:db8:55::1"
    assert report(system, new_node(), inside)["unban"] == [inside]
    assert bans(system, q=inside)[0]["flags"] == ["allowed"]
    assert system.edge.delete("/security/allow/2001:db8:55:0::%2F48").status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"ip": "here"}, "/ip"),
        ({"cidr": "10.0.0.0/33"}, "/cidr"),
        ({"cidr": "10.0.0.0/7"}, "/cidr"),
        ({"ip": "2000::/15"}, "/ip"),
        ({}, "/ip"),
        ({"ip": "10.0.0.1", "ttl_sec": 0}, "/ttl_sec"),
    ],
)
def test_a_bad_range_is_named(system: System, body: dict[str, Any], pointer: str) -> None:
    problem = assert_problem(allow(system, **body), 400)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert_problem(system.edge.delete("/security/allow/here"), 400)
    assert_problem(system.edge.delete("/security/allow"), 400)


def test_the_public_api_shows_and_does_the_same(system: System, account: dict[str, Any]) -> None:
    ip, api = new_ip(), Api(system, account["account"]["id"], "security")
    report(system, new_node(), ip)
    (row,) = api.get("/v1/security/bans", q=ip).json()["rows"]
    assert (row["status"], row["first_seen"] > 0) == ("active", True)
    made = api.post("/v1/security/allow", {"ip": ip})
    assert (made.status_code, made.json()["lifted"]) == (201, 1)
    assert ip in [one["ip"] for one in api.get("/v1/security/allow").json()["rows"]]
    assert api.delete(f"/v1/security/allow/{ip}").status_code == 200
    network = api.post("/v1/security/allow", {"cidr": "2001:db8:66::/48"}).json()["ip"]
    assert api.delete(f"/v1/security/allow/{network}").status_code == 200
    wide = api.post("/v1/security/allow", {"cidr": "0.0.0.0/0"})
    assert [error["pointer"] for error in wide.json()["errors"]] == ["/cidr"]


def test_an_operator_needs_the_scope(system: System, account: dict[str, Any]) -> None:
    narrow = {"x-api-key": system.key(account["account"]["id"], "cdr")}
    wide = {"x-api-key": system.key(account["account"]["id"], "security")}

    def asked(headers: dict[str, str]) -> int:
        return system.edge.get("/security/bans", headers=headers).status_code

    eventually(lambda: asked(wide) == 200)
    eventually(lambda: asked(narrow) == 403)
    admin = {"x-admin-token": "let me in"}
    assert system.edge.get("/security/allow", headers=admin).status_code == 200


# Own detection


def _guess(system: System, ip: str, username: str = "1001", realm: str = "acme.example") -> None:
    body = {
        "username": username,
        "realm": realm,
        "nonce": "n",
        "uri": "sip:x",
        "method": "REGISTER",
        "response": "0" * 32,
        "src_ip": ip,
    }
    assert system.edge.post("/auth", json=body).status_code == 401


def _banned(system: System, ip: str) -> Callable[[], Any]:
    return lambda: [row["own"]["rule"] for row in bans(system, q=ip) if row["own"]]


def test_guessing_passwords_is_banned_on_all_nodes_for_a_while(system: System) -> None:
    ip, node = new_ip(), new_node()
    for _ in range(19):
        _guess(system, ip)
    time.sleep(0.3)
    assert bans(system, q=ip) == []
    _guess(system, ip)
    assert eventually(_banned(system, ip)) == ["auth_ip"]
    (order,) = [one for one in report(system, node)["ban"] if one["ip"] == ip]
    assert order["reason"] == "auth_ip"
    assert 3500 < order["ttlSec"] <= 3600
    for _ in range(20):
        _guess(system, ip)
    assert stored(system, ip) == ["bans.auth_failed.v1", "bans.imposed.v1"]
    allow(system, ip=ip)
    assert bans(system, q=ip)[0]["status"] == "lifted"
    assert ip not in [one["ip"] for one in report(system, node)["ban"]]
    system.edge.delete(f"/security/allow/{ip}")


def test_one_login_guessed_from_everywhere_is_noticed(system: System) -> None:
    login, ips = new_id("login"), [new_ip() for _ in range(31)]
    for ip in ips:
        _guess(system, ip, login)
    assert eventually(_banned(system, ips[-1])) == ["auth_user"]
    assert bans(system, q=ips[0]) == []


def test_looking_for_numbers_is_banned_but_not_a_trunks_mistake(system: System) -> None:
    scanner, carrier = new_ip(), new_ip()
    document = acme(trunks=[{"name": "carrier", "inbound_ips": [carrier]}])
    system.apply(document)
    for number in range(12):
        for ip in (scanner, carrier):
            answer = system.route(new_call_id(), f"+9990000{number:04d}", srcIp=ip)
            assert answer["code"] == 404
    assert eventually(_banned(system, scanner)) == ["unknown_number"]
    assert bans(system, q=carrier) == []


def test_a_known_attack_tool_is_banned_at_first_sight(system: System) -> None:
    ip = new_ip()
    system.route(new_call_id(), "+99900001111", srcIp=ip, userAgent="friendly-scanner")
    assert eventually(_banned(system, ip)) == ["scanner"]


def test_our_own_nodes_are_never_banned(system: System) -> None:
    for _ in range(25):
        _guess(system, "127.0.0.9")
    time.sleep(0.3)
    assert bans(system, q="127.0.0.9") == []


def test_nodes_on_the_bus_are_told_at_once(system: System) -> None:
    ip, node = new_ip(), new_node()
    report(system, node)

    async def told(client: Client) -> list[tuple[str, Any]]:
        heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

        async def take(message: Any) -> None:
            body = orjson.loads(message.data)
            if body.get("ip") == ip:
                await heard.put((message.subject, body))

        await client.subscribe(f"edge.{node}.op.*", cb=take)
        await client.flush()
        agent = {"srcIp": ip, "userAgent": "sipvicious"}
        await asyncio.to_thread(system.route, new_call_id(), "+9990", **agent)
        ban = await asyncio.wait_for(heard.get(), 10)
        await asyncio.to_thread(allow, system, ip=ip)
        others = [await asyncio.wait_for(heard.get(), 10) for _ in range(2)]
        answer = await client.request(f"edge.{node}.req.report", b'{"bans": []}', timeout=5)
        assert ip in orjson.loads(answer.data)["allow"]
        return [ban, *others]

    async def story() -> list[tuple[str, Any]]:
        async with connections.bus(system.servers, "test") as client:
            return await told(client)

    orders = asyncio.run(story())
    system.edge.delete(f"/security/allow/{ip}")
    assert orders[0][0] == f"edge.{node}.op.ban"
    assert orders[0][1]["expiresAt"] > time.time() * 1000
    assert {subject for subject, _ in orders[1:]} == {
        f"edge.{node}.op.allow",
        f"edge.{node}.op.unban",
    }


def test_bans_are_facts_of_the_platform(system: System) -> None:
    ip = new_ip()
    report(system, new_node(), ip)
    with system.database() as connection:
        row = connection.execute(
            "SELECT convert_from(state, 'UTF8')::jsonb->>'account_id' AS owner"
            " FROM events.stored_events WHERE topic = 'bans.observed.v1'"
            " ORDER BY notification_id DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    assert row["owner"] == PLATFORM
