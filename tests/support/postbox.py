"""A real SMTP server that takes mail and remembers it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from deploy.embedded import free_port


@dataclass
class Postbox:
    """Takes every mail unless `answer` says otherwise; `asked` are all attempts."""

    port: int
    taken: list[EmailMessage] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Recipients."""
    answer: Callable[[str], str] = lambda recipient: "250 OK"

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.asked.append(address)
        answer = self.answer(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.SMTP)
        assert isinstance(mail, EmailMessage)
        self.taken.append(mail)
        return "250 OK"

    def to(self, recipient: str) -> list[EmailMessage]:
        return [mail for mail in list(self.taken) if mail["To"] == recipient]


@contextmanager
def postbox(port: int | None = None) -> Iterator[Postbox]:
    made = Postbox(port or free_port())
    controller = Controller(made, hostname="127.0.0.1", port=made.port)
    controller.start()
    try:
        yield made
    finally:
        controller.stop()
