"""The wallboard page: what it shows is what the API says, and it never shows old values as new."""

import re
import signal
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.board import FIGURES, GAUGES, Board, key_of, link_to, on_board
from tests.browser.conftest import Open, at_lunch
from tests.http.test_agents import Shop
from tests.support.system import System, eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def serve(shop: Shop) -> None:
    """A caller comes, Alice takes him, and he hangs up."""
    call_id = shop.call()
    confirm(shop)
    shop.system.report(call_id, "end")


def confirm(shop: Shop) -> None:
    def offered() -> Any:
        agent = shop.look("1001")
        return agent if agent["state"] == "offering" else None

    assert shop.confirm(eventually(offered))[0] == 200


def test_a_link_opens_it_and_its_key_leaves_the_address(opened: Open, shop: Shop) -> None:
    board = on_board(opened, shop)
    assert board.page.url == f"{shop.system.realtime_url}/wallboard"
    expect(board.page.get_by_role("heading", level=1)).to_have_text(
        shop.document["account"]["name"]
    )
    board.page.reload()
    board.is_live()


def test_a_key_is_typed_in(opened: Open, shop: Shop) -> None:
    page = opened(f"{shop.system.realtime_url}/wallboard")
    page.get_by_label("API key").fill(key_of(shop))
    page.keyboard.press("Enter")
    Board(page).is_live()
    page.get_by_label("Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    page.reload()
    expect(page.get_by_label("API key")).to_be_visible()


def test_a_wrong_key_is_refused_in_plain_words(
    opened: Open, shop: Shop, expected: list[str]
) -> None:
    expected.append("status of 40")
    page = opened(link_to(shop, "sk_nobody"))
    expect(page.get_by_role("alert")).to_contain_text("unknown, revoked or expired")
    page.get_by_label("API key").fill(shop.system.key(shop.account_id, "cdr"))
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_contain_text("wallboard")
    expect(page.get_by_label("API key")).to_be_visible()


def test_what_it_shows_is_what_the_api_says(opened: Open, shop: Shop) -> None:
    shop.ready(1001)
    board = on_board(opened, shop)
    for _ in range(2):
        serve(shop)
    shop.agent(1001, "pause", reason="lunch")
    waiting = shop.call()
    expect(board.page.locator(f'[data-caller="{waiting}"]')).to_be_visible()
    expect(board.agent(shop.alice)).to_have_attribute("data-bucket", "paused")
    expect(board.agent(shop.alice)).to_contain_text("lunch")
    headers = {"x-api-key": key_of(shop)}

    def same() -> bool:
        (row,) = shop.system.api.get("/v1/queues", headers=headers).json()["rows"]
        data = shop.system.realtime.get("/wallboard/data", headers=headers).json()
        for name in GAUGES:
            assert board.gauge(name) == data["kpis"]["gauges"][name], name
        for name in FIGURES:
            member = re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
            assert board.figure(shop.queue, name) == row["kpis"][member], name
        assert board.figure(shop.queue, "waiting") == row["kpis"]["waiting"] == 1
        assert row["kpis"]["answered"] == 2
        shown = data["snapshot"][f"queue:{shop.queue}"]
        assert board.figure(shop.queue, "ready") == shown["ready"] == 0
        assert board.figure(shop.queue, "busy") == shown["busy"] == 0
        return True

    assert eventually(same)


def test_a_caller_is_seen_at_once_and_his_wait_ticks(opened: Open, unattended: Shop) -> None:
    board = on_board(opened, unattended)
    expect(board.queue(unattended.queue)).to_contain_text("Nobody waits")
    call_id = unattended.call()
    caller = board.page.locator(f'[data-caller="{call_id}"]')
    expect(caller).to_contain_text("nobody rings")
    longest = board.queue(unattended.queue).locator("[data-member=longest] time")
    before = board.seconds(longest)
    eventually(lambda: board.seconds(longest) >= before + 3)
    unattended.system.report(call_id, "end")
    expect(board.queue(unattended.queue)).to_contain_text("Nobody waits")


def test_a_wait_ticks_by_the_servers_clock(opened: Open, unattended: Shop) -> None:
    page = opened(f"{unattended.system.realtime_url}/wallboard")
    page.clock.install()
    page.clock.set_system_time("2020-01-01")
    page.get_by_label("API key").fill(key_of(unattended))
    page.keyboard.press("Enter")
    board = Board(page)
    board.is_live()
    unattended.call()
    longest = board.queue(unattended.queue).locator("[data-member=longest] time")
    eventually(lambda: 2 <= board.seconds(longest) < 30, 25)


def test_wrap_up_counts_down(opened: Open, system: System) -> None:
    shop = Shop(system, wrap_up_sec=60)
    shop.ready(1001)
    board = on_board(opened, shop)
    serve(shop)
    agent = board.agent(shop.alice)
    expect(agent).to_have_attribute("data-bucket", "wrapup")
    expect(agent).to_contain_text(re.compile(r"Wrap-up · 0:[345]\d left"))
    shop.agent(1001, "wrapup_done")
    expect(agent).to_have_attribute("data-bucket", "ready")


def test_a_queue_turns_red_when_somebody_waits_too_long(opened: Open, system: System) -> None:
    shop = at_lunch(Shop(system, alarm_wait_sec=2, alarm_sl_pct=0))
    board = on_board(opened, shop)
    tile = board.queue(shop.queue)
    call_id = shop.call()
    expect(tile).to_have_attribute("data-red", "false")
    expect(tile).to_have_attribute("data-red", "true")
    expect(tile).to_contain_text("Longest wait over 0:02")
    expect(board.page.get_by_text("1 queue needs attention")).to_be_visible()
    expect(board.page).to_have_title(re.compile(r"^\(1\) "))
    shop.system.report(call_id, "end")
    expect(tile).to_have_attribute("data-red", "false")
    expect(board.page).to_have_title(re.compile("^Wallboard"))


def test_a_queue_turns_red_when_too_few_are_answered_in_time(
    opened: Open, unattended: Shop
) -> None:
    board = on_board(opened, unattended)
    unattended.system.report(unattended.call(), "end")  # gave up
    tile = board.queue(unattended.queue)
    expect(tile).to_have_attribute("data-red", "true")
    expect(tile).to_contain_text("Service level under 60 %")


def test_why_nobody_rings_is_said_agent_by_agent(opened: Open, shop: Shop) -> None:
    shop.ready(1001)
    shop.ready(1002)
    shop.agent(1001, "pause", reason="lunch")
    shop.contact("1002", "unregistered")
    board = on_board(opened, shop)
    call_id = shop.call()
    board.page.locator(f'[data-caller="{call_id}"]').click()
    panel = board.page.get_by_role("region", name="Why is nobody ringing?")
    expect(panel).to_contain_text("Of 2 agents: 1 on break, 1 not reachable.")
    expect(panel.locator("[data-reason=on_break]")).to_contain_text("Alice")
    expect(panel.locator("[data-reason=on_break]")).to_contain_text("On break: lunch")
    expect(panel.locator("[data-reason=unreachable]")).to_contain_text("Bob")
    shop.agent(1001, "unpause")
    expect(panel.locator("[data-reason=rings]")).to_contain_text("Alice")
    confirm(shop)
    expect(board.page.get_by_text("The caller does not wait any more.")).to_be_visible()
    board.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_agents_are_found_by_state_queue_and_name(opened: Open, shop: Shop) -> None:
    shop.ready(1001)
    board = on_board(opened, shop)
    alice, bob = board.agent(shop.alice), board.agent(shop.bob)
    expect(alice).to_have_attribute("data-bucket", "ready")
    board.page.locator("[data-bucket-count=ready]").click()
    expect(bob).to_be_hidden()
    board.page.locator("[data-bucket-count=ready]").click()
    board.page.get_by_label("Find an agent").fill("bo")
    expect(alice).to_be_hidden()
    expect(bob).to_be_visible()
    board.page.get_by_label("Find an agent").fill("nobody")
    board.page.get_by_role("button", name="Show all agents").click()
    expect(alice).to_be_visible()


def test_while_the_service_is_away_values_are_called_old(
    opened: Open, own_system: System, expected: list[str]
) -> None:
    shop = Shop(own_system, wrap_up_sec=0)
    shop.ready(1001)
    board = on_board(opened, shop)
    expect(board.agent(shop.alice)).to_have_attribute("data-bucket", "ready")
    expected.append("ERR_")
    own_system.kill("realtime", signal.SIGSTOP)
    expect(board.page.get_by_text("Not live")).to_be_visible()
    # old ones stay to be seen, grey
    expect(board.agent(shop.alice)).to_be_visible()
    eventually(lambda: float(_style(board.page, "opacity")) < 1)  # it fades
    own_system.kill("realtime", signal.SIGKILL)
    shop.agent(1001, "pause", reason="lunch")
    board.is_live()
    expect(board.agent(shop.alice)).to_have_attribute("data-bucket", "paused")
    expect(board.page.get_by_text("Not live")).to_be_hidden()
    eventually(lambda: float(_style(board.page, "opacity")) == 1)
    expect(board.page.locator("footer")).to_contain_text("reconnected 1×")


def _style(page: Page, name: str) -> str:
    found = page.locator("main").evaluate(f"element => getComputedStyle(element).{name}")
    return str(found)


def test_where_no_websocket_gets_through_the_same_comes_another_way(
    opened: Open, unattended: Shop, expected: list[str]
) -> None:
    key = key_of(unattended)
    page = opened(f"{unattended.system.realtime_url}/wallboard")
    expected.append("ws://127.0.0.1:1/")
    page.add_init_script(
        "window.WebSocket = class extends WebSocket {"
        "  constructor() { super('ws://127.0.0.1:1/'); }"
        "}"
    )
    page.reload()
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    board = Board(page)
    board.is_live()
    expect(page.locator("footer")).to_contain_text("server-sent events")
    call_id = unattended.call()
    page.locator(f'[data-caller="{call_id}"]').click()
    expect(page.get_by_text("Of 2 agents: 1 on break, 1 not logged in.")).to_be_visible()


def test_a_key_that_is_revoked_closes_it(opened: Open, shop: Shop) -> None:
    owner = {"x-api-key": shop.system.key(shop.account_id)}
    board = on_board(opened, shop)
    keys = shop.system.api.get("/v1/keys", headers=owner).json()["keys"]
    (mine,) = [row["id"] for row in keys if "wallboard" in row["scopes"]]
    gone = shop.system.api.request(
        "DELETE", "/v1/keys/revoke", json={"key_id": mine}, headers=owner
    )
    assert gone.status_code == 200
    expect(board.page.get_by_role("alert")).to_contain_text("revoked")
    expect(board.page.locator("[data-queue]")).to_have_count(0)


def test_light_and_dark_follow_the_system_until_somebody_chooses(opened: Open, shop: Shop) -> None:
    board = on_board(opened, shop, color_scheme="dark")
    assert _ground(board.page) == "rgb(13, 18, 25)"
    board.page.get_by_label("Colours: as the system").click()
    eventually(lambda: _ground(board.page) == "rgb(243, 245, 248)")
    board.page.get_by_label("Colours: light").click()
    eventually(lambda: _ground(board.page) == "rgb(13, 18, 25)")
    board.page.reload()
    expect(board.page.get_by_label("Colours: dark")).to_be_visible()


def _ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_on_a_wall_nothing_has_to_be_scrolled(opened: Open, system: System) -> None:
    shop = Shop(system)
    board = on_board(opened, shop, "?tv=1", viewport={"width": 1920, "height": 1080})
    page = board.page
    expect(page.get_by_label("Sign out")).to_have_css("opacity", "1")
    expect(page.locator("header >> nth=0")).to_have_attribute("data-tv", "true")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    expect(page.locator("header >> nth=0")).to_have_attribute("data-tv", "false")
    assert page.url.endswith("/wallboard")


def test_a_phone_shows_it_without_scrolling_sideways(opened: Open, unattended: Shop) -> None:
    unattended.call()
    board = on_board(opened, unattended, viewport={"width": 360, "height": 740})
    assert board.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_alarm_can_be_heard_and_muted(opened: Open, shop: Shop) -> None:
    board = on_board(opened, shop)
    board.page.get_by_label("Sound the alarm").click()
    expect(board.page.get_by_label("Mute the alarm")).to_have_attribute("aria-pressed", "true")
    board.page.reload()
    board.page.get_by_label("Mute the alarm").click()
    expect(board.page.get_by_label("Sound the alarm")).to_be_visible()


def test_the_way_from_an_event_to_the_screen_is_measured(opened: Open, shop: Shop) -> None:
    board = on_board(opened, shop)
    footer = board.page.locator("[data-latency]")

    def measured() -> bool:
        for event in ("available", "pause"):
            shop.agent(1001, event)
        return int(footer.get_attribute("data-latency") or 0) > 2

    assert eventually(measured, every=0.5)
    expect(footer).to_contain_text(re.compile(r"\d+ ms p50 · \d+ ms p99"))


def test_an_account_without_queues_and_agents_says_so(
    opened: Open, account: dict[str, Any], system: System
) -> None:
    key = system.key(account["account"]["id"], "wallboard")
    page = opened(f"{system.realtime_url}/wallboard#key={key}")
    expect(page.get_by_text("No queues yet")).to_be_visible()
    expect(page.get_by_text("No agents yet")).to_be_visible()


def test_an_answer_that_is_none_is_told(opened: Open, shop: Shop, expected: list[str]) -> None:
    page = opened(f"{shop.system.realtime_url}/wallboard")

    def away(route: Route) -> None:
        route.abort()

    expected.append("ERR_FAILED")
    page.route("**/wallboard/ticket", away)
    page.get_by_label("API key").fill(key_of(shop))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer.")
    page.unroute("**/wallboard/ticket")
    Board(page).is_live()
