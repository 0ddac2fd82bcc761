"""The accounts that are watched.

An account is loaded for the first who watches it, and kept for a while after the last has gone, so
that who comes back, or asks every 15 seconds, costs nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from nats.aio.client import Client

from events.base import AccountId
from gateways.realtime.viewers import Viewers
from gateways.realtime.watched import Begin, Load, Watched

LINGER = 60.0
"""Seconds for which an account is kept that nobody watches."""


@dataclass
class _Kept:
    watched: Watched
    used_at: float


class Hub:
    def __init__(
        self,
        client: Client,
        load: Load,
        begin: Begin,
        clock: Callable[[], int],
        viewers: Viewers,
    ) -> None:
        self._client = client
        self._load = load
        self._begin = begin
        self._clock = clock
        self.viewers = viewers
        self._accounts: dict[AccountId, _Kept] = {}

    async def run(self) -> None:
        """Forget what nobody watches, until cancelled; then everything."""
        try:
            while True:
                await asyncio.sleep(1)
                self._forget()
        finally:
            for kept in self._accounts.values():
                kept.watched.close()

    async def watched(self, account_id: AccountId) -> Watched:
        """The account, ready to be looked at. Raises Unavailable."""
        kept = self._accounts.get(account_id)
        if kept is None:
            watched = Watched(
                self._client,
                account_id,
                self._load,
                self._begin,
                self._clock,
                self.viewers.suspect,
            )
            kept = self._accounts[account_id] = _Kept(watched, 0)
        kept.used_at = _now()
        await kept.watched.ready()
        return kept.watched

    def _forget(self) -> None:
        watched = self.viewers.accounts()
        for account_id, kept in list(self._accounts.items()):
            if account_id in watched:
                kept.used_at = _now()
            elif _now() - kept.used_at > LINGER:
                kept.watched.close()
                del self._accounts[account_id]


def _now() -> float:
    return asyncio.get_running_loop().time()
