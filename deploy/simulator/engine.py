"""A simulated media engine: carries out the commands of POST /flow for one caller.

It plays nothing. It waits as long as playing would take, presses what the caller presses, and
reports; what rings and what waits in a queue is in `exchange.py`.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from deploy.simulator.exchange import Exchange
from deploy.simulator.line import NOTHING, Line, Told
from deploy.simulator.phones import Phones
from deploy.simulator.plan import Caller
from deploy.simulator.tally import Fate
from deploy.simulator.wire import Wire

MAX_COMMANDS = 50
"""After which the caller has had enough."""
PLAYED_SEC = (1.0, 3.0)
GATHERED_SEC = (0.5, 2.0)
RECORDED_SEC = (2.0, 6.0)
WAV = {"content-type": "audio/wav"}


@dataclass
class SimulatedEngine:
    wire: Wire
    phones: Phones
    caller: Caller
    fate: Fate = field(default_factory=Fate)
    _gathers: int = 0

    async def run(self, call_id: str, flow_id: str) -> str:
        """Walk the call through its flow; who hung up at the end: caller or callee."""
        line = Line(self.wire, call_id, self.caller, self.fate)
        told: Told | None = await line.start(flow_id)
        for _ in range(MAX_COMMANDS):
            if told is None or line.has_left():
                break
            match told["command"]:
                case "hangup":
                    return "callee"
                case "enqueue" | "dial" | "noop":
                    told = await Exchange(line, self.phones).run(told)
                case _:
                    outcome, data = await self._carry_out(told, line)
                    told = None if line.has_left() else await line.step(outcome, data)
        await line.hang_up()
        return "caller"

    async def _carry_out(self, told: Told, line: Line) -> tuple[str, Mapping[str, str]]:
        """What came of a command of which one only hears and speaks."""
        match told["command"]:
            case "gather":
                return await self._gather(told, line), NOTHING
            case "record":
                return await self._record(told, line)
            case "conference":
                await line.spend(self.caller.talk)
            case _:
                await line.spend(line.dice.uniform(*PLAYED_SEC))
        return "done", NOTHING

    async def _gather(self, told: Told, line: Line) -> str:
        keys = self.caller.keys
        pressed = keys[min(self._gathers, len(keys) - 1)]
        self._gathers += 1
        is_silent = pressed == "timeout"
        await line.spend(
            told["timeoutMs"] / 1000 if is_silent else line.dice.uniform(*GATHERED_SEC)
        )
        return pressed

    async def _record(self, told: Told, line: Line) -> tuple[str, Mapping[str, str]]:
        seconds = min(line.dice.uniform(*RECORDED_SEC), told["maxMs"] / 1000)
        await line.spend(seconds)
        answer = await self.wire.ask("PUT", f"/media/{told['key']}", data=a_voice(), headers=WAV)
        if answer.status in (200, 201, 204):
            self.wire.tally.counts["recordings"] += 1
        return "recorded", {"duration": str(round(seconds * 1000))}


def a_voice(seconds: float = 0.1, rate: int = 8_000) -> bytes:
    """A recording: 16-bit mono, as edges make it."""
    dice = Random(0)
    samples = [dice.randrange(-900, 900) for _ in range(int(seconds * rate))]
    data = struct.pack(f"<{len(samples)}h", *samples)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", 4 + len(form) + 8 + len(data), b"WAVE")
    return head + form + struct.pack("<4sI", b"data", len(data)) + data
