"""When a webhook is given up: an active one, once, with a reason that the row shows."""

import pytest

from domain.errors import NotFound
from domain.resources import Author
from domain.webhooks import disable
from events.base import Fact
from events.webhooks import WebhookDisabled
from tests.domain.rows import created
from tests.support.given import ACCOUNT, CONFIGURATION, NOW, Configuration, given

SYSTEM = Author(ACCOUNT, "system", NOW)
HOOK = {"url": "https://hooks.example/", "secret_ref": "sec_1"}


def give_up(state: Configuration) -> list[Fact]:
    return disable(state.directory, SYSTEM, "wh_1", "HTTP 410")


def test_an_active_webhook_is_disabled_and_says_why() -> None:
    row = created("webhook", "wh_1", **HOOK)
    after = given(CONFIGURATION, row).when(give_up).then_given()
    change, disabled = after.facts[1:]
    assert (change.body.status, change.body.disabled_reason) == ("disabled", "HTTP 410")  # type: ignore[attr-defined]
    assert change.changed == ("status", "disabled_reason")  # type: ignore[attr-defined]
    assert disabled == WebhookDisabled(
        account_id=ACCOUNT, at=NOW, webhook_id="wh_1", reason="HTTP 410"
    )


@pytest.mark.parametrize("status", ["paused", "disabled"])
def test_one_that_sends_nothing_anyway_is_left_alone(status: str) -> None:
    row = created("webhook", "wh_1", **HOOK, status=status)
    given(CONFIGURATION, row).when(give_up).then_nothing()


def test_one_that_is_gone_is_not_found() -> None:
    user = created("sip_user", "us_1", username="1001")
    given(CONFIGURATION, user).when(give_up).then_refused(NotFound)
