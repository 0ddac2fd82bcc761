"""Mails that are owed are sent: to a real SMTP server, from a running system."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.http.test_voicemail import Office
from tests.support.postbox import Postbox, postbox
from tests.support.system import System, eventually, new_call_id, running


@pytest.fixture(scope="module")
def post() -> Iterator[Postbox]:
    with postbox() as post:
        yield post


@pytest.fixture(scope="module")
def mailing(post: Postbox) -> Iterator[System]:
    url = f"smtp://127.0.0.1:{post.port}"
    with running(smtp_url=url, mail_from="pbx@acme.example", mail_retry_sec="0.2") as system:
        yield system


@pytest.fixture
def recipient(post: Postbox) -> Iterator[str]:
    yield f"{new_call_id().partition('@')[0]}@acme.example"
    post.answer = lambda recipient: "250 OK"


def _booked(system: System, message_id: str) -> dict[str, Any]:
    with system.database() as connection:
        row = connection.execute(
            "SELECT * FROM delivery.mail WHERE message_id = %s", (message_id,)
        ).fetchone()
    assert row is not None
    return row


def test_who_wants_mail_gets_one(mailing: System, post: Postbox, recipient: str) -> None:
    office = Office(mailing, notify_email=recipient)
    message = office.leave()
    (mail,) = eventually(lambda: post.to(recipient))
    assert mail["From"] == "pbx@acme.example"
    assert mail["Subject"] == "New voicemail from 14155551234"
    assert mail["Message-ID"] == f"<{message}@voicemail.callplane>"
    assert "has left a message in Sales" in mail.get_content()
    assert eventually(lambda: _booked(mailing, message))["state"] == "sent"


def test_who_wants_none_gets_none(mailing: System, post: Postbox, recipient: str) -> None:
    silent = Office(mailing).leave()
    office = Office(mailing, notify_email=recipient)
    office.leave()
    eventually(lambda: post.to(recipient))
    with mailing.database() as connection:
        owed = connection.execute("SELECT message_id FROM views.owed_mail").fetchall()
    assert silent not in {row["message_id"] for row in owed}


def test_the_same_recording_again_is_no_second_mail(
    mailing: System, post: Postbox, recipient: str
) -> None:
    office = Office(mailing, notify_email=recipient)
    key = office.call()
    office.put(key)
    eventually(lambda: post.to(recipient))
    office.put(key)
    after = Office(mailing, notify_email=f"after-{recipient}")
    after.leave()
    eventually(lambda: post.to(f"after-{recipient}"))
    assert len(post.to(recipient)) == 1


def test_a_mail_that_is_not_taken_now_is_sent_later(
    mailing: System, post: Postbox, recipient: str
) -> None:
    tries: list[str] = []

    def answer(address: str) -> str:
        tries.append(address)
        return "451 try again" if tries.count(recipient) <= 2 else "250 OK"

    post.answer = answer
    message = Office(mailing, notify_email=recipient).leave()
    eventually(lambda: post.to(recipient))
    booked = eventually(lambda: _booked(mailing, message))
    eventually(lambda: _booked(mailing, message)["state"] == "sent")
    assert _booked(mailing, message)["attempts"] == 3, booked


def test_a_mail_that_nobody_will_take_is_given_up_and_delays_no_other(
    mailing: System, post: Postbox, recipient: str
) -> None:
    post.answer = lambda address: "550 no such user" if address == recipient else "250 OK"
    dead = Office(mailing, notify_email=recipient).leave()
    other = f"other-{recipient}"
    Office(mailing, notify_email=other).leave()
    eventually(lambda: post.to(other))
    booked = eventually(lambda: _booked(mailing, dead))
    assert (booked["state"], booked["attempts"]) == ("dead", 1)
    assert "no such user" in booked["last_error"]
    time.sleep(1.5)
    assert post.asked.count(recipient) == 1


def test_a_server_that_is_away_gets_its_mail_when_it_is_back(recipient: str) -> None:
    with postbox() as before:
        port = before.port
    url = f"smtp+plain://127.0.0.1:{port}"
    with running(smtp_url=url, mail_retry_sec="0.2") as system:
        message = Office(system, notify_email=recipient).leave()
        assert eventually(lambda: _booked(system, message))["state"] == "retrying"
        with postbox(port) as back:
            (mail,) = eventually(lambda: back.to(recipient))
            assert mail["Message-ID"] == f"<{message}@voicemail.callplane>"
            eventually(lambda: _booked(system, message)["state"] == "sent")


def test_without_a_server_doctor_says_that_mail_is_wanted(recipient: str) -> None:
    with running() as system:
        assert "SMTP_URL" not in system.cli("doctor", "--json").stdout
        Office(system, notify_email=recipient)
        found = system.cli("doctor", "--json")
        assert "1 mailboxes want mail about messages: set SMTP_URL" in found.stdout
