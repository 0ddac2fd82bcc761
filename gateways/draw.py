"""What a request draws by chance: the ids and secrets of the rows that it makes.

All come from one seed. Of a request with an Idempotency-Key the seed is kept before anything is
done, so whoever carries it out again, after a gateway died in the middle, draws the same: the
second execution finds the row of the first and can show the secret that nobody saw.
"""

import hmac
import os
import time
from dataclasses import dataclass
from hashlib import blake2b

from domain.identifiers import derived

SEED_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Draw:
    seed: bytes
    at: int
    """Epoch milliseconds; ids have it as their time."""
    is_kept: bool = False
    """Whether the same can be drawn again by another execution."""

    def id(self, prefix: str) -> str:
        """A TypeID: its UUIDv7 has the time of the draw. One for each prefix."""
        digest = blake2b(prefix.encode(), key=self.seed, digest_size=10).digest()
        return derived(prefix, self.at, digest)

    def secret(self, purpose: str) -> bytes:
        """32 bytes that nobody can guess. One for each purpose."""
        return hmac.digest(self.seed, purpose.encode(), "sha256")

    @property
    def command_id(self) -> str | None:
        """Names the one wish that the request is about: its owner carries it out once. None where
        nobody could ask a second time."""
        return f"idem_{self.secret('command').hex()}" if self.is_kept else None


def fresh() -> Draw:
    return Draw(os.urandom(SEED_LENGTH), time.time_ns() // 1_000_000)
