"""Who may use a device's name: the answer to `/auth` (spec 03).

Nothing is recorded of a good digest: the registration or the call that follows is the fact.
"""

from dataclasses import dataclass

from domain import digest
from domain.digest import Answer, AuthRefusal, Credential, NonceLedger
from domain.directory import Directory, body_of, device_id
from events.resources import SipDevice, SipUser

MAX_CONTACTS = 5
"""Contacts that one device may register at the same time."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The device that proved its password, and its user."""

    device_id: str
    user_id: str
    username: str
    display_name: str
    cid: str


def find_device(directory: Directory, answer: Answer) -> tuple[str, SipDevice] | None:
    id = device_id(directory, answer.username, answer.realm)
    device = body_of(directory, id, SipDevice)
    return (id, device) if id is not None and device is not None else None


def verify(
    directory: Directory,
    known: Credential | None,
    answer: Answer,
    ledger: NonceLedger,
    nonce_secret: str,
    nonce_verified: bool,
    now_sec: int,
) -> Identity | AuthRefusal:
    """Check the digest in `answer` against `known`, what is stored of the device's password.

    The nonce is checked after the password, so that a guess learns nothing about it and a replayed
    answer is told from a wrong one. `nonce_verified`: the edge has made and checked the nonce.
    """
    found = find_device(directory, answer)
    if not digest.proves(known if found else None, answer):
        return AuthRefusal.BAD_RESPONSE if found else AuthRefusal.UNKNOWN_USER
    assert found is not None, "an unknown device proves nothing"
    device_id, device = found
    user = body_of(directory, device.user_id, SipUser)
    if user is None or user.status != "active" or device.status != "active":
        return AuthRefusal.DISABLED
    if directory.account is None or directory.account.status != "active":
        return AuthRefusal.SUSPENDED
    if not nonce_verified:
        nonce = digest.read_nonce(nonce_secret, answer.nonce)
        counter = digest.counter_of(answer)
        if nonce is None or counter is None:
            return AuthRefusal.STALE
        # Phones that were challenged in the same second have the same nonce: a use is one phone's
        if not ledger.use(f"{answer.nonce} {device_id} {answer.cnonce}", nonce, counter, now_sec):
            return AuthRefusal.STALE
    cid = user.out_cid_number or directory.account.default_cid_number or user.username
    return Identity(device_id, device.user_id, user.username, user.display_name, cid)
