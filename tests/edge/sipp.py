"""SIPp plays one side: a phone, a carrier, the media server.

A scenario is a file in `scenarios/`; words like `@RING@` in it are filled in from the test.
"""

import itertools
import re
import subprocess
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tests.edge import net
from tests.edge.kamailio import program
from tests.support.system import eventually

SCENARIOS = Path(__file__).parent / "scenarios"
NOTHING = "Subject: test"
"""In place of header lines that a test may add: `extra` to the first request, `inside` to those
within the call."""
_runs = itertools.count()
_MESSAGE = re.compile(
    r"^-{20,} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+)\n"
    r"(?:UDP|TCP) message (sent|received) [^\n]*\n\n(.*?)(?=^-{20,} \d{4}|\Z)",
    re.MULTILINE | re.DOTALL,
)


class Message(NamedTuple):
    at_ms: int
    """Epoch milliseconds, by SIPp's clock."""
    sent: bool
    text: str

    @property
    def start_line(self) -> str:
        return self.text.partition("\r\n")[0].partition("\n")[0]

    def header(self, name: str) -> str | None:
        found = re.search(rf"^{name}: *(.*?)\r?$", self.text, re.MULTILINE | re.IGNORECASE)
        return found.group(1) if found else None


class Sipp:
    """One run of a scenario, perhaps still under way. `rate`: calls per second."""

    def __init__(
        self,
        folder: Path,
        scenario: str,
        remote: str,
        address: str,
        *,
        port: int | None = None,
        calls: int = 1,
        rate: int = 100,
        call_id: str | None = None,
        seconds: int = 30,
        trace: bool = True,
        tcp: bool = False,
        csv: str | None = None,
        **words: object,
    ) -> None:
        name = f"{next(_runs)}-{scenario}"
        text = (SCENARIOS / f"{scenario}.xml").read_text()
        for word, value in words.items():
            assert f"@{word.upper()}@" in text, f"{scenario} has no use for {word}"
            text = text.replace(f"@{word.upper()}@", str(value))
        text = text.replace("@EXTRA@", NOTHING).replace("@INSIDE@", NOTHING)
        assert not (left := re.findall(r"@[A-Z_]+@", text)), f"{scenario} needs {left}"
        script = folder / f"{name}.xml"
        script.write_text(text)
        self.port = port or net.free_udp_port(address)
        self.errors = folder / f"{name}.errors"
        self.trace = folder / f"{name}.messages"
        arguments = ["-sf", str(script), "-i", address, "-p", str(self.port), "-nostdin"]
        arguments += ["-m", str(calls), "-r", str(rate), "-l", "1000"]
        arguments += ["-timeout", f"{seconds}s", "-timeout_error", "-default_behaviors", "all,-bye"]
        arguments += ["-trace_err", "-error_file", str(self.errors)]
        if trace:
            arguments += [
                "-trace_msg",
                "-message_file",
                str(self.trace),
                "-message_overwrite",
                "false",
            ]
        if tcp:
            arguments += ["-t", "t1"]
        if call_id is not None:
            arguments += ["-cid_str", call_id]
        if csv is not None:
            data = folder / f"{name}.csv"
            data.write_text(csv)
            arguments += ["-inf", str(data)]
        self.seconds = seconds
        self.process = subprocess.Popen(
            [program("sipp"), *arguments, remote],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def ready(self) -> "Sipp":
        """Waits until it listens."""
        eventually(lambda: net.is_bound(self.port), 15)
        return self

    def wait(self) -> "Sipp":
        """Waits for the end. Every message has to have come as the scenario says."""
        status = self.process.wait(self.seconds + 10)
        assert status == 0, f"SIPp: {status}\n{self.complaint}\n{self.dump()[-6000:]}"
        return self

    @property
    def complaint(self) -> str:
        return self.errors.read_text() if self.errors.exists() else ""

    def dump(self) -> str:
        return self.trace.read_text() if self.trace.exists() else ""

    @property
    def messages(self) -> list[Message]:
        return [
            Message(round(datetime.fromisoformat(at).timestamp() * 1000), direction == "sent", text)
            for at, direction, text in _MESSAGE.findall(self.dump())
        ]

    @property
    def challenged_ms(self) -> int:
        """When it was last asked for its password."""
        return max(
            message.at_ms
            for message in self.messages
            if message.start_line.startswith(("SIP/2.0 401", "SIP/2.0 407"))
        )

    def first(self, start: str, sent: bool) -> Message:
        """The first message whose start line begins so."""
        for message in self.messages:
            if message.sent == sent and message.start_line.startswith(start):
                return message
        raise AssertionError(f"no {start}:\n{self.dump()}")

    def last(self, start: str, sent: bool) -> Message:
        return next(
            message
            for message in reversed(self.messages)
            if message.sent == sent and message.start_line.startswith(start)
        )

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
