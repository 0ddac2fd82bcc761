"""Has subscriptions disabled that there is no use in sending to.

Seldom, so the bus is only connected to when there is somebody to disable: what is owed can be paid
without it.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import nats.errors

from commands.webhooks import DisableWebhook
from domain.errors import Refusal, Unavailable
from events.base import AccountId
from gateways.bus.client import Commander

log = logging.getLogger("callplane.sender")

PAUSE = 1.0
"""Seconds after which it is asked again when nobody answers."""
PATIENCE = 5.0
"""Seconds for which a bus may be away."""


class Disabler:
    """`commanding` connects to the bus."""

    def __init__(self, commanding: Callable[[], AbstractAsyncContextManager[Commander]]) -> None:
        self._commanding = commanding
        self._wishes: asyncio.Queue[DisableWebhook] = asyncio.Queue()

    def disable(self, account_id: str, webhook_id: str, reason: str) -> None:
        log.warning("%s is disabled: %s", webhook_id, reason)
        about = {"account_id": AccountId(account_id), "webhook_id": webhook_id}
        self._wishes.put_nowait(DisableWebhook(**about, reason=reason[:500]))

    async def run(self) -> None:
        """Ask until somebody has answered, one after the other."""
        while True:
            wish = await self._wishes.get()
            while not await self._is_answered(wish):
                await asyncio.sleep(PAUSE)

    async def _is_answered(self, wish: DisableWebhook) -> bool:
        try:
            async with asyncio.timeout(PATIENCE), self._commanding() as commander:
                await commander.ask(wish)
        except (Unavailable, TimeoutError, OSError, nats.errors.Error) as error:
            log.warning("%s is not disabled yet: %r", wish.webhook_id, error)
            return False
        except Refusal as refusal:
            log.info("%s is not disabled: %s", wish.webhook_id, refusal)
        return True
