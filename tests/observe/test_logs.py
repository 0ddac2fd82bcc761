"""The log in JSON: each line an object that says what it is about, and no more than it may."""

import io
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import logs
from deploy.settings import Settings
from gateways import about
from tests.http.test_flow import BYE, account_with
from tests.observe.broken import broken, lines_of
from tests.support.system import System, eventually, new_call_id, running

SLOW_MS = 400
ADMIN = {"x-admin-token": "let me in"}


@pytest.fixture(scope="module")
def logged() -> Iterator[System]:
    with running(
        log_format="json", log_level="debug", log_slow_ms=str(SLOW_MS), admin_token="let me in"
    ) as system:
        yield system


def about_request(system: System, request_id: str) -> list[dict[str, Any]]:
    return [line for line in lines_of(system) if line.get("request_id") == request_id]


def test_every_line_is_an_object_that_says_whence_and_when(logged: System) -> None:
    document = account_with(logged, BYE)
    logged.route(new_call_id(), document["numbers"][0]["e164"])
    lines = eventually(lambda: lines_of(logged))
    for line in lines:
        assert list(line)[:5] == ["ts", "level", "logger", "process", "message"]
        assert datetime.fromisoformat(line["ts"]).tzinfo is not None
        assert line["level"] in ("debug", "info", "warning", "error", "critical")
    assert {"supervisor", "worker-1", "edge-1"} <= {line["process"] for line in lines}


def test_a_request_is_known_by_one_id_everywhere(logged: System) -> None:
    document = account_with(logged, BYE)
    call_id = new_call_id()
    body = {"callId": call_id, "from": "+14155551234", "to": document["numbers"][0]["e164"]}
    answer = logged.edge.post("/route", json=body, headers={"x-request-id": "edge.7/42"})
    assert answer.headers["x-request-id"] == "edge.7/42"
    (line,) = eventually(lambda: about_request(logged, "edge.7/42"))
    assert line["account_id"] == document["account"]["id"]
    assert line["call_id"] == call_id
    assert (line["method"], line["path"], line["status"]) == ("POST", "/route", 200)
    assert line["level"] == "debug"
    assert line["ms"] > 0


@pytest.mark.parametrize(
    "service",
    ["edge", "api", "realtime"],
)
def test_every_answer_has_an_id_and_a_problem_names_it(logged: System, service: str) -> None:
    client = getattr(logged, service)
    seen = set()
    for asked in (None, "", "x" * 65, 'a"b', "a b", "ümläut".encode()):
        headers = [] if asked is None else [(b"x-request-id", asked)]
        answer = client.get("/v1/nothing", headers=headers)
        assert answer.headers.get_list("x-request-id") == [answer.json()["requestId"]]
        seen.add(answer.headers["x-request-id"])
    assert len(seen) == 6, "what is not well formed is replaced"
    assert client.get("/healthz").headers["x-request-id"] not in seen
    kept = client.get("/v1/nothing", headers={"x-request-id": "kept"})
    assert kept.headers["x-request-id"] == kept.json()["requestId"] == "kept"


def test_a_fault_is_one_line_with_its_traceback(logged: System) -> None:
    headers = {**ADMIN, "x-request-id": "fault-1"}
    with broken(logged, "views.ban"):
        answer = logged.edge.get("/security/bans", headers=headers)
    assert answer.status_code == 500
    assert answer.json()["requestId"] == "fault-1"
    found = eventually(lambda: about_request(logged, "fault-1"))
    (line,) = [one for one in found if one["level"] == "error"]
    assert line["message"] == "GET /security/bans failed"
    assert "UndefinedTable" in line["exception"]
    assert "Traceback" in line["exception"]


def test_a_fault_names_the_route_not_the_path(logged: System) -> None:
    """A path may hold a number."""
    account_id = account_with(logged, BYE)["account"]["id"]
    headers = {"x-api-key": logged.key(account_id), "x-request-id": "fault-2"}
    with broken(logged, "views.dnc_import"):
        answer = logged.api.get("/v1/dnc/import/12025550123", headers=headers)
    assert answer.status_code == 500, answer.text
    found = eventually(lambda: about_request(logged, "fault-2"))
    assert "12025550123" not in str(found)
    (line,) = [one for one in found if one["level"] == "error"]
    assert line["account_id"] == account_id


def _in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_slow_answer_is_a_warning(logged: System) -> None:
    headers = {**ADMIN, "x-request-id": "slow-1"}
    with logged.database() as database:
        began = time.monotonic()
        with database.transaction():
            database.execute("LOCK TABLE views.ban IN ACCESS EXCLUSIVE MODE")
            database.execute("SET LOCAL statement_timeout = 0")
            asking = _in_thread(lambda: logged.edge.get("/security/bans", headers=headers))
            time.sleep(2 * SLOW_MS / 1000)
        asking.join(10)
        assert time.monotonic() - began < 10
    (line,) = eventually(
        lambda: [one for one in about_request(logged, "slow-1") if one["level"] == "warning"]
    )
    assert line["message"] == "slow answer"
    assert line["ms"] >= SLOW_MS
    assert line["path"] == "/security/bans"


def test_an_answer_that_is_held_back_on_purpose_is_not_slow(logged: System) -> None:
    body = {"outcome": "poll", "waitMs": 2 * SLOW_MS}
    answer = logged.edge.post("/flow", json=body, headers={"x-request-id": "poll-1"})
    assert answer.json()["command"] == "noop"
    (line,) = eventually(lambda: about_request(logged, "poll-1"))
    assert line["level"] == "debug"
    assert line["ms"] >= SLOW_MS


def test_nobody_writes_lines_of_his_own(logged: System) -> None:
    forged = '%0A{"level":"error","message":"forged"}'
    logged.edge.get(f"/calls/{forged}/trace", headers=ADMIN)
    logged.edge.get(f"/{forged}")
    logged.api.get(f"/v1/{forged}")
    assert not [line for line in lines_of(logged) if line["message"] == "forged"]


def test_what_callers_dial_is_not_in_the_log(logged: System) -> None:
    document = account_with(logged, BYE)
    number = document["numbers"][0]["e164"]
    logged.route(new_call_id(), number, from_="+14155550199")
    text = logged.log.read_text()
    assert number not in text
    assert "4155550199" not in text


# The format by itself


@contextmanager
def written(form: str) -> Iterator[io.StringIO]:
    """What this process logs in the block."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook)
    stream, real = io.StringIO(), sys.stderr
    sys.stderr = stream
    try:
        logs.configure(Settings(log_format=form, log_level="debug"), "test")
        yield stream
    finally:
        sys.stderr = real
        root.handlers[:], root.level, sys.excepthook = before[0], before[1], before[2]
        logging.captureWarnings(False)


@given(st.text(), st.text(), st.text())
def test_whatever_is_said_is_one_line(text: str, call_id: str, value: str) -> None:
    for form in ("json", "console"):
        with written(form) as stream:
            logging.getLogger("x").info("%s", text, extra={"call_id": call_id, "value": value})
        lines = re.split(r"[\r\n\x0b\x0c\x85\u2028\u2029]", stream.getvalue())
        assert len(lines) == 2
        assert lines[1] == ""
        if form == "json":
            assert orjson.loads(lines[0])["process"] == "test"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("postgresql://joe:s3cret@db:5432/x", "postgresql://•••@db:5432/x"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer •••"),
        ("the key sk_0123456789abcdef is bad", "the key sk_••• is bad"),
        ("the key sips_0123456789abcdef is bad", "the key sips_••• is bad"),
        ("secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw is", "secret whsec_••• is"),
        ("Key (e164)=(+12025550123) exists", "Key (e164)=(+12•••) exists"),
        ("Key (e164)=(12025550123) exists", "Key (e164)=(12•••) exists"),
        ("input_value='442079460000'", "input_value='44•••'"),
        ("to sip:+442079460000@example.com", "to sip:+44•••@example.com"),
        ("position 1234567890 at 1763761234567", "position 1234567890 at 1763761234567"),
        ("acc_01m80279qme83bks1t8v14cj5v", "acc_01m80279qme83bks1t8v14cj5v"),
    ],
)
def test_secrets_and_numbers_are_masked(said: str, kept: str) -> None:
    assert logs.masked(said) == kept
    with written("json") as stream:
        try:
            raise ValueError(said)
        except ValueError:
            logging.getLogger("x").exception("%s", said)
    line = orjson.loads(stream.getvalue())
    assert line["message"] == kept
    assert line["exception"].endswith(kept)


def test_what_lies_deeper_is_masked_too() -> None:
    with written("json") as stream:
        extra = {"given": {"keys": ["sk_0123456789abcdef"]}}
        logging.getLogger("x").info("done", extra=extra)
    assert orjson.loads(stream.getvalue())["given"] == {"keys": ["sk_•••"]}


@pytest.mark.parametrize("text", ["x://" + ":" * 60_000, "eyJ-" * 15_000, "sip:" * 15_000])
def test_masking_takes_no_longer_than_the_text_is_long(text: str) -> None:
    began = time.perf_counter()
    logs.masked(text)
    assert time.perf_counter() - began < 2


def test_a_line_has_what_is_known_of_the_work() -> None:
    with written("json") as stream:
        about.begin("r-1")
        about.learn("acc_1", "c-1")
        logging.getLogger("x").info("done")
        about.NOW.set(None)
        logging.getLogger("x").info("done")
    first, second = map(orjson.loads, stream.getvalue().splitlines())
    assert (first["request_id"], first["account_id"], first["call_id"]) == ("r-1", "acc_1", "c-1")
    assert second.keys() == {"ts", "level", "logger", "process", "message"}
