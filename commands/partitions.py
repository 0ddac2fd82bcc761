"""Accounts are spread over partitions; a partition has one owning worker at a time."""

from functools import lru_cache
from zlib import crc32

from events.base import AccountId

PARTITIONS = 64


@lru_cache(maxsize=65_536)
def partition_of(account_id: AccountId) -> int:
    """The same everywhere and for ever: it is part of every command's subject."""
    return crc32(account_id.encode()) % PARTITIONS
