"""The tree of accounts: resellers make children and act for them, and for nobody else (spec 02)."""

from typing import Any

import pytest

from tests.support.system import System, acme, new_call_id
from tests.v1.test_rows import Api, pointers


class Acting(Api):
    """The same key, acting for another account."""

    def __init__(self, api: Api, account_id: str) -> None:
        self.headers = {**api.headers, "x-account-id": account_id}
        self.client = api.client


@pytest.fixture
def reseller(system: System) -> Api:
    document = acme()
    document["account"] |= {
        "is_reseller": 1,
        "timezone": "Europe/Berlin",
        "brand_name": "Blue Telecom",
        "brand_domain": "blue.example",
    }
    system.apply(document)
    return Api(system, document["account"]["id"])


def child_of(api: Api, **members: Any) -> dict[str, Any]:
    made = api.post("/v1/accounts", {"name": "Child", **members})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def test_a_child_begins_with_its_parents_defaults_and_wears_its_brand(reseller: Api) -> None:
    child = child_of(reseller, country="DE")
    assert (child["timezone"], child["country"], child["brand_name"]) == (
        "Europe/Berlin",
        "DE",
        None,
    )
    own = reseller.get("/v1/account").json()
    assert child["parent_id"] == own["id"]
    found = reseller.get(f"/v1/accounts/{child['id']}").json()
    brand = {"name": "Blue Telecom", "domain": "blue.example", "account_id": own["id"]}
    assert found["brand"] == brand
    reseller.patch("/v1/account", {"brand_name": "Green Telecom"})
    found = reseller.get(f"/v1/accounts/{child['id']}").json()
    assert found["brand"]["name"] == "Green Telecom"
    reseller.patch(f"/v1/accounts/{child['id']}", {"brand_name": "Small Shop"})
    found = reseller.get(f"/v1/accounts/{child['id']}").json()
    assert found["brand"] == {"name": "Small Shop", "domain": None, "account_id": child["id"]}


def test_a_reseller_acts_for_those_below_it_at_any_depth(system: System, reseller: Api) -> None:
    child = child_of(reseller, is_reseller=1)
    for_child = Acting(reseller, child["id"])
    grandchild = child_of(for_child)
    assert grandchild["parent_id"] == child["id"]
    for_grandchild = Acting(reseller, grandchild["id"])
    made = for_grandchild.post("/v1/users", {"username": "1001"})
    assert made.status_code == 201
    assert for_grandchild.get("/v1/whoami").json()["accountId"] == grandchild["id"]
    assert for_child.get(f"/v1/users/{made.json()['id']}").status_code == 404
    below = {row["id"] for row in reseller.get("/v1/accounts").json()["rows"]}
    assert below == {child["id"], grandchild["id"]}
    of_child = reseller.get("/v1/accounts", parent_id=child["id"]).json()["rows"]
    assert [row["id"] for row in of_child] == [grandchild["id"]]
    changes = for_grandchild.get("/v1/audit").json()["rows"]
    assert [change["action"] for change in changes] == ["create", "create"]


def test_nobody_acts_for_an_account_that_is_not_below_his(system: System, reseller: Api) -> None:
    child = child_of(reseller)
    stranger = acme()
    system.apply(stranger)
    foreign = stranger["account"]["id"]
    for api, wanted in (
        (reseller, foreign),
        (reseller, "acc_nobody"),
        (Api(system, child["id"]), reseller.get("/v1/account").json()["id"]),
        (Api(system, foreign), child["id"]),
    ):
        for path in ("/v1/users", "/v1/whoami", "/v1/account"):
            answer = Acting(api, wanted).get(path)
            assert answer.status_code == 403, path
        assert api.get(f"/v1/accounts/{wanted}").status_code == 404
        assert api.patch(f"/v1/accounts/{wanted}", {"name": "Mine"}).status_code == 404
        assert api.delete(f"/v1/accounts/{wanted}").status_code == 404
    weak = Api(system, reseller.get("/v1/account").json()["id"], "users")
    answer = Acting(weak, child["id"]).get("/v1/users")
    assert answer.status_code == 403
    assert "'accounts'" in answer.json()["detail"]


def test_what_binds_a_child_to_its_parent_is_the_parents_to_say(
    system: System, reseller: Api
) -> None:
    child = child_of(reseller, max_out=2)
    own = Api(system, child["id"])
    refused = own.patch("/v1/account", {"max_out": 100, "status": "active", "name": "x"})
    assert pointers(refused, 403) == ["/max_out", "/status"]
    assert own.patch("/v1/account", {"name": "Corner Shop"}).json()["name"] == "Corner Shop"
    assert pointers(own.patch("/v1/account", {"parent_id": None})) == ["/parent_id"]
    assert own.post("/v1/accounts", {"name": "Grandchild"}).status_code == 403
    raised = reseller.patch(f"/v1/accounts/{child['id']}", {"max_out": 5})
    assert raised.json()["max_out"] == 5


def test_the_platforms_bans_are_not_for_a_resellers_customers(
    system: System, reseller: Api
) -> None:
    own = Api(system, child_of(reseller)["id"])
    allow = "/v1/security/allow"
    refused = [own.get("/v1/security/bans"), own.get(allow), own.delete(f"{allow}/203.0.113.7")]
    refused.append(own.post(allow, {"ip": "203.0.113.7"}))
    assert [answer.status_code for answer in refused] == [403] * 4
    assert reseller.get("/v1/security/bans").status_code == 200


def test_a_child_goes_below_an_active_reseller_of_ones_own(system: System, reseller: Api) -> None:
    plain = child_of(reseller)["id"]
    assert reseller.post("/v1/accounts", {"name": "x", "parent_id": plain}).status_code == 403
    stranger = acme()
    stranger["account"]["is_reseller"] = 1
    system.apply(stranger)
    foreign = {"name": "x", "parent_id": stranger["account"]["id"]}
    assert pointers(reseller.post("/v1/accounts", foreign), 403) == ["/parent_id"]
    assert pointers(reseller.post("/v1/accounts", {"name": "", "country": "Norway"})) == [
        "/country",
        "/name",
    ]


def test_the_calls_of_a_suspended_account_are_refused_until_it_is_active_again(
    system: System, reseller: Api
) -> None:
    child = child_of(reseller)["id"]
    for_child = Acting(reseller, child)
    number = f"+1404{abs(hash(child)) % 10_000_000:07d}"
    made = for_child.post("/v1/numbers", {"e164": number, "dest_kind": "hangup"})
    assert made.status_code == 201, made.text
    reseller.patch(f"/v1/accounts/{child}", {"status": "suspended"})
    refused = system.route(new_call_id(), number)
    assert (refused["action"], refused["code"]) == ("reject", 403)
    reseller.patch(f"/v1/accounts/{child}", {"status": "active"})
    assert system.route(new_call_id(), number)["code"] != 403


def test_an_account_is_closed_once_all_below_it_are(reseller: Api) -> None:
    child = child_of(reseller, is_reseller=1)["id"]
    grandchild = child_of(Acting(reseller, child))["id"]
    kept = reseller.delete(f"/v1/accounts/{child}")
    assert kept.status_code == 409
    assert grandchild in kept.json()["detail"]
    assert reseller.delete(f"/v1/accounts/{grandchild}").json()["status"] == "closed"
    assert reseller.delete(f"/v1/accounts/{child}").json()["status"] == "closed"
    assert reseller.get(f"/v1/accounts/{child}").json()["status"] == "closed"


def test_the_keys_of_a_closed_account_open_nothing_and_its_reseller_still_may(
    system: System, reseller: Api
) -> None:
    child = child_of(reseller)["id"]
    own = Api(system, child)
    assert own.get("/v1/whoami").status_code == 200
    reseller.delete(f"/v1/accounts/{child}")
    assert own.get("/v1/whoami").status_code == 401
    assert Acting(reseller, child).get("/v1/users").status_code == 200


def test_a_circle_of_accounts_ends_somewhere(system: System) -> None:
    """No request makes one, but a file could."""
    one, other = acme(), acme()
    for document, above in ((one, other), (other, one)):
        document["account"]["parent_id"] = above["account"]["id"]
        system.apply(document)
    api = Api(system, one["account"]["id"])
    assert api.get("/v1/account").json()["brand"]["account_id"] is None
    assert api.get("/v1/accounts").status_code == 200
