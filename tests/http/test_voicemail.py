"""A caller leaves a message: from the flow over PUT /media to the mailbox, a webhook and the
phones' lamps, over a wire."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from gateways.bus.connection import connect
from gateways.ids import new_id
from tests.support.sink import Sink
from tests.support.sink import sink as listening
from tests.support.sound import wav
from tests.support.system import System, acme, eventually, new_call_id
from tests.v1.test_rows import Api, pointers

FILE = wav(3)


class Office:
    """An account whose number leads into a mailbox."""

    def __init__(self, system: System, **mailbox: Any) -> None:
        document = acme()
        self.system = system
        self.account_id = document["account"]["id"]
        self.mailbox = new_id("vm")
        document["voicemails"] = [{"id": self.mailbox, "name": "Sales", **mailbox}]
        document["users"][0]["voicemail_id"] = self.mailbox
        document["numbers"][0] |= {"dest_kind": "voicemail", "dest_id": self.mailbox}
        self.user_id = document["users"][0]["id"]
        self.number = document["numbers"][0]["e164"]
        system.apply(document)
        self.api = Api(system, self.account_id)

    def call(self, call_id: str | None = None) -> str:
        """A caller at the beep; returns the key of the recording."""
        call_id = call_id or new_call_id()
        routed = self.system.route(call_id, self.number)
        asked = {"callId": call_id, "flowId": routed["flow_id"]}
        greeted = self.system.edge.post("/flow", json=asked)
        assert greeted.json()["command"] == "play", greeted.text
        told = self.system.edge.post("/flow", json={"callId": call_id, "outcome": "done", "seq": 1})
        assert told.json()["command"] == "record", told.text
        assert told.json()["voicemailId"] == self.mailbox
        return str(told.json()["key"])

    def put(self, key: str, data: bytes = FILE) -> httpx.Response:
        return self.system.edge.put(f"/media/{key}", content=data)

    def leave(self) -> str:
        """A message, whole; returns its id."""
        answer = self.put(self.call())
        assert answer.status_code == 201, answer.text
        return str(answer.json()["messageId"])

    def messages(self, **params: Any) -> list[dict[str, Any]]:
        answer = self.api.get(f"/v1/voicemails/{self.mailbox}/messages", **params)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["rows"])

    def path(self, message_id: str, below: str = "") -> str:
        return f"/v1/voicemails/{self.mailbox}/messages/{message_id}{below}"


@pytest.fixture
def office(system: System) -> Office:
    return Office(system)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with listening() as sink:
        yield sink


def test_a_recording_becomes_a_message(office: Office) -> None:
    call_id = new_call_id()
    key = office.call(call_id)
    put = office.put(key)
    assert put.status_code == 201, put.text
    (message,) = office.messages()
    assert message["received_at"] > 1_700_000_000_000
    assert {name: message[name] for name in message if name != "received_at"} == {
        "id": put.json()["messageId"],
        "account_id": office.account_id,
        "voicemail_id": office.mailbox,
        "call_id": call_id,
        "caller": "14155551234",
        "media_key": key,
        "duration_ms": 3000,
        "size_bytes": len(FILE),
        "is_read": 0,
    }
    assert office.api.get(office.path(message["id"])).json() == message
    heard = office.api.get(office.path(message["id"], "/content"))
    assert (heard.content, heard.headers["content-type"]) == (FILE, "audio/wav")
    trace = office.api.get(f"/v1/calls/{call_id}/trace").json()
    assert "message" in [step["kind"] for step in trace["steps"]]


def test_the_message_comes_also_after_the_caller_has_gone(office: Office) -> None:
    call_id = new_call_id()
    key = office.call(call_id)
    office.system.edge.post("/flow", json={"callId": call_id, "outcome": "hangup", "seq": 2})
    office.system.report(call_id, "end")
    assert office.put(key).status_code == 201
    assert len(office.messages()) == 1


def test_the_same_upload_again_is_no_second_message(office: Office) -> None:
    key = office.call()
    first, again = office.put(key), office.put(key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["messageId"] == again.json()["messageId"]
    longer = wav(5)
    office.put(key, longer)
    (message,) = office.messages()
    assert (message["id"], message["duration_ms"]) == (first.json()["messageId"], 5000)
    assert office.api.get(office.path(message["id"], "/content")).content == longer


def test_uploads_at_the_same_time_are_one_message(office: Office) -> None:
    key = office.call()

    async def run() -> list[Any]:
        async with httpx.AsyncClient(base_url=office.system.edge_url, timeout=10) as client:
            puts = [client.put(f"/media/{key}", content=FILE) for _ in range(8)]
            return [answer.json()["messageId"] for answer in await asyncio.gather(*puts)]

    assert len(set(asyncio.run(run()))) == 1
    assert len(office.messages()) == 1


def test_a_recording_of_nothing_is_no_message(office: Office) -> None:
    for data in (wav(0), b""):
        put = office.put(office.call(), data)
        assert (put.status_code, put.json()["messageId"]) == (201, None)
    assert office.messages() == []


def test_what_is_no_wav_file_is_a_message_of_unknown_length(office: Office) -> None:
    put = office.put(office.call(), b"OggS" + b"x" * 100)
    assert put.status_code == 201
    assert office.messages()[0]["duration_ms"] is None


def test_a_recording_of_a_call_that_nobody_knows_is_kept_and_said(office: Office) -> None:
    key = f"{office.account_id}/vm/nobody.wav"
    put = office.put(key)
    assert put.status_code == 409
    assert "is stored" in put.json()["detail"]
    assert office.system.edge.get(f"/media/{key}").content == FILE
    assert office.messages() == []


def test_a_message_is_marked_and_deleted_with_its_audio(office: Office) -> None:
    first, second = office.leave(), office.leave()
    assert office.api.patch(office.path(first), {"is_read": True}).json()["is_read"] == 1
    assert [one["id"] for one in office.messages(is_read=0)] == [second]
    assert [one["id"] for one in office.messages(is_read=1)] == [first]
    assert office.api.patch(office.path(first), {"is_read": 0}).json()["is_read"] == 0
    key = office.api.get(office.path(first)).json()["media_key"]
    assert office.api.delete(office.path(first)).json() == {"ok": 1, "id": first}
    assert office.system.edge.get(f"/media/{key}").status_code == 404
    for answer in (
        office.api.get(office.path(first)),
        office.api.get(office.path(first, "/content")),
        office.api.patch(office.path(first), {"is_read": 1}),
        office.api.delete(office.path(first)),
    ):
        assert answer.status_code == 404
    assert [one["id"] for one in office.messages()] == [second]


def test_messages_come_page_by_page_newest_first(office: Office) -> None:
    ids = [office.leave() for _ in range(3)]
    path, seen, cursor = f"/v1/voicemails/{office.mailbox}/messages", list[str](), None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = office.api.get(path, **params).json()
        seen += [row["id"] for row in page["rows"]]
        if (cursor := page.get("next_cursor")) is None:
            break
    assert seen == ids[::-1]
    assert pointers(office.api.get(path, cursor="x")) == ["/cursor"]
    assert pointers(office.api.patch(office.path(ids[0]), {"is_read": 2})) == ["/is_read"]


def test_another_accounts_mailbox_does_not_exist(system: System, office: Office) -> None:
    message = office.leave()
    other = Office(system)
    for path in (
        f"/v1/voicemails/{office.mailbox}/messages",
        office.path(message),
        office.path(message, "/content"),
        f"/v1/voicemails/{other.mailbox}/messages/{message}",
    ):
        assert other.api.get(path).status_code == 404
    answer = other.api.post(f"/v1/voicemails/{office.mailbox}/verify-pin", {"pin": "1"})
    assert answer.status_code == 404


def test_a_full_mailbox_takes_no_more_calls_but_what_was_recorded(system: System) -> None:
    office = Office(system, quota_mb=1)
    first, second = office.call(), office.call()
    large = wav(70)
    assert office.put(first, large).status_code == 201
    assert office.put(second, large).status_code == 201
    assert len(office.messages()) == 2
    call_id = new_call_id()
    routed = system.route(call_id, office.number)
    asked = {"callId": call_id, "flowId": routed["flow_id"]}
    told = system.edge.post("/flow", json=asked).json()
    assert told["urls"] == ["system/en-US/male/goodbye.wav"]
    assert (
        system.edge.post("/flow", json={"callId": call_id, "outcome": "done", "seq": 1}).json()[
            "command"
        ]
        == "hangup"
    )


def test_a_message_is_told_to_who_subscribed(office: Office, sink: Sink) -> None:
    hook = {"url": sink.url(), "events": ["voicemail.received"]}
    assert office.api.post("/v1/webhooks", hook).status_code == 201
    key = office.call()
    message = office.put(key).json()["messageId"]
    office.put(key, wav(9))
    (delivery,) = eventually(lambda: sink.received)
    body = orjson.loads(delivery.body)
    assert body["event"] == "voicemail.received"
    assert body["data"] | {"ts": 0, "callId": ""} == {
        "voicemail_id": office.mailbox,
        "message_id": message,
        "caller": "14155551234",
        "duration_ms": 3000,
        "callId": "",
        "ts": 0,
    }


def test_the_phones_learn_how_many_messages_wait(office: Office) -> None:
    system, node = office.system, f"edge-{new_id('x')}"
    report = {"nodeId": node, "bans": []}
    assert system.edge.post("/security/report", json=report).is_success

    async def run() -> list[dict[str, Any]]:
        client = await connect(system.servers.nats_url, "test")
        try:
            orders = await client.subscribe(f"edge.{node}.op.mwi")
            await client.flush()
            message = await asyncio.to_thread(office.leave)
            path = office.path(message)
            await asyncio.to_thread(office.api.patch, path, {"is_read": 1})
            await asyncio.to_thread(office.api.delete, path)
            return [orjson.loads((await orders.next_msg(5)).data) for _ in range(3)]
        finally:
            await client.close()

    about = {
        "accountId": office.account_id,
        "userIds": [office.user_id],
        "mailboxId": office.mailbox,
    }
    assert asyncio.run(run()) == [
        {**about, "new": 1, "old": 0},
        {**about, "new": 0, "old": 1},
        {**about, "new": 0, "old": 0},
    ]


def test_a_pin_is_verified_and_guessing_it_comes_to_an_end(system: System) -> None:
    office = Office(system, pin="4711")
    path = f"/v1/voicemails/{office.mailbox}/verify-pin"

    def tried(pin: str) -> httpx.Response:
        return office.api.post(path, {"pin": pin})

    for _ in range(2):
        for pin in ("", "471", "47111", "0000"):
            assert tried(pin).json() == {"ok": 0}
        assert tried("4711").json() == {"ok": 1}, "a right one makes good for the wrong ones"
    for _ in range(5):
        assert tried("0000").json() == {"ok": 0}
    locked = tried("4711")
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 900
    assert locked.headers["content-type"] == "application/problem+json"
    assert pointers(office.api.post(path, {"pin": 4711})) == ["/pin"]


def test_guesses_at_the_same_time_are_counted_each(system: System) -> None:
    office = Office(system, pin="4711")

    async def run() -> list[int]:
        async with httpx.AsyncClient(base_url=system.api_url, timeout=10) as client:
            path = f"/v1/voicemails/{office.mailbox}/verify-pin"
            tries = [
                client.post(path, json={"pin": f"{n:04d}"}, headers=office.api.headers)
                for n in range(20)
            ]
            return [answer.status_code for answer in await asyncio.gather(*tries)]

    found = asyncio.run(run())
    assert (found.count(200), found.count(429)) == (5, 15)


def test_a_mailbox_without_a_pin_has_no_right_one(office: Office) -> None:
    path = f"/v1/voicemails/{office.mailbox}/verify-pin"
    assert office.api.post(path, {"pin": ""}).json() == {"ok": 0}
    changed = office.api.patch(f"/v1/voicemails/{office.mailbox}", {"pin": "1234"})
    assert changed.status_code == 200
    assert office.api.post(path, {"pin": "1234"}).json() == {"ok": 1}
    office.api.patch(f"/v1/voicemails/{office.mailbox}", {"pin": None})
    assert office.api.post(path, {"pin": "1234"}).json() == {"ok": 0}
