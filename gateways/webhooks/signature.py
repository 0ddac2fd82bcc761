"""Both signatures of a delivery (spec 07).

Standard Webhooks (`webhook-signature`: v1, base64 of HMAC-SHA256 over id, timestamp and body,
keyed with the decoded part of `whsec_…`; one per secret that counts, the newest first), and
`x-sipio-signature`: hex HMAC-SHA256 of the raw body, keyed with the whole newest secret as text.
While a rotated secret still counts, `x-sipio-signature-previous` is the same with that one.
"""

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

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
    keys: Sequence[str], delivery_id: str, event: str, body: str, now: datetime | None = None
) -> dict[str, str]:
    """Headers of a delivery, signed with each of the secrets in `keys`, the newest first."""
    at = now or datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "user-agent": "callplane-webhooks/1",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(_signer(key).sign(delivery_id, at, body) for key in keys),
        "x-sipio-event": event,
    }
    for key, name in zip(keys, ("x-sipio-signature", "x-sipio-signature-previous"), strict=False):
        headers[name] = f"sha256={hmac.digest(key.encode(), body.encode(), 'sha256').hex()}"
    return headers


@lru_cache(maxsize=1_000)
def _signer(key: str) -> Webhook:
    return Webhook(key)
