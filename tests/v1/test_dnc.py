"""The do-not-call list over /v1 (spec 06, DNC): list, check, import, and what it does to calls."""

from typing import Any

import httpx
import pytest

from tests.support.system import System, acme, eventually, new_call_id
from tests.v1.test_rows import Api, pointers


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"], "dnc", "accounts")


def upload(api: Api, text: str | bytes) -> httpx.Response:
    headers = {**api.headers, "content-type": "text/csv"}
    return api.client.post("/v1/dnc/import", content=text, headers=headers)


def finished(api: Api, id: str, timeout: float = 60, **params: Any) -> dict[str, Any]:
    def done() -> Any:
        found = api.get(f"/v1/dnc/import/{id}", **params).json()
        return found if found["state"] == "finished" else None

    found: dict[str, Any] = eventually(done, timeout)
    return found


def test_a_number_is_listed_checked_and_taken_off(api: Api) -> None:
    made = api.post("/v1/dnc", {"e164": "(415) 555-0100", "reason": "asked", "source": "crm"})
    assert made.status_code == 201, made.text
    row = made.json()
    assert (row["id"], row["e164"], row["reason"]) == ("14155550100", "14155550100", "asked")
    for form in ("+14155550100", "14155550100", "415 555 0100"):
        found = api.get("/v1/dnc/check", e164=form).json()
        assert (found["e164"], found["listed"], found["source"]) == ("14155550100", 1, "crm")
    assert api.get("/v1/dnc").json()["rows"] == [row]
    assert api.delete("/v1/dnc/14155550100").json() == {"ok": 1, "e164": "14155550100"}
    assert api.get("/v1/dnc/check", e164="+14155550100").json()["listed"] == 0
    assert api.delete("/v1/dnc/14155550100").status_code == 404
    api.post("/v1/dnc", {"e164": "+14155550100"})
    assert api.delete("/v1/dnc", e164="415-555-0100").json()["e164"] == "14155550100"
    assert pointers(api.delete("/v1/dnc")) == ["/e164"]


def test_listing_again_changes_what_is_said_and_nothing_else(system: System, api: Api) -> None:
    body = {"e164": "+4930123456", "reason": "first"}
    first = api.post("/v1/dnc", body).json()
    assert api.post("/v1/dnc", body).json() == first
    second = api.post("/v1/dnc", {**body, "reason": "second"}).json()
    assert (second["reason"], second["created_at"]) == ("second", first["created_at"])
    with system.database() as connection:
        stored = connection.execute(
            "SELECT topic FROM events.stored_events WHERE originator_id = %s",
            (f"dnc-{first['account_id']}",),
        ).fetchall()
    assert [row["topic"] for row in stored] == ["dnc.listed.v1"] * 2


def test_what_has_expired_is_not_on_the_list(api: Api) -> None:
    api.post("/v1/dnc", {"e164": "+14155550101", "expires_at": 1_700_000_000})
    assert api.get("/v1/dnc/check", e164="+14155550101").json()["listed"] == 0
    assert api.get("/v1/dnc").json()["rows"] == []


def test_bad_members_are_named(api: Api) -> None:
    assert pointers(api.post("/v1/dnc", {"e164": "nobody"})) == ["/e164"]
    assert pointers(api.post("/v1/dnc", {"e164": "+14155550100", "reason": "a\nb"})) == ["/reason"]
    assert pointers(api.post("/v1/dnc", {"reason": "x", "colour": "red"})) == ["/colour", "/e164"]
    assert pointers(api.get("/v1/dnc/check")) == ["/e164"]
    assert pointers(api.get("/v1/dnc/check", e164="x")) == ["/e164"]
    assert pointers(api.get("/v1/dnc", cursor="x")) == ["/cursor"]
    assert api.get("/v1/dnc/import/imp_x").status_code == 404


def test_the_list_is_paged_and_filtered(api: Api) -> None:
    numbers = [f"1415555{n:04d}" for n in range(200, 207)]
    for number in numbers:
        api.post("/v1/dnc", {"e164": "+" + number, "source": number[-1]})
    seen, cursor = list[str](), dict[str, str]()
    while True:
        page = api.get("/v1/dnc", limit=3, **cursor).json()
        seen += [row["e164"] for row in page["rows"]]
        if not page.get("next_cursor"):
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == numbers
    assert [row["e164"] for row in api.get("/v1/dnc", source="3").json()["rows"]] == [numbers[3]]
    begun = api.get("/v1/dnc", e164="+1415555020").json()["rows"]
    assert [row["e164"] for row in begun] == numbers
    assert api.get("/v1/dnc", e164="49").json()["rows"] == []


def test_another_tenants_list_is_another_list(system: System, api: Api) -> None:
    other = acme()
    system.apply(other)
    theirs = Api(system, other["account"]["id"], "dnc")
    api.post("/v1/dnc", {"e164": "+14155550100"})
    assert theirs.get("/v1/dnc").json()["rows"] == []
    assert theirs.get("/v1/dnc/check", e164="+14155550100").json()["listed"] == 0
    started = upload(api, "+14155550101\n").json()["id"]
    assert theirs.get(f"/v1/dnc/import/{started}").status_code == 404


# A file


def test_a_file_is_read_in_the_background_and_its_bad_lines_are_listed(
    system: System, api: Api
) -> None:
    lines = [f"+1415{n:07d},import" for n in range(5_550_000, 5_650_000)]
    lines[10], lines[2_500] = "nobody,x", "+14155550000,again"
    started = upload(api, "e164,reason\n" + "\n".join(lines) + "\n")
    assert started.status_code == 202, started.text
    id = started.json()["id"]
    assert started.headers["location"] == f"/v1/dnc/import/{id}"
    assert started.json()["lines"] == 100_000
    found = finished(api, id)
    assert (found["done"], found["listed"], found["rejected"]) == (100_000, 99_999, 1)
    assert found["rejects"] == [{"line": 12, "value": "nobody", "reason": "not a telephone number"}]
    assert api.get("/v1/dnc/check", e164="+14155550000").json()["reason"] == "again"
    with system.database() as connection:
        row = connection.execute(
            "SELECT count(*) AS n FROM events.stored_events WHERE topic = 'dnc.import_advanced.v1'"
            " AND convert_from(state, 'UTF8') LIKE %s",
            (f"%{id}%",),
        ).fetchone()
    assert row is not None
    assert row["n"] == 100, "a thousand numbers a fact"
    again = finished(api, upload(api, "e164,reason\n" + "\n".join(lines[11:100])).json()["id"])
    assert (again["done"], again["listed"]) == (89, 0)


def test_rejected_lines_are_paged(api: Api) -> None:
    id = upload(api, "e164\n" + "x\n" * 25).json()["id"]
    assert finished(api, id)["rejected"] == 25
    first = api.get(f"/v1/dnc/import/{id}", limit=20).json()
    rest = api.get(f"/v1/dnc/import/{id}", limit=20, cursor=first["next_cursor"]).json()
    lines = [reject["line"] for page in (first, rest) for reject in page["rejects"]]
    assert lines == list(range(2, 27))


@pytest.mark.parametrize("file", [b"", b"\n\n", b"\xff\xfe\x00", b'"open'])
def test_what_is_no_file_is_refused_at_once(api: Api, file: bytes) -> None:
    assert upload(api, file).status_code == 400
    assert api.post("/v1/dnc/import", {"e164": "+14155550100"}).status_code == 415


def test_a_file_may_be_larger_than_other_bodies_but_not_without_end(api: Api) -> None:
    line = "+14155550000," + "x" * 150 + "\n"
    assert upload(api, line * 10_000).status_code == 202
    assert upload(api, "x" * (32 * 1024 * 1024 + 1)).status_code == 413


# A call


def test_a_listed_number_is_not_called_when_the_account_says_so(
    system: System, account: dict[str, Any], api: Api
) -> None:
    device = account["devices"][0]["id"]
    trunk = {"name": "carrier", "proxy": "carrier.example", "direction": "outbound"}
    system.apply({"account": account["account"], "trunks": [trunk]})

    def dialled() -> Any:
        body = {"from_": "1001", "deviceId": device}
        return system.route(new_call_id(), "+4930123456", **body)

    api.post("/v1/dnc", {"e164": "+4930123456"})
    assert dialled()["action"] == "outbound"
    asked = {**account["account"], "dnc_outbound": 1}
    system.apply({"account": asked})
    refused = dialled()
    assert (refused["action"], refused["code"], refused["reason"]) == ("reject", 403, "Do Not Call")
    api.delete("/v1/dnc/4930123456")
    assert dialled()["action"] == "outbound"
