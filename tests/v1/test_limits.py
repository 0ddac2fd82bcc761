"""How often a credential may ask, and how often an address without a good one (spec 06)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.http.buckets import Buckets, Level
from tests.support.system import Gateway, System
from tests.v1.test_rows import Api, pointers

FIELDS = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")
SLOW = {"api_rate": "0.01", "api_stranger_rate": "0.01"}
"""One request in a hundred seconds: as good as never within a test."""


# Buckets


def test_a_bucket_is_full_at_first_and_fills_with_time() -> None:
    buckets = Buckets(rate=2, burst=3)
    assert [buckets.take("a", 0.0).left for _ in range(3)] == [2, 1, 0]
    assert buckets.take("a", 0.0) == Level(False, 0, 2, 1)
    assert buckets.take("b", 0.0) == Level(True, 2, 1, 0)
    assert buckets.take("a", 0.25).is_taken is False
    assert buckets.take("a", 0.5) == Level(True, 0, 2, 1)
    assert buckets.take("a", 1000.0) == Level(True, 2, 1, 0)


def test_what_is_given_back_is_there_again_and_never_more_than_full() -> None:
    buckets = Buckets(rate=1, burst=1)
    buckets.take("a", 0.0)
    buckets.give_back("a")
    buckets.give_back("a")
    buckets.give_back("nobody")
    assert [buckets.take("a", 0.0).is_taken for _ in range(2)] == [True, False]


def test_without_a_rate_there_is_no_limit() -> None:
    buckets = Buckets(rate=0, burst=1)
    assert all(buckets.take("a", 0.0).is_taken for _ in range(10))


def test_of_too_many_the_longest_unused_are_forgotten() -> None:
    buckets = Buckets(rate=1, burst=1, most=2)
    for name in ("a", "b", "a", "c"):
        buckets.take(name, 0.0)
    assert len(buckets) == 2
    assert [buckets.take(name, 0.0).is_taken for name in ("a", "b")] == [False, True]


@given(st.lists(st.floats(0, 0.5), max_size=200), st.integers(1, 10), st.integers(1, 20))
def test_nobody_gets_more_than_burst_and_rate(pauses: list[float], rate: int, burst: int) -> None:
    buckets, now, taken = Buckets(rate, burst), 0.0, 0
    for pause in pauses:
        now += pause
        level = buckets.take("a", now)
        taken += level.is_taken
        assert 0 <= level.left < burst
        assert level.is_taken or level.next_in >= 1
    assert taken <= burst + rate * now + 1e-6


# The API


def whoami(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.get(
        "/v1/whoami", headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"])


@pytest.fixture
def tight(system: System) -> Iterator[Gateway]:
    """Five requests of each credential, and five of each address without one."""
    tight = {"api_burst": "5", "api_stranger_burst": "5", "trusted_proxies": "127.0.0.1"}
    with system.another_api(**SLOW, **tight) as gateway:
        yield gateway


def test_a_credential_that_asks_too_often_is_told_when_to_come_again(
    api: Api, tight: Gateway, system: System, account: dict[str, Any]
) -> None:
    here = api.at(tight.client)
    answers = [here.get("/v1/whoami") for _ in range(6)]
    assert [one.status_code for one in answers] == [200] * 5 + [429]
    assert [one.headers["ratelimit-remaining"] for one in answers] == list("432100")
    assert {one.headers["ratelimit-limit"] for one in answers} == {"5"}
    assert 0 < int(answers[0].headers["ratelimit-reset"]) <= 100
    assert 0 < int(answers[5].headers["retry-after"]) <= 100
    assert pointers(answers[5], 429) == []
    # the same key shown in another way is the same; another key is another
    bearer = {"authorization": f"Bearer {here.headers['x-api-key']}"}
    assert [whoami(tight.client, **bearer).status_code for _ in range(3)][1:] == [429, 429]
    other = Api(system, account["account"]["id"]).at(tight.client)
    assert other.get("/v1/whoami").status_code == 200
    assert tight.client.get("/healthz").headers.keys().isdisjoint(FIELDS)


def test_every_answer_says_what_is_left(api: Api, tight: Gateway) -> None:
    here = api.at(tight.client)
    for answer, status in (
        (here.get("/v1/nothing"), 404),
        (here.post("/v1/users", {"username": ""}), 400),
        (here.client.put("/v1/users", headers=here.headers), 405),
        (tight.client.get("/v1/openapi.json"), 200),
        (tight.client.get("/v1/whoami"), 401),
    ):
        assert answer.status_code == status
        assert all(answer.headers[name].isdigit() for name in FIELDS)


def test_guessing_comes_to_an_end_and_nobody_else_is_kept_out(api: Api, tight: Gateway) -> None:
    here = api.at(tight.client)
    assert here.get("/v1/whoami").status_code == 200
    guessed = [whoami(tight.client, x_api_key=f"sk_guess{n}").status_code for n in range(7)]
    assert guessed == [401] * 5 + [429] * 2
    assert whoami(tight.client).status_code == 429
    assert here.get("/v1/whoami").status_code == 200, "the key was good before"
    elsewhere = {"x_api_key": "sk_guess", "x_forwarded_for": "203.0.113.9"}
    assert whoami(tight.client, **elsewhere).status_code == 401


def test_a_host_with_many_addresses_is_one(tight: Gateway) -> None:
    guessed = [
        whoami(tight.client, x_api_key="sk_guess", x_forwarded_for=f"2001:db8::{n}").status_code
        for n in range(6)
    ]
    assert guessed == [401] * 5 + [429]
    other = {"x_api_key": "sk_guess", "x_forwarded_for": "2001:db8:0:1::1"}
    assert whoami(tight.client, **other).status_code == 401


def test_a_good_credential_costs_its_address_nothing(
    system: System, account: dict[str, Any], tight: Gateway
) -> None:
    keys = [system.key(account["account"]["id"], "cdr") for _ in range(7)]
    assert [whoami(tight.client, x_api_key=key).status_code for key in keys] == [200] * 7
    for number in range(7):
        other = {"x-api-key": system.key(account["account"]["id"], "cdr")}
        assert tight.client.get(f"/v1/users/{number}", headers=other).status_code == 403


def test_a_credential_beside_a_made_up_one_is_no_way_round(api: Api, tight: Gateway) -> None:
    """Each request looks new, so it pays from both buckets once the key's own is empty."""
    good, codes = ("x-api-key", api.headers["x-api-key"]), []
    for number in range(14):
        for headers in (
            [good, ("x-api-key", f"sk_{number}")],
            [("x-api-key", f"sk_{number}"), good],
        ):
            answer = tight.client.get("/v1/whoami", headers=headers)
            codes.append(answer.status_code)
    assert codes.count(200) <= 10
    assert codes[-1] == 429


def test_a_revoked_key_is_a_guess(api: Api, tight: Gateway) -> None:
    made = api.post("/v1/keys/generate", {"name": "x", "scopes": ["cdr"]}).json()
    assert whoami(tight.client, x_api_key=made["key"]).status_code == 200
    gone = {"key_id": made["id"]}
    api.client.request("DELETE", "/v1/keys/revoke", headers=api.headers, json=gone)
    codes = [whoami(tight.client, x_api_key=made["key"]).status_code for _ in range(7)]
    assert codes == [401] * 6 + [429]


def test_a_rate_of_0_is_no_limit(api: Api) -> None:
    answers = [api.get("/v1/whoami") for _ in range(20)]
    assert {one.status_code for one in answers} == {200}
    assert answers[0].headers.keys().isdisjoint(FIELDS)
