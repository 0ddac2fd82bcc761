"""`replay`: a call that was, decided again."""

from typing import Any

import typer

from deploy import parts
from deploy.cli import Json, say
from deploy.cli.flows import moment
from deploy.cli.session import Session, with_session
from domain.errors import Fault, Invalid, NotFound
from events.base import CallId
from gateways.archive import books
from gateways.replay import DRAFT, Wish, replayed


def replay(
    call_id: str,
    flow: str | None = typer.Option(None, help="A version of the call's flow, or `draft`."),
    at: str | None = typer.Option(None, help="ISO 8601: as if it had come then."),
    change: list[str] = typer.Option([], "--set", help="ROW.member=value, e.g. acc_….max_in=1."),
    json: bool = Json,
) -> None:
    """Decide a call again, with another flow, time or configuration. Nothing is recorded.

    Exits with 1 when a decision comes out differently.
    """
    wish = Wish(_version(flow), None if at is None else moment(at), _rows(change))

    async def work(session: Session) -> dict[str, Any]:
        place = await session.reader.query(lambda cursor: books.place(cursor, call_id))
        if place is None:
            raise NotFound(f"no call {call_id}")
        platform, account_id = parts.platform(session.settings), place.account_id
        return await replayed(session.reader, platform, account_id, CallId(call_id), wish)

    found = with_session(work)
    say(found, json, _text(found))
    raise typer.Exit(0 if found["same"] else 1)


def _version(flow: str | None) -> int | None:
    if flow in (None, "draft"):
        return DRAFT if flow else None
    if not flow.isdigit():
        raise Invalid("no such version", [Fault("/flow", f"{flow} is no number and not draft")])
    return int(flow)


def _rows(changes: list[str]) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for text in changes:
        place, equals, value = text.partition("=")
        id, dot, member = place.partition(".")
        if not equals or not dot:
            raise Invalid("no such change", [Fault("/set", f"{text} is not ROW.member=value")])
        rows.setdefault(id, {})[member] = _value(value)
    return rows


def _value(text: str) -> Any:
    """A number or null as such, anything else as text."""
    if text == "null":
        return None
    return int(text) if text.lstrip("-").isdigit() else text


def _text(found: dict[str, Any]) -> str:
    if found["same"]:
        return "\n".join([*_lines(found["replayed"]), "the same as it was"])
    place = found["first_difference"]["seq"]
    lines = [*_lines(found["recorded"][: place - 1]), f"from decision {place} on it was"]
    lines += [*_lines(found["recorded"][place - 1 :]), "and is now"]
    lines += _lines(found["replayed"][place - 1 :])
    return "\n".join([*lines, found["stopped"] or ""]).rstrip()


def _lines(decisions: list[dict[str, Any]]) -> list[str]:
    lines = []
    for one in decisions:
        lines.append(f"{one['seq']:3} {one['kind']:6} {one['asked']}")
        lines += [f"      {step['what']}: {step['outcome']}".rstrip(" :") for step in one["path"]]
        answer = dict(one["answer"] or {})
        word = answer.pop("action", None) or answer.pop("command", None) or one["refused"]
        lines.append(f"    → {word} {answer}")
    return lines
