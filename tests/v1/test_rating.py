"""Rate plans over /v1, and what calls cost by them, from the route to the call log (spec 02)."""

from typing import Any

import pytest

from tests.support.sink import sink
from tests.support.system import System, eventually, new_call_id
from tests.v1.test_rows import Api, pointers

START = 1_700_000_000_000
RATES = [
    {"micros_per_min": 90_000},
    {"prefix": "44", "micros_per_min": 12_000, "label": "UK"},
    {
        "prefix": "447",
        "micros_per_min": 30_000,
        "first_sec": 30,
        "next_sec": 6,
        "setup_micros": 500,
    },
]


class Shop(Api):
    """An account with a rate plan and a way out."""

    def __init__(self, system: System, account: dict[str, Any]) -> None:
        super().__init__(system, account["account"]["id"])
        self.system, self.account = system, account
        made = self.post("/v1/rate-plans", {"name": "Retail", "currency": "EUR", "rates": RATES})
        assert made.status_code == 201, made.text
        self.plan = made.json()
        rates = {"account": {**account["account"], "rate_plan_id": self.plan["id"]}}
        system.apply({**rates, "trunks": [{"name": "Carrier", "proxy": "127.0.0.1:5099"}]})

    def dial(self, to: str) -> str:
        """Alice calls."""
        call_id, device = new_call_id(), self.account["devices"][0]
        way = self.system.route(call_id, to, from_="1001", deviceId=device["id"])
        assert way["action"] in ("outbound", "proxy", "reject"), way
        return call_id

    def talk(self, call_id: str, seconds: float, since: int = START) -> None:
        self.system.report(call_id, "answered", since)
        self.system.report(call_id, "end", since + int(seconds * 1000))

    def record(self, call_id: str) -> tuple[Any, ...]:
        row = self.get(f"/v1/calls/{call_id}").json()
        return row["cost_micros"], row["currency"], row["rate_id"]


@pytest.fixture
def shop(system: System, account: dict[str, Any]) -> Shop:
    return Shop(system, account)


def test_the_call_log_says_what_a_call_has_cost(shop: Shop) -> None:
    call_id = shop.dial("+447911123456")
    shop.talk(call_id, 31)
    plan = shop.plan["id"]
    assert shop.record(call_id) == (18_500, "EUR", f"{plan}:out:447")
    steps = shop.get(f"/v1/calls/{call_id}/trace").json()["steps"]
    (end,) = [step for step in steps if step["source"] == "cdr"]
    assert end["title"] == "Ended: answered, 31 s billed, costs 0.018500 EUR"
    assert end["detail"]["charges"] == [
        {
            "rate_id": f"{plan}:out:447",
            "number": "447911123456",
            "billed_sec": 36,
            "cost_micros": 18_500,
        }
    ]
    listed = [row["cost_micros"] for row in shop.get("/v1/calls").json()["rows"]]
    assert listed == [18_500]


def test_what_was_not_answered_or_stayed_inside_costs_nothing(shop: Shop) -> None:
    unanswered, inside = shop.dial("+442079460000"), shop.dial("1002")
    shop.system.report(unanswered, "end", START)
    shop.talk(inside, 60)
    assert shop.record(unanswered) == (0, "EUR", f"{shop.plan['id']}:out:44")
    assert shop.record(inside) == (None, None, None)


def test_a_leg_of_a_flow_costs_what_the_engine_says_of_it(shop: Shop) -> None:
    nodes = [
        {"id": "d", "type": "dial", "data": {"kind": "dial", "target": "number", "id": "+4420"}}
    ]
    nodes[0]["data"]["id"] = "+442079460000"  # type: ignore[index]
    made = shop.post(
        "/v1/flows", {"name": "Out", "start": "d", "nodes": nodes, "edges": [], "is_published": 1}
    )
    assert made.status_code == 201, made.text
    flow = made.json()["id"]
    number = shop.account["numbers"][0]
    shop.patch(f"/v1/numbers/{number['id']}", {"dest_kind": "flow", "dest_id": flow})
    call_id = new_call_id()
    shop.system.route(call_id, number["e164"])
    edge = shop.system.edge
    told = edge.post("/flow", json={"callId": call_id, "flowId": flow}).json()
    assert told["command"] == "dial", told
    shop.system.report(call_id, "end")
    assert shop.record(call_id)[0] == 0, "nobody has said that somebody answered"
    gone = {"callId": call_id, "outcome": "hangup", "seq": 1, "data": {"duration": 1}}
    assert edge.post("/flow", json=gone).status_code == 200
    assert edge.post("/flow", json=gone).status_code == 200
    eventually(
        lambda: shop.record(call_id) == (12_000, "EUR", f"{shop.plan['id']}:out:44"), timeout=20
    )


def test_a_late_answer_corrects_the_cost(shop: Shop) -> None:
    call_id = shop.dial("+442079460000")
    shop.system.report(call_id, "end", START + 90_000)
    assert shop.record(call_id)[0] == 0
    shop.system.report(call_id, "answered", START)
    assert shop.record(call_id)[0] == 24_000


def test_webhooks_say_the_cost_of_a_call_that_was_rated(shop: Shop) -> None:
    with sink() as hook:
        made = shop.post("/v1/webhooks", {"url": hook.url(), "events": ["call.ended"]})
        assert made.status_code == 201, made.text
        rated, inside = shop.dial("+442079460000"), shop.dial("1002")
        for call_id in (rated, inside):
            shop.talk(call_id, 60)
        assert eventually(lambda: len(hook.received) == 2, 20)
        told = {one.call_id: one.json["data"] for one in hook.received}
        assert (told[rated]["cost_micros"], told[rated]["currency"]) == (12_000, "EUR")
        assert "cost_micros" not in told[inside]


def test_a_quote_is_what_the_call_will_cost(shop: Shop) -> None:
    path = f"/v1/rate-plans/{shop.plan['id']}/quote"
    answer = shop.get(path, to="+44 7911 123456", seconds=31)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "ok": 1,
        "rate_id": f"{shop.plan['id']}:out:447",
        "number": "447911123456",
        "direction": "out",
        "prefix": "447",
        "label": "",
        "seconds": 31,
        "billed_sec": 36,
        "cost_micros": 18_500,
        "currency": "EUR",
    }
    call_id = shop.dial("+447911123456")
    shop.talk(call_id, 31)
    assert shop.record(call_id)[0] == answer.json()["cost_micros"]
    unescaped = shop.client.get(f"{path}?to=+442079460000", headers=shop.headers).json()
    assert (unescaped["label"], unescaped["billed_sec"]) == ("UK", 60)
    assert shop.get(path, to="(202) 555-0123").json()["rate_id"].endswith(":out:")


def test_a_quote_that_cannot_be_given_says_why(system: System, shop: Shop) -> None:
    path = f"/v1/rate-plans/{shop.plan['id']}/quote"
    assert pointers(shop.get(path, to="hello")) == ["/to"]
    assert pointers(shop.get(path, to="+44\0")) == ["/to"]
    assert pointers(shop.get(path)) == ["/to"]
    assert pointers(shop.get(path, to="+4420", seconds=-1)) == ["/seconds"]
    assert pointers(shop.get(path, to="+442079460000", seconds=10**30)) == ["/seconds"]
    assert pointers(shop.get(path, to="+442079460000", direction="up")) == ["/direction"]
    assert shop.get(path, to="+442079460000", direction="in").status_code == 404
    assert shop.get("/v1/rate-plans/rate_none/quote", to="+442079460000").status_code == 404
    narrow = Api(system, shop.account["account"]["id"], "cdr")
    assert narrow.get(path, to="+442079460000").status_code == 403


def test_every_bad_rate_is_named(shop: Shop) -> None:
    rates = [
        {"prefix": "+44", "micros_per_min": 1},
        {"prefix": "33", "micros_per_min": "dear", "colour": 1},
        {"prefix": "33", "micros_per_min": 2**70},
    ]
    bad = {"name": "", "currency": "euro", "rates": rates}
    assert pointers(shop.post("/v1/rate-plans", bad)) == [
        "/currency",
        "/name",
        "/rates/0/prefix",
        "/rates/1/colour",
        "/rates/1/micros_per_min",
        "/rates/2/micros_per_min",
    ]
    twice = [{"prefix": "33", "micros_per_min": 1}, {"prefix": "33", "micros_per_min": 2}]
    path = f"/v1/rate-plans/{shop.plan['id']}"
    assert pointers(shop.patch(path, {"rates": twice})) == ["/rates/1/prefix"]
    assert len(shop.get(path).json()["rates"]) == 3


def test_a_plan_of_the_largest_size_is_taken_and_used(shop: Shop) -> None:
    many = [
        {"prefix": f"44{n}", "micros_per_min": 10**11, "label": "x" * 20} for n in range(1000, 6000)
    ]
    path = f"/v1/rate-plans/{shop.plan['id']}"
    answer = shop.patch(path, {"rates": many})
    assert answer.status_code == 200, answer.text
    call_id = shop.dial("+442079460000")
    shop.talk(call_id, 1)
    assert shop.record(call_id)[0] == 10**11
    assert pointers(shop.patch(path, {"rates": [*many, {"micros_per_min": 1}]})) == ["/rates"]


def test_a_plan_comes_from_a_file_and_doing_it_twice_changes_nothing(
    system: System, account: dict[str, Any]
) -> None:
    plan = {"name": "Retail", "currency": "EUR", "rates": RATES}
    document = {"account": account["account"], "rate_plans": [plan]}
    assert len(system.apply(document)) == 1
    assert system.apply(document) == {}
    (row,) = (
        Api(system, account["account"]["id"]).get("/v1/rate-plans", name="Retail").json()["rows"]
    )
    assert [rate["micros_per_min"] for rate in row["rates"]] == [90_000, 12_000, 30_000]


def test_a_plan_in_use_stays_unless_forced(shop: Shop) -> None:
    path = f"/v1/rate-plans/{shop.plan['id']}"
    assert shop.delete(path).status_code == 409
    assert shop.delete(path, force=1).status_code == 200
    call_id = shop.dial("+442079460000")
    shop.talk(call_id, 60)
    assert shop.record(call_id) == (None, None, None)
