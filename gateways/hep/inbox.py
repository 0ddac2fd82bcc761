"""What has come and is not stored yet: bounded, so that a flood or a store that is away costs
messages and no memory. What does not fit is dropped and counted."""

import asyncio
from collections import deque

from gateways.hep.book import Received

MAX_MESSAGES = 20_000
MAX_BYTES = 32 * 1024 * 1024


class Inbox:
    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._waiting: deque[Received] = deque()
        self._bytes = 0
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, one: Received) -> bool:
        """Whether there was room."""
        size = len(one.packet.payload)
        if len(self._waiting) >= self._max_messages or self._bytes + size > self._max_bytes:
            return False
        self._waiting.append(one)
        self._bytes += size
        self._filled.set()
        return True

    async def take(self, most: int) -> list[Received]:
        """The oldest, as soon as there is one."""
        await self._filled.wait()
        found = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._bytes -= sum(len(one.packet.payload) for one in found)
        if not self._waiting:
            self._filled.clear()
        return found
