"""What a mail about a voicemail message says. Nothing that a caller chose can become a header."""

import re
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from gateways.mail.ledger import Owed

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}")


def letter(owed: Owed, sender: str) -> EmailMessage:
    """The same mail at each attempt, so that who gets it twice sees that by its Message-ID.

    ValueError when the recipient is no plain address.
    """
    if ADDRESS.fullmatch(owed.recipient) is None:
        raise ValueError("the recipient is not an e-mail address")
    caller = one_line(owed.caller) or "an unknown number"
    mailbox = one_line(owed.mailbox or owed.voicemail_id)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = owed.recipient
    mail["Subject"] = f"New voicemail from {caller}"
    mail["Date"] = format_datetime(owed.received)
    mail["Message-ID"] = f"<{owed.message_id}@voicemail.callplane>"
    mail["Auto-Submitted"] = "auto-generated"
    lines = [
        f"{caller} has left a message in {mailbox}.",
        "",
        f"Received: {owed.received:%Y-%m-%d %H:%M:%S} UTC",
        f"Length:   {_length(owed.duration_ms)}",
        f"Message:  {owed.message_id}",
    ]
    mail.set_content("\n".join(lines) + "\n")
    return mail


def one_line(text: str) -> str:
    """Of a text from outside what fits into a line."""
    return "".join(char if char.isprintable() else " " for char in text).strip()[:100]


def _length(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "unknown"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes}:{seconds:02d}"
