"""Where mail is handed in, as one URL: `smtp://user:password@mail.example:587`."""

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587, "smtp+plain": 25}


class MailServer(NamedTuple):
    host: str
    port: int
    username: str | None
    password: str | None
    use_tls: bool
    """From the first byte."""
    start_tls: bool | None
    """None: when the server offers it."""


def mail_server(url: str) -> MailServer:
    """`smtps`: TLS from the start. `smtp+starttls`: TLS or nothing. `smtp`: TLS when it is offered,
    always before a password is shown. `smtp+plain`: never. ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError(f"not a URL of {', '.join(PORTS)} with a host")
    encrypted = {"smtps": False, "smtp+starttls": True, "smtp+plain": False}
    return MailServer(
        parts.hostname,
        parts.port or PORTS[parts.scheme],
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        parts.scheme == "smtps",
        encrypted.get(parts.scheme, True if parts.username else None),
    )
