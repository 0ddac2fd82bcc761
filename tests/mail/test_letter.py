"""What a mail says, and that nobody can write a header into it."""

from email import message_from_bytes, policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.mail.ledger import Owed
from gateways.mail.letter import letter
from gateways.mail.server import MailServer, mail_server
from tests.support.given import NOW, property_of

OWED = Owed("vmm_1", "vm_1", "Sales", "sales@acme.example", "14155551234", 64_999, NOW, 0)
HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
}


def _sent(**members: Any) -> Any:
    mail = letter(OWED._replace(**members), "pbx@acme.example")
    return message_from_bytes(bytes(mail), policy=policy.default)


def test_who_called_and_how_long_he_spoke() -> None:
    mail = _sent()
    assert (mail["To"], mail["From"]) == ("sales@acme.example", "pbx@acme.example")
    assert mail["Subject"] == "New voicemail from 14155551234"
    assert mail["Message-ID"] == "<vmm_1@voicemail.callplane>"
    assert (
        mail.get_content().splitlines()
        == (
            "14155551234 has left a message in Sales.\n\n"
            "Received: 2026-11-18 11:06:40 UTC\nLength:   1:04\nMessage:  vmm_1"
        ).splitlines()
    )


def test_what_is_not_known_is_said_so() -> None:
    mail = _sent(caller="", mailbox=None, duration_ms=None)
    assert mail["Subject"] == "New voicemail from an unknown number"
    assert "in vm_1." in mail.get_content()
    assert "Length:   unknown" in mail.get_content()


@pytest.mark.parametrize(
    "recipient", ["", "x", "a@b\r\nBcc: c@d.example", "a@b\nX: y", "a@b, c@d", "A <a@b>", "a b@c"]
)
def test_a_recipient_is_a_plain_address(recipient: str) -> None:
    with pytest.raises(ValueError, match="not an e-mail address"):
        _sent(recipient=recipient)


_TEXT = st.text(max_size=40) | st.sampled_from(
    ["x\r\nBcc: evil@x.example", "x\n\nbody", "\x0bX: y", "\u2028Bcc: a@b", "\udcff", "ü" * 200]
)


@property_of(300)
@given(_TEXT, _TEXT)
def test_whatever_a_caller_calls_himself_the_headers_are_ours(caller: str, mailbox: str) -> None:
    mail = _sent(caller=caller, mailbox=mailbox)
    assert set(mail.keys()) <= HEADERS
    assert mail["To"] == OWED.recipient
    assert mail["Subject"].startswith("New voicemail from ")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", MailServer("mail.example", 25, None, None, False, None)),
        ("smtp://u:p%40s@mail.example:26", MailServer("mail.example", 26, "u", "p@s", False, True)),
        ("smtp+starttls://mail.example", MailServer("mail.example", 587, None, None, False, True)),
        ("smtps://u:p@mail.example", MailServer("mail.example", 465, "u", "p", True, False)),
        ("smtp+plain://u:p@127.0.0.1", MailServer("127.0.0.1", 25, "u", "p", False, False)),
    ],
)
def test_a_server_is_one_url(url: str, server: MailServer) -> None:
    assert mail_server(url) == server


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://", "smtp://x:y"])
def test_another_url_is_none(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        mail_server(url)
