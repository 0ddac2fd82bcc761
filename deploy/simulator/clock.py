"""The one clock at which all simulated people wait."""

import asyncio
import time


class Clock:
    """Seconds of the simulated time, which begins with 0 and is `speed` times as fast as ours."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.is_closed = False
        self._began = time.monotonic()
        self._sleeping: set[asyncio.Future[None]] = set()

    def now(self) -> float:
        return (time.monotonic() - self._began) * self.speed

    async def until(self, moment: float) -> None:
        await self.sleep(moment - self.now())

    async def sleep(self, seconds: float) -> None:
        """Shorter when the clock is closed meanwhile."""
        if self.is_closed or seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        timer = loop.call_later(seconds / self.speed, _wake, woken)
        self._sleeping.add(woken)
        try:
            await woken
        finally:
            timer.cancel()
            self._sleeping.discard(woken)

    def close(self) -> None:
        """Everybody's time is up."""
        self.is_closed = True
        for woken in self._sleeping:
            _wake(woken)

    async def network(self, seconds: float) -> None:
        """A pause of a program, not of a person: seconds of our time, whatever the speed."""
        await asyncio.sleep(seconds)


def _wake(woken: "asyncio.Future[None]") -> None:
    if not woken.done():
        woken.set_result(None)
