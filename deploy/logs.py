"""Logs on standard error: readable lines, or JSON with LOG_FORMAT=json.

Every line is one JSON object: `ts` (RFC 3339, UTC), `level`, `logger`, `process`, `message`, and
where there is one `request_id`, `account_id`, `call_id`, `trace_id`, the fields of the line, and
`exception` (a traceback without values of variables). Whatever a client sends stays on its line.

Phone numbers (after `+`, `sip:`, `sips:`, `tel:`, in quotes or brackets), passwords in URLs, keys
and bearer tokens do not stand in lines, at any level: a fault's text may quote them.
"""

import io
import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from typing import Any

import structlog

from deploy.settings import Settings
from gateways import about, tracing

Event = MutableMapping[str, Any]

_HIDDEN = "•••"
_SECRETS = [
    (re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]*(?=@)"), _HIDDEN),
    (re.compile(r"\b((?:[sp]k|sips|whsec)_)[A-Za-z0-9_.+/=-]{8,}"), rf"\1{_HIDDEN}"),
    (re.compile(r"\b(Bearer|Basic|Digest) [^\s,\"']+", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{1,2000}\.[A-Za-z0-9_.-]+"), _HIDDEN),
    (re.compile(r"(\+|\b(?:sips?|tel):\+?)(\d{2})\d{4,13}"), rf"\1\2{_HIDDEN}"),
    (re.compile(r"(?<=['\"(])(\d{2})\d{5,13}(?=['\")])"), rf"\1{_HIDDEN}"),
]
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_CONTROL |= {10: "\\n", 13: "\\r", 9: "\\t", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_FIRST = ("ts", "level", "logger", "process", "message")
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has."""


def configure(settings: Settings, process: str) -> None:
    """Called once in each process; `process` stands in every line."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        lambda _, __, event: {**event, "process": process},
        _add_fields,
        _add_ids,
    ]
    last: list[structlog.typing.Processor]
    if settings.log_format == "json":
        shared += [
            structlog.processors.format_exc_info,
            _hide,
            structlog.processors.EventRenamer("message"),
        ]
        last = [_in_order, structlog.processors.JSONRenderer(default=str)]
    else:
        shared += [_hide, _on_one_line]
        last = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                timestamp_key="ts",
                exception_formatter=_traceback,  # no values: they may be secrets
            )
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("nats", "asyncio", "aiohttp.access", "uvicorn", "psycopg.pool"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    for silent in ("opentelemetry", "urllib3"):  # what they send is not ours to tell
        logging.getLogger(silent).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda caught: _uncaught(
        caught.exc_type, caught.exc_value, caught.exc_traceback
    )


def masked(text: str) -> str:
    """Without phone numbers and secrets."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _uncaught(kind: Any, error: Any, traceback: Any) -> None:
    logging.getLogger("callplane").critical("uncaught", exc_info=(kind, error, traceback))


def _add_fields(_: Any, __: str, event: Event) -> Event:
    """What was given as `extra`."""
    record = event.get("_record")
    if record is not None:
        event.update({n: v for n, v in vars(record).items() if n not in _PLAIN and n not in event})
    return event


def _add_ids(_: Any, __: str, event: Event) -> Event:
    """What the work at hand is about."""
    if (now := about.NOW.get()) is not None:
        for name, value in now.ids().items():
            event.setdefault(name, value)
    if (spans := tracing.spans()) is not None and (trace_id := spans.trace_id()):
        event["trace_id"] = trace_id
    return event


def _hide(_: Any, __: str, event: Event) -> Event:
    for name, value in event.items():
        event[name] = _masked_within(value)
    return event


def _masked_within(value: Any) -> Any:
    match value:
        case str():
            return masked(value)
        case dict():
            return {name: _masked_within(one) for name, one in value.items()}
        case list():
            return [_masked_within(one) for one in value]
        case tuple():
            return tuple(_masked_within(one) for one in value)
    return value


def _on_one_line(_: Any, __: str, event: Event) -> Event:
    """Readable lines; a client must not write lines of its own."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = value.translate(_CONTROL)
    return event


def _in_order(_: Any, __: str, event: Event) -> Event:
    return {**{name: event.pop(name) for name in _FIRST if name in event}, **event}


def _traceback(out: Any, exc_info: Any) -> None:
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    out.write(masked(text.getvalue()))
