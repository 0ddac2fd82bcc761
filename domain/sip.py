"""A SIP message as text: what can be told from it, and what of it may be kept (RFC 3261).

For messages that somebody else has seen on the wire, so nothing here trusts them: whatever the
bytes are, the answer is a value. What is kept holds no credentials: neither digests of passwords
nor passwords in URIs nor keys of media streams, and no bodies but SDP (digits that a caller has
pressed travel in others).
"""

import re
from typing import NamedTuple

MAX_TEXT = 8_192
"""Characters of a message that are kept."""
MAX_CALL_ID = 255
REDACTED = "(redacted)"

_LONG = {
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "l": "content-length",
    "m": "contact",
    "t": "to",
    "v": "via",
}
"""Compact names (RFC 3261 section 7.3.3)."""
_REQUEST = re.compile(r"([A-Z][A-Z0-9._!%*+`'~-]{0,31}) (\S+) SIP/2\.0")
_STATUS = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""All but tab and the ends of lines: a terminal would do what a stranger says."""
_LINES = re.compile(r"\r\n|\n|\r")
_TAG = re.compile(r";\s*tag\s*=\s*([^;,\s>]+)", re.IGNORECASE)
_BRANCH = re.compile(r";\s*branch\s*=\s*([^;,\s]+)", re.IGNORECASE)
_BEFORE_HOST = re.compile(r"[^\s@<>\"]+@?")
_USER = re.compile(r"sips?:[^:]*:", re.IGNORECASE)
"""With its parameters: it may hold semicolons (RFC 3261 section 25.1)."""
_IN_URI = re.compile(r"([?&][a-z-]*authorization=)[^&>\s\"]*", re.IGNORECASE)
_SDP = re.compile(r"[a-z]=")


class Message(NamedTuple):
    """What orders and names a message. What it does not say is empty, or 0."""

    method: str
    """Of a request, or of the request that an answer is for."""
    status: int
    """Of an answer; 0: it is a request."""
    reason: str
    target: str
    """The URI of a request."""
    call_id: str
    cseq: int
    from_tag: str
    to_tag: str
    branches: tuple[str, ...]
    """Of the Via headers, the last hop first."""
    edge_call_id: str
    """The call that this leg belongs to, as a media server says (X-Edge-Call-Id)."""

    @property
    def title(self) -> str:
        return f"{self.status} {self.reason}".strip() if self.status else self.method

    @property
    def summary(self) -> str:
        """Request or answer in a word or two, an answer with what it answers."""
        return f"{self.title} ({self.method})" if self.status else f"{self.method} {self.target}"


class Kept(NamedTuple):
    text: str
    is_cut: bool
    call_id: str


def kept(payload: bytes) -> Kept | None:
    """What of a message may be stored; None for what is no SIP, or belongs to no Call-ID."""
    lines = _LINES.split(_CONTROLS.sub("�", payload.decode("utf-8", "replace")))
    while lines and not lines[0]:
        lines.pop(0)  # keep-alives before a message (RFC 3261 section 7.5)
    if not lines or not _is_start(lines[0]):
        return None
    head, body = _parted(lines)
    headers = [_redacted(line) for line in head[1:]]
    found = _headers(headers)
    call_id = found.get("call-id", [""])[0]
    if not 0 < len(call_id) <= MAX_CALL_ID:
        return None
    whole = "\n".join([_without_password(head[0]), *headers, "", *_shown_body(found, body)])
    text = whole.rstrip("\n") + "\n"
    return Kept(text[:MAX_TEXT], len(text) > MAX_TEXT, call_id)


def read(text: str) -> Message:
    """A message as it was kept; one that was cut may say less."""
    head, _ = _parted(text.split("\n"))
    headers = _headers(head[1:])
    start = head[0] if head else ""
    request, answer = _REQUEST.fullmatch(start), _STATUS.fullmatch(start)
    number, _, method = headers.get("cseq", [""])[0].partition(" ")
    return Message(
        method=request[1] if request else method.strip(),
        status=int(answer[1]) if answer else 0,
        reason=(answer[2] or "") if answer else "",
        target=request[2] if request else "",
        call_id=headers.get("call-id", [""])[0],
        cseq=int(number) if number.isdecimal() and len(number) < 11 else 0,
        from_tag=_found(_TAG, headers.get("from", [""])[0]),
        to_tag=_found(_TAG, headers.get("to", [""])[0]),
        branches=tuple(_found(_BRANCH, via) for via in _each(headers.get("via", []))),
        edge_call_id=headers.get("x-edge-call-id", [""])[0],
    )


def _is_start(line: str) -> bool:
    return bool(_REQUEST.fullmatch(line) or _STATUS.fullmatch(line))


def _parted(lines: list[str]) -> tuple[list[str], list[str]]:
    """Head with its folded lines joined, and body."""
    head: list[str] = []
    for number, line in enumerate(lines):
        if not line:
            return head, lines[number + 1 :]
        if line[0] in " \t" and head:
            head[-1] += " " + line.strip()
        else:
            head.append(line)
    return head, []


def _redacted(line: str) -> str:
    name, colon, value = line.partition(":")
    if not colon:
        return REDACTED  # part of something, nobody knows of what
    plain = "".join(c for c in name.lower() if c.isascii() and (c.isalnum() or c == "-"))
    if "authorization" in plain or "authentication-info" in plain:
        scheme = value.split(maxsplit=1)[:1]
        known = scheme[0] if scheme and scheme[0].lower() in ("digest", "basic", "bearer") else ""
        return f"{name.strip()}: {known} {REDACTED}".replace(":  ", ": ")
    return f"{name.strip()}: {_without_password(value.strip())}"


def _without_password(text: str) -> str:
    return _IN_URI.sub(rf"\1{REDACTED}", _BEFORE_HOST.sub(_user_alone, text))


def _user_alone(found: re.Match[str]) -> str:
    """In two steps, each through the text once: whoever sends a line of many beginnings of URIs
    must not make anybody busy."""
    user = _USER.search(found[0]) if found[0].endswith("@") else None
    return f"{found[0][: user.end()]}{REDACTED}@" if user else found[0]


def _shown_body(headers: dict[str, list[str]], body: list[str]) -> list[str]:
    size = sum(len(line) + 1 for line in body) - 1
    if size <= 0:
        return []
    kind = headers.get("content-type", ["unknown type"])[0]
    if kind.partition(";")[0].strip().lower() == "application/sdp":
        return [_sdp_line(line) for line in body if _SDP.match(line)]
    return [f"({size} characters of {kind[:64]}, not kept)"]


def _sdp_line(line: str) -> str:
    """Keys of a media stream (RFC 4568, RFC 4566 section 5.12) are as good as what is said."""
    if line.startswith(("a=crypto", "a=key-mgmt")):
        return f"{line.partition(':')[0]}:{REDACTED}"
    return f"k={REDACTED}" if line.startswith("k=") else line


def _headers(lines: list[str]) -> dict[str, list[str]]:
    """Long lower-case name → values."""
    found: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            found.setdefault(_LONG.get(name, name), []).append(value.strip())
    return found


def _each(values: list[str]) -> list[str]:
    return [part for value in values for part in value.split(",")]


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
