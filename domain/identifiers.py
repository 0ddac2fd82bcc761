"""Ids that are not drawn but follow from what they name: made again, they are the same."""

from typeid import TypeID
from uuid_utils import UUID


def derived(prefix: str, at: int, digest: bytes) -> str:
    """A TypeID with a UUIDv7 (RFC 9562 section 5.7): its time is `at` (epoch ms), its random part
    the 10 bytes of `digest`, but for the six bits of version and variant."""
    number = int.from_bytes(at.to_bytes(6, "big") + digest, "big")
    marked = (number & ~(0xF << 76) & ~(0x3 << 62)) | (0x7 << 76) | (0x2 << 62)
    return str(TypeID.from_uuid(UUID(int=marked), prefix=prefix))
