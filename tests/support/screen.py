"""A wallboard's screen: what a viewer has after the frames that came."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import orjson
from websockets.sync.client import ClientConnection, connect

from tests.support.system import System

T = TypeVar("T")


class Screen:
    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.epoch, self.sequence = "", 0
        self.is_live = False
        self.kinds: list[str] = []
        self.answers: list[dict[str, Any]] = []

    @property
    def place(self) -> str:
        return f"{self.epoch}:{self.sequence}"

    def apply(self, frame: dict[str, Any]) -> None:
        self.kinds.append(frame["type"])
        if frame["type"] not in ("snapshot", "delta"):
            self.answers.append(frame)
            return
        if frame["type"] == "snapshot":
            self.keys = {}
        else:
            assert (frame["epoch"], frame["from"]) == (self.epoch, self.sequence), "a gap"
        self.epoch, self.sequence = frame["epoch"], frame["seq"]
        self.is_live = frame["live"]
        for key, value in frame["keys"].items():
            if value is None:
                self.keys.pop(key, None)
            else:
                self.keys[key] = value

    def of(self, kind: str) -> list[Any]:
        return [value for key, value in self.keys.items() if key.startswith(kind + ":")]

    @property
    def still(self) -> dict[str, Any]:
        """Everything but what depends on the time alone."""
        return {key: value for key, value in self.keys.items() if key != "gauges"}


class Viewer:
    """A screen with a WebSocket."""

    def __init__(self, socket: ClientConnection, screen: Screen) -> None:
        self.socket = socket
        self.screen = screen

    def see(self, check: Callable[[Screen], T | None], timeout: float = 10.0) -> T:
        """Take frames until `check` is true of the screen; returns what it says."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                if found := check(self.screen):
                    return found
            except LookupError:
                pass
            left = deadline - time.monotonic()
            assert left > 0, f"not within {timeout} s: {self.screen.keys}"
            try:
                self.screen.apply(orjson.loads(self.socket.recv(timeout=left)))
            except TimeoutError:
                continue

    def ask(self, **message: Any) -> dict[str, Any]:
        known = len(self.screen.answers)
        self.socket.send(orjson.dumps(message).decode())
        return self.see(lambda screen: screen.answers[known])


def ticket(system: System, key: str, **headers: str) -> str:
    answer = system.realtime.post("/wallboard/ticket", headers={"x-api-key": key, **headers})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket"])


@contextmanager
def watching(
    system: System, key: str, screen: Screen | None = None, **headers: str
) -> Iterator[Viewer]:
    """A viewer with the key; one whose `screen` was on before goes on there."""
    query = f"ticket={ticket(system, key, **headers)}"
    query += f"&since={screen.place}" if screen else ""
    url = system.realtime_url.replace("http", "ws", 1)
    with connect(f"{url}/wallboard/ws?{query}", max_size=None) as socket:
        yield Viewer(socket, screen or Screen())
