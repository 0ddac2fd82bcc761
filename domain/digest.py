"""Digest authentication of SIP requests (RFC 7616, RFC 8760; RFC 2617 for phones without qop).

Only hashes of the password are ever known here. Nonces are stateless: base64 of the expiry and the
birth as big-endian seconds and an MD5 over both and a secret, which is what Kamailio's `auth`
module makes, so that one check serves nonces made by either side. Replay is caught by the nonce
counter.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from struct import pack, unpack


class Algorithm(StrEnum):
    MD5 = "MD5"
    SHA256 = "SHA-256"


class AuthRefusal(StrEnum):
    """Why a digest was refused, as `/auth` reports it (spec 03)."""

    UNKNOWN_USER = "unknown_user"
    BAD_RESPONSE = "bad_response"
    STALE = "stale"
    DISABLED = "disabled"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Credential:
    """What is kept of a device's password: H(username:realm:password) per algorithm, in hex."""

    ha1: str
    """MD5 over username:realm:password."""
    ha1b: str | None = None
    """MD5 over username@realm:realm:password, for phones that send the domain with the name."""
    ha1_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The parsed Authorization header and the method it came with."""

    username: str
    realm: str
    nonce: str
    uri: str
    method: str
    response: str
    algorithm: Algorithm = Algorithm.MD5
    qop: str | None = None
    nc: str | None = None
    cnonce: str | None = None


_HASH: dict[Algorithm, Callable[[bytes], "hashlib._Hash"]] = {
    Algorithm.MD5: hashlib.md5,
    Algorithm.SHA256: hashlib.sha256,
}


def hash_hex(algorithm: Algorithm, text: str) -> str:
    return _HASH[algorithm](text.encode()).hexdigest()


def credential(username: str, realm: str, password: str) -> Credential:
    """All hashes of a new password."""
    plain = f"{username}:{realm}:{password}"
    with_domain = f"{username}@{realm}:{realm}:{password}"
    return Credential(
        ha1=hash_hex(Algorithm.MD5, plain),
        ha1b=hash_hex(Algorithm.MD5, with_domain),
        ha1_sha256=hash_hex(Algorithm.SHA256, plain),
    )


def expected_response(ha1: str, answer: Answer) -> str:
    """The response that the holder of `ha1` would have sent (RFC 7616 section 3.4.1)."""
    ha2 = hash_hex(answer.algorithm, f"{answer.method}:{answer.uri}")
    if answer.qop:
        middle = f"{answer.nonce}:{answer.nc}:{answer.cnonce}:{answer.qop}"
    else:
        middle = answer.nonce
    return hash_hex(answer.algorithm, f"{ha1}:{middle}:{ha2}")


_NOBODY = Credential(ha1="0" * 32, ha1b="0" * 32, ha1_sha256="0" * 64)


def proves(known: Credential | None, answer: Answer) -> bool:
    """Whether `answer` was made with the password behind `known`, compared in constant time.

    An unknown user (None) costs the same as a wrong password.
    """
    credential = known or _NOBODY
    if answer.algorithm is Algorithm.SHA256:
        ha1 = credential.ha1_sha256
    elif "@" in answer.username:
        ha1 = credential.ha1b
    else:
        ha1 = credential.ha1
    expected = expected_response(ha1 or _NOBODY.ha1, answer)
    equal = hmac.compare_digest(expected.encode(), _octets(answer.response.lower()))
    return equal and known is not None and ha1 is not None


def _octets(text: str) -> bytes:
    """Whatever a phone sends can be compared; text outside ASCII cannot, as text."""
    return text.encode(errors="replace")


# Nonces


@dataclass(frozen=True, slots=True)
class Nonce:
    """A nonce whose signature was good. Times in epoch seconds."""

    expires: int
    born: int


def make_nonce(secret: str, now_sec: int, lifetime_sec: int = 300) -> str:
    times = pack(">II", now_sec + lifetime_sec, now_sec)
    return b64encode(times + hashlib.md5(times + secret.encode()).digest()).decode()


def read_nonce(secret: str, nonce: str) -> Nonce | None:
    """The times in `nonce`, or None when it was not made with `secret`."""
    try:
        raw = b64decode(nonce, validate=True)
    except ValueError:
        return None
    if len(raw) != 24:
        return None
    times, signature = raw[:8], raw[8:]
    if not hmac.compare_digest(hashlib.md5(times + secret.encode()).digest(), signature):
        return None
    expires, born = unpack(">II", times)
    return Nonce(expires, born)


_WINDOW = 256
"""How far behind the highest counter a reordered request may lie."""


@dataclass(slots=True)
class NonceLedger:
    """Which (nonce, counter) pairs were used. Lives with the account's owner, not in the store:
    after a take-over nonces older than the take-over count as stale, so nothing can be replayed."""

    since_sec: int
    """Nonces born before this second were perhaps used with an earlier owner."""
    _seen: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """nonce → expiry, highest counter, bitmap of the counters just below it."""
    _swept_sec: int = 0

    def use(self, text: str, nonce: Nonce, counter: int, now_sec: int) -> bool:
        """Mark (text, counter) as used; False when it is expired, too old, or was used before.

        `text` names the nonce and the client that counts (RFC 7616 section 3.4: device, cnonce).
        """
        if now_sec >= nonce.expires or nonce.born < self.since_sec:
            return False
        self._sweep(now_sec)
        _, highest, bitmap = self._seen.get(text, (0, 0, 0))
        if counter > highest:
            bitmap = ((bitmap << (counter - highest)) | 1) & ((1 << _WINDOW) - 1)
            highest = counter
        else:
            bit = 1 << (highest - counter)
            if highest - counter >= _WINDOW or bitmap & bit:
                return False
            bitmap |= bit
        self._seen[text] = (nonce.expires, highest, bitmap)
        return True

    def _sweep(self, now_sec: int) -> None:
        if now_sec - self._swept_sec < 60:
            return
        self._swept_sec = now_sec
        for text in [t for t, (expires, _, _) in self._seen.items() if expires <= now_sec]:
            del self._seen[text]


def counter_of(answer: Answer) -> int | None:
    """The nonce counter as a number; 1 without qop (such a nonce is good once); None if bad."""
    if not answer.qop:
        return 1
    try:
        counter = int(answer.nc or "", 16)
    except ValueError:
        return None
    return counter if 0 < counter < 2**32 and answer.cnonce else None
