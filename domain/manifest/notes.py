"""What a file does not hold of a row, and what a row is without it."""

from collections.abc import Collection, Iterator

from domain.manifest.sections import WRITE_ONLY, refs_of
from domain.resources import kind_of
from events.resources import CallFlow, MediaFile, Resource, SipDevice, SipTrunk, Webhook


def left_out(body: Resource) -> tuple[str, ...]:
    """What an export of the row lacks."""
    kind = kind_of(body)
    secrets = WRITE_ONLY.get(kind, ("its secret",))
    found = [f"{secrets[0]} is not exported" for ref in refs_of(kind) if getattr(body, ref)]
    match body:
        case CallFlow():
            signed = [node.id for node in body.nodes if node.data.get("secretRef")]
            found += [f"the secret of node {id} is not exported" for id in signed]
        case MediaFile(object_key=str()):
            found.append("its audio is not exported")
    return tuple(found)


def lacking(body: Resource, secrets: Collection[str]) -> Iterator[str]:
    """What a new row cannot do yet; `secrets`: the write-only members that come with it."""
    match body:
        case SipDevice() if not secrets:
            yield "has no password: no telephone can register as this device"
        case SipTrunk() if not secrets and _identifies_itself(body):
            yield "has no password: the other side will not let us in"
        case MediaFile(object_key=None):
            yield "has no audio yet"
        case Webhook() if not secrets:
            yield "its secret is made, and shown once"


def _identifies_itself(trunk: SipTrunk) -> bool:
    return bool(trunk.auth_username or trunk.do_register or trunk.inbound_auth == "digest")
