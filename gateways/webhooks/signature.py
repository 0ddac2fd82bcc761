"""Both signatures of a delivery (spec 07).

Standard Webhooks (`webhook-signature`: v1, base64 of HMAC-SHA256 over id, timestamp and body,
keyed with the decoded part of `whsec_…`), and `x-sipio-signature`: hex HMAC-SHA256 of the raw
body, keyed with the whole secret as text.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from datetime import UTC, datetime

from standardwebhooks import Webhook


def new_secret(drawn: bytes | None = None) -> str:
    """Of 32 bytes that were drawn, or are drawn now."""
    return "whsec_" + b64encode(drawn or secrets.token_bytes(32)).decode()


def can_sign(secret: str) -> bool:
    """Whether it is a secret as Standard Webhooks has them: `whsec_` and 24 to 64 bytes in
    base64."""
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return secret.startswith("whsec_") and 24 <= len(key) <= 64


def signed_headers(
    secret: str, delivery_id: str, event: str, body: str, now: datetime | None = None
) -> dict[str, str]:
    at = now or datetime.now(UTC)
    digest = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json",
        "user-agent": "callplane-webhooks/1",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(delivery_id, at, body),
        "x-sipio-event": event,
        "x-sipio-signature": f"sha256={digest}",
    }
