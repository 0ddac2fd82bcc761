"""`callplane listen`: an account's events at a URL of one's own (spec 12)."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook

from deploy.cli.listen import moment
from domain.errors import Invalid
from tests.support.sink import Sink, sink
from tests.support.system import CALLPLANE, System, eventually
from tests.v1.test_rows import Api
from tests.webhooks.hooks import OF_A_CALL, all_of, finished_call, subscribed

NOW = 1_795_000_000.0


@pytest.fixture
def endpoint() -> Iterator[Sink]:
    with sink() as made:
        yield made


class Listener:
    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.about = self.line()

    def line(self) -> Any:
        assert self._process.stdout is not None
        return orjson.loads(self._process.stdout.readline())

    def stop(self) -> int:
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(20)


@contextmanager
def listening(system: System, *arguments: str) -> Iterator[Listener]:
    process = subprocess.Popen(
        [CALLPLANE, "listen", "--json", *arguments],
        env={**os.environ, **system.environment},
        stdout=subprocess.PIPE,
    )
    try:
        yield Listener(process)
    finally:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def test_events_are_forwarded_signed_and_the_webhook_is_gone_in_the_end(
    system: System, endpoint: Sink
) -> None:
    document = subscribed(system)
    account_id = document["account"]["id"]
    api = Api(system, account_id)
    earlier = finished_call(system, document)
    to = ("--account", account_id, "--forward-to", endpoint.url("/dev"), "--since", "10m")
    with listening(system, *to) as listener:
        call_id = finished_call(system, document)
        for one in (*all_of(endpoint, earlier), *all_of(endpoint, call_id)):
            assert one.path == "/dev"
            assert Webhook(listener.about["secret"]).verify(one.body, one.headers) == one.json
        assert [one.event for one in endpoint.of(call_id)] == OF_A_CALL
        assert [one.event for one in endpoint.of(earlier)] == OF_A_CALL, "replays reach it"
        lines = [listener.line() for _ in range(6)]
        assert {line["call_id"] for line in lines} == {earlier, call_id}
        assert {line["status"] for line in lines} == {200}
        assert [row["id"] for row in api.get("/v1/webhooks").json()["rows"]] == [
            listener.about["webhook"]
        ]
        assert listener.stop() == 0
    assert api.get("/v1/webhooks").json()["rows"] == []


def test_what_is_not_taken_comes_again_also_in_the_next_run(system: System, endpoint: Sink) -> None:
    document = subscribed(system)
    account_id = document["account"]["id"]
    endpoint.answer = lambda _: (500, {})
    to = ("--forward-to", endpoint.url(), "--events", "call.ended", "--keep")
    with listening(system, "--account", account_id, *to) as listener:
        call_id = finished_call(system, document)
        all_of(endpoint, call_id, 2)
        assert listener.line()["status"] == 500
        assert listener.stop() == 0
    (row,) = Api(system, account_id).get("/v1/webhooks").json()["rows"]
    assert row["status"] == "paused"
    missed = finished_call(system, document)
    endpoint.answer = lambda _: (200, {})
    endpoint.received.clear()
    with listening(system, "--webhook", row["id"], "--forward-to", endpoint.url()):
        eventually(lambda: endpoint.of(call_id) and endpoint.of(missed))


def test_what_cannot_be_listened_to_is_refused(system: System) -> None:
    to = ("--forward-to", "http://127.0.0.1:9/")
    assert system.cli("listen", *to).returncode == 1
    refused = system.cli("listen", "--account", "acc_1", "--forward-to", "ftp://x/")
    assert "/forward-to" in refused.stderr
    unknown = system.cli("listen", "--webhook", "wh_nobody", *to)
    assert unknown.returncode == 3


def test_a_moment_is_a_time_or_so_long_ago() -> None:
    assert moment("10m", NOW) == 1000 * (NOW - 600)
    assert moment("2h", NOW) == 1000 * (NOW - 7_200)
    assert moment("2026-11-18T00:00:00+00:00", NOW) == 1_794_960_000_000
    for text in ("yesterday", "10", "m"):
        with pytest.raises(Invalid):
            moment(text, NOW)
