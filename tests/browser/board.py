"""A wallboard page as a person reads it."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.http.test_agents import Shop

GAUGES = ("waiting", "serviceLevelPct", "abandonRatePct", "asaMs", "ahtMs", "occupancyPct")
FIGURES = ("serviceLevelPct", "abandonRatePct", "asaMs")


class Board:
    def __init__(self, page: Page) -> None:
        self.page = page

    def gauge(self, name: str) -> int:
        return _value(self.page.locator(f"[data-gauge={name}]"))

    def queue(self, id: str) -> Locator:
        return self.page.locator(f"[data-queue={id}]")

    def figure(self, id: str, member: str) -> int:
        return _value(self.queue(id).locator(f"[data-member={member}]"))

    def agent(self, id: str) -> Locator:
        return self.page.locator(f"[data-agent={id}]")

    def is_live(self) -> None:
        expect(self.page.get_by_text("Live", exact=True)).to_be_visible()

    def seconds(self, locator: Locator) -> int:
        """Of a time as it is shown, `1:02`."""
        found = 0
        for part in locator.inner_text().split(":"):
            found = found * 60 + int(part)
        return found


def _value(locator: Locator) -> int:
    return int(locator.get_attribute("value") or -1)


def link_to(shop: Shop, key: str, query: str = "") -> str:
    return f"{shop.system.realtime_url}/wallboard{query}#key={key}"


def key_of(shop: Shop) -> str:
    return shop.system.key(shop.account_id, "wallboard", "queues", "agents")


Opened = Callable[..., Page]


def on_board(opened: Opened, shop: Shop, query: str = "", **options: object) -> Board:
    board = Board(opened(link_to(shop, key_of(shop), query), **options))
    board.is_live()
    return board
