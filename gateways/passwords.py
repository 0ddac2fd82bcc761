"""Passwords of people: argon2id (RFC 9106, second recommended option), a few at a time.

Hashing takes 64 MiB and some 100 ms on purpose. It runs in threads of its own, so that a flood of
logins delays neither other requests nor each other without bound.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher

from domain.errors import Fault, Invalid, Unavailable

T = TypeVar("T")

AT_ONCE = 2
MAX_WAITING = 64
SHORTEST, LONGEST = 8, 256
NOBODYS = (
    "$argon2id$v=19$m=65536,t=3,p=4$e+Jt7dWDrJII6I0ly9RYaQ"
    "$/iH3FES8rf2p2mvrNnMEZZneDDxr93fk6VjfTguN+5Y"
)
"""Compared with where there is no user, so that it takes as long; no password has it."""


class Passwords:
    def __init__(self) -> None:
        self._hasher = Argon2Hasher(time_cost=3, memory_cost=65_536, parallelism=4)
        self._threads = ThreadPoolExecutor(AT_ONCE, "passwords")
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(password))

    async def fits(self, password: str, hash: str | None) -> bool:
        """Whether it is the password; never, without a hash, and not sooner."""
        fits = await self._run(lambda: self._hasher.verify(password, hash or NOBODYS))
        return fits and hash is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("too many log in at the moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def check_password(pointer: str, password: object) -> str:
    """`password` if it can be one. Raises Invalid."""
    if not isinstance(password, str) or not SHORTEST <= len(password) <= LONGEST:
        fault = Fault(pointer, f"is not a text of {SHORTEST} to {LONGEST} characters")
        raise Invalid("the password is not valid", [fault])
    return password
