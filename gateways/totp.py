"""Codes of an authenticator app (RFC 6238: SHA-1, six digits, thirty seconds)."""

import base64
import hmac

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from domain.errors import Fault, Invalid

STEP = 30
"""Seconds for which a code holds; the one before and the one after are taken as well (§5.2)."""
SHORTEST, LONGEST = 16, 64
"""Bytes of a secret (RFC 4226 §4)."""


def secret_from(pointer: str, text: object) -> bytes:
    """A secret in base32, as apps take it. Raises Invalid."""
    try:
        written = str(text).replace(" ", "").upper()
        secret = base64.b32decode(written + "=" * (-len(written) % 8))
    except ValueError:
        secret = b""
    if not SHORTEST <= len(secret) <= LONGEST:
        fault = Fault(pointer, f"is not base32 of {SHORTEST} to {LONGEST} bytes")
        raise Invalid("the secret is not valid", [fault])
    return secret


def step_of(secret: bytes, code: str, now: float) -> int | None:
    """The number of the time step that `code` is of; None when it is of none that holds."""
    codes = TOTP(secret, 6, SHA1(), STEP, enforce_key_length=False)  # noqa: S303 - what apps know
    steps = (int(now) // STEP + shift for shift in (0, -1, 1))
    fitting = [
        step
        for step in steps
        if hmac.compare_digest(codes.generate(step * STEP), code.encode("utf-8", "replace"))
    ]
    return fitting[0] if fitting else None
