"""Everybody can read the pages: axe-core finds nothing to complain of (WCAG 2.2 AA)."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board import on_board
from tests.browser.conftest import Open, at_lunch
from tests.browser.test_debug import monitor
from tests.http.test_agents import Shop
from tests.support.system import System

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
AXE = Path(__file__).parents[2] / "gateways/web/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def faults(page: Page) -> list[Any]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    return [
        (one["id"], [(node["html"][:200], node["failureSummary"]) for node in one["nodes"]])
        for one in found["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_wallboard(opened: Open, system: System, scheme: str) -> None:
    shop = at_lunch(Shop(system, alarm_wait_sec=0))
    call_id = shop.call()
    board = on_board(opened, shop, color_scheme=scheme)
    expect(board.queue(shop.queue)).to_have_attribute("data-red", "true")
    assert faults(board.page) == []
    board.page.locator(f'[data-caller="{call_id}"]').click()
    expect(board.page.get_by_text("Of 2 agents: 1 on break, 1 not logged in.")).to_be_visible()
    board.page.wait_for_timeout(500)  # until the drawer stands still
    assert faults(board.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_wall(opened: Open, shop: Shop, scheme: str) -> None:
    board = on_board(opened, shop, "?tv=1", color_scheme=scheme)
    expect(board.queue(shop.queue)).to_be_visible()
    assert faults(board.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_debug_page(opened: Open, shop: Shop, scheme: str) -> None:
    page = monitor(opened, shop)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    shop.ready(1001)
    expect(page.locator("[data-kind=event]").first).to_be_visible()
    page.wait_for_timeout(300)
    assert faults(page) == []


@pytest.mark.parametrize("name", ["wallboard", "debug"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_way_in(opened: Open, system: System, name: str, scheme: str) -> None:
    page = opened(f"{system.realtime_url}/{name}", color_scheme=scheme)
    expect(page.get_by_role("button", name="Open")).to_be_visible()
    assert faults(page) == []
