"""The debug page: what passes on the bus, filtered, paused, and what was dropped is said."""

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import Open
from tests.http.test_agents import Shop
from tests.support.system import new_call_id

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def monitor(opened: Open, shop: Shop, query: str = "") -> Page:
    key = shop.system.key(shop.account_id)
    page = opened(f"{shop.system.realtime_url}/debug{query}#key={key}")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    assert "#" not in page.url
    return page


def test_a_command_its_reply_and_its_facts_pass_by(opened: Open, shop: Shop) -> None:
    page = monitor(opened, shop)
    shop.ready(1001)
    fact = page.get_by_role("button", name="acd.agent_joined_queue.v1")
    fact.click()
    expect(page.locator("pre")).to_contain_text(shop.alice)
    expect(page.locator("[data-kind=command]").first).to_be_visible()
    expect(page.locator("[data-kind=reply]").first).to_contain_text(" ms")


def test_one_call_and_one_kind_can_be_chosen(opened: Open, shop: Shop) -> None:
    wanted, other = new_call_id(), new_call_id()
    page = monitor(opened, shop, f"?call={wanted}&type=event")
    expect(page.get_by_label("Call")).to_have_value(wanted)
    number = shop.document["numbers"][0]["e164"]
    for call_id in (other, wanted):
        shop.system.route(call_id, number)
        shop.system.report(call_id, "end")
    expect(page.get_by_role("button", name="call.ended.v1")).to_have_count(1)
    expect(page.locator("[data-kind=command]")).to_have_count(0)
    page.get_by_role("group", name="Types").get_by_text("command").click()
    page.get_by_label("Call").fill("")
    page.wait_for_url("**/debug?type=command%2Cevent")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    shop.ready(1001)
    expect(page.locator("[data-kind=command]").first).to_be_visible()
    expect(page.locator("[data-kind=reply]")).to_have_count(0)


def test_it_can_be_held(opened: Open, shop: Shop) -> None:
    page = monitor(opened, shop)
    page.get_by_role("button", name="Pause").click()
    shop.ready(1001)
    expect(page.get_by_text("held back")).to_contain_text("entries")
    expect(page.locator("[data-kind]")).to_have_count(0)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("[data-kind=event]").first).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Nothing has passed yet")).to_be_visible()


def test_what_was_dropped_is_said(opened: Open, shop: Shop) -> None:
    page = opened(f"{shop.system.realtime_url}/debug")

    def drop(socket: WebSocketRoute) -> None:
        socket.send('{"type": "entries", "dropped": 1234, "entries": []}')

    page.route_web_socket("**/debug/ws*", drop)
    page.get_by_role("textbox", name="API key").fill(shop.system.key(shop.account_id))
    page.keyboard.press("Enter")
    expect(page.get_by_text("1,234 dropped here")).to_be_visible()


def test_it_is_for_operators(opened: Open, shop: Shop, expected: list[str]) -> None:
    expected.append("status of 40")
    page = opened(f"{shop.system.realtime_url}/debug#key=sk_nobody")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_text("Admin token", exact=True).first.click()
    page.get_by_role("textbox", name="Admin token").fill("let me in")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
