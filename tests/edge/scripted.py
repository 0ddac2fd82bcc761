"""A control plane that answers what a test wants: late, wrong, or not at all."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl


class Answer(NamedTuple):
    status: int
    body: Any
    """Bytes as they are, everything else as JSON."""
    after_sec: float = 0


TAKEN = Answer(200, {"ok": 1})
YES = Answer(200, {"ok": 1, "accountId": "acc_1", "deviceId": "dev_1", "maxContacts": 5})
NODE_TOKEN = "token-of-this-node"


def reject(code: int, reason: str) -> Answer:
    return Answer(200, {"rtjson": {"action": "reject", "code": code, "reason": reason}})


def nobody() -> Answer:
    """A call to a user who has no address."""
    to = {"action": "proxy", "account_id": "acc_1", "aors": [], "routing": "serial"}
    return Answer(200, {"rtjson": to})


class Asked(NamedTuple):
    path: str
    members: dict[str, Any]
    headers: dict[str, str]
    """Lower-case names."""


class ScriptedControl:
    """`answers` may be changed at any time: path → the answer to a request's members."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, Callable[[dict[str, Any]], Answer]] = {}
        self.asked: list[Asked] = []

    def forget(self) -> None:
        self.answers = {}
        self.asked.clear()

    def answer_to(self, path: str, members: dict[str, Any]) -> Answer:
        return self.answers[path](members) if path in self.answers else TAKEN

    def questions(self, path: str) -> list[dict[str, Any]]:
        return [one.members for one in list(self.asked) if one.path == path]

    def reports(self) -> list[dict[str, Any]]:
        """The events that were taken, in their order."""
        return [
            event
            for body in self.questions("/presence/event")
            for event in body.get("events", [body])
        ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def answering() -> Iterator[ScriptedControl]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"])).decode()
            is_json = self.headers["content-type"] == "application/json"
            members = json.loads(asked) if is_json else dict(parse_qsl(asked))
            headers = {name.lower(): value for name, value in self.headers.items()}
            control.asked.append(Asked(self.path, members, headers))
            answer = control.answer_to(self.path, members)
            time.sleep(answer.after_sec)
            body = answer.body
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(answer.status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    control = ScriptedControl(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield control
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
