"""A webhook's secret is changed while deliveries flow: both count for a day (spec 07)."""

import hashlib
import hmac
import os
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from gateways.webhooks.signature import new_secret, signed_headers
from tests.support.sink import Received, Sink
from tests.support.system import System
from tests.v1.test_rows import pointers
from tests.webhooks.hooks import Hook, all_of, finished_call, restart_sender, subscribed

DAY = 86_400


def signatures(one: Received) -> list[str]:
    return one.headers["webhook-signature"].split(" ")


def test_after_a_rotation_both_secrets_verify_a_delivery_also_after_a_restart(
    own_system: System, endpoint: Sink
) -> None:
    document = subscribed(own_system, endpoint.url(), events=("call.ended",))
    hook, (old,) = Hook(own_system, document), document["secrets"]
    rotated = hook.api.post(f"{hook.path}/rotate-secret", {})
    assert rotated.status_code == 200, rotated.text
    new, until = rotated.json()["secret"], rotated.json()["previous_secret_until"]
    assert hook.row["previous_secret_until"] == until
    assert not {"secret", "secret_ref", "previous_secret_ref"} & hook.row.keys()
    restart_sender(own_system)
    (one,) = all_of(endpoint, finished_call(own_system, document), 1)
    assert len(signatures(one)) == 2
    for secret in (new, old):
        assert Webhook(secret).verify(one.body, one.headers) == one.json
    for secret, header in ((new, "x-sipio-signature"), (old, "x-sipio-signature-previous")):
        digest = hmac.new(secret.encode(), one.body, hashlib.sha256).hexdigest()
        assert one.headers[header] == f"sha256={digest}"


def test_after_a_day_only_the_new_secret_counts(system: System, endpoint: Sink) -> None:
    document = subscribed(system, endpoint.url(), events=("call.ended",))
    hook, (old,) = Hook(system, document), document["secrets"]
    new = hook.api.post(
        f"{hook.path}/rotate-secret", {"secret": new_secret(os.urandom(32))}
    ).json()["secret"]
    with system.database() as connection:
        connection.execute(
            "UPDATE views.subscription SET previous_secret_until = previous_secret_until - %s"
            " WHERE webhook_id = %s",
            (DAY + 1, hook.id),
        )
    time.sleep(1.5)  # the sender looks every second
    (one,) = all_of(endpoint, finished_call(system, document), 1)
    assert Webhook(new).verify(one.body, one.headers) == one.json
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(one.body, one.headers)
    assert "x-sipio-signature-previous" not in one.headers


def test_a_secret_that_is_replaced_by_hand_counts_no_more(system: System) -> None:
    hook = Hook(system, subscribed(system, "https://hooks.example/"))
    hook.api.post(f"{hook.path}/rotate-secret", {})
    changed = hook.api.patch(hook.path, {"secret": new_secret(os.urandom(32))})
    assert changed.json()["previous_secret_until"] is None


def test_what_cannot_sign_is_refused(system: System) -> None:
    hook = Hook(system, subscribed(system, "https://hooks.example/"))
    path = f"{hook.path}/rotate-secret"
    assert pointers(hook.api.post(path, {"secret": "whsec_!!"})) == ["/secret"]
    assert pointers(hook.api.post(path, {"secrets": "x"})) == ["/secrets"]
    assert hook.api.post("/v1/webhooks/wh_nobody/rotate-secret", {}).status_code == 404
    empty = hook.api.client.post(path, headers=hook.api.headers)
    assert empty.status_code == 200, "without a body it is made"


def test_every_secret_signs_and_the_newest_comes_first() -> None:
    new, old = new_secret(os.urandom(32)), new_secret(os.urandom(32))
    both = signed_headers([new, old], "whd_1", "test", "{}")
    assert both["webhook-signature"].split(" ")[0] == Webhook(new).sign("whd_1", _at(both), "{}")
    assert "x-sipio-signature-previous" not in signed_headers([new], "whd_1", "test", "{}")


def _at(headers: dict[str, str]) -> datetime:
    return datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
