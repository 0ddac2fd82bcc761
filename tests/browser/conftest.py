"""Chromium as the machine has it, and pages that must not complain."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.http.test_agents import Shop
from tests.support.system import System

PATIENCE = 15_000
"""Milliseconds that a page may take for anything, on a machine that has much to do."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "tests/browser/install.sh installs it"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        # Chromium has no sandbox for root
        arguments = ["--no-sandbox"] if os.getuid() == 0 else []
        yield playwright.chromium.launch(executable_path=chromium, args=arguments)


Open = Callable[..., Page]


@pytest.fixture
def complaints() -> list[str]:
    """What pages have written to their console, and errors that nobody has caught."""
    return []


@pytest.fixture
def expected() -> list[str]:
    """Parts of complaints that a test provokes: browsers note each request that fails."""
    return []


@pytest.fixture
def opened(browser: Browser, complaints: list[str], expected: list[str]) -> Iterator[Open]:
    """Opens pages; none of them may have complained in the end, but of what is expected."""
    contexts = []

    def open_page(url: str, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: _note(complaints, said))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [one for one in complaints if not any(part in one for part in expected)] == []


def _note(complaints: list[str], said: ConsoleMessage) -> None:
    if said.type in ("error", "warning"):
        complaints.append(said.text)


@pytest.fixture
def shop(system: System) -> Shop:
    return Shop(system, wrap_up_sec=0)


@pytest.fixture
def unattended(system: System) -> Shop:
    """Where callers wait: its one agent who is logged in has lunch."""
    return at_lunch(Shop(system))


def at_lunch(shop: Shop) -> Shop:
    shop.ready(1001)
    shop.agent(1001, "pause", reason="lunch")
    return shop
