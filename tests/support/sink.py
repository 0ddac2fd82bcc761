"""An HTTP server that takes webhooks and remembers them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> str:
        return str(self.json["event"])

    @property
    def call_id(self) -> str:
        return str(self.json["data"].get("callId"))

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


Answer = Callable[[Received], tuple[int, dict[str, str]]]


@dataclass
class Sink:
    """Answers 200 unless `answer` says otherwise; `received` are all attempts, in order."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answer: Answer = lambda received: (200, {})
    says: bytes = b""
    """The body of every answer."""

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def of(self, call_id: str) -> list[Received]:
        return [one for one in list(self.received) if one.call_id == call_id]


@contextmanager
def sink() -> Iterator[Sink]:
    made = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            one = Received(self.path, headers, self.rfile.read(length), time.monotonic())
            made.received.append(one)
            status, more = made.answer(one)
            self.send_response(status)
            for name, value in {"content-length": str(len(made.says)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(made.says)

        def log_message(self, format: str, *args: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A sender that is killed resets its connections: nothing to tell."""

    server = Server(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        serving.join(5)
