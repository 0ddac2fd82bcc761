"""`listen`: an account's events at a URL of one's own machine."""

import asyncio
import re
import time
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
import typer

from deploy.cli import Json
from deploy.cli.session import Session, with_session
from deploy.connections import stop_on_signal
from domain.errors import Fault, Invalid, NotFound
from events.base import AccountId
from gateways.ids import new_id
from gateways.webhooks import wishes
from gateways.webhooks.forwarder import Forwarded, Forwarder, forwarding
from projections import directory

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Hook(NamedTuple):
    """The subscription that is listened with."""

    account_id: AccountId
    id: str
    secret: str
    position: int
    """How far the store was when it began."""


def listen(
    forward_to: str = typer.Option(..., "--forward-to", help="URL that gets every event."),
    account: str = typer.Option("", "--account", help="Id of the account."),
    events: str = typer.Option("*", help="Comma-separated; * is all."),
    since: str = typer.Option("", help="Also what was since then: 10m, 2h, 1d or ISO 8601."),
    keep: bool = typer.Option(False, help="Leave the webhook, paused: its queue waits."),
    webhook: str = typer.Option("", help="Go on with one that was kept."),
    bind: str = typer.Option("127.0.0.1", help="Address of this machine for the sender."),
    json: bool = Json,
) -> None:
    """Forward an account's webhooks to a URL until Ctrl-C, signed as always.

    An ordinary subscription, made for the time being: order, retries and replays are those of any
    other. The sender has to reach this machine (WEBHOOK_ALLOW_CIDRS).
    """
    if urlsplit(forward_to).scheme not in ("http", "https"):
        raise Invalid("nothing to forward to", [Fault("/forward-to", "is not an http(s) URL")])
    if not (account or webhook):
        raise Invalid("whose events?", [Fault("/account", "is missing")])
    begin = moment(since, time.time()) if since else None

    def tell(one: Forwarded) -> None:
        print(orjson.dumps(one._asdict()).decode() if json else _line(one), flush=True)

    async def work(session: Session) -> None:
        stop = stop_on_signal()
        async with forwarding(bind, forward_to, tell) as (forwarder, url):
            wanted = [event.strip() for event in events.split(",") if event.strip()]
            hook = await _begun(session, account, webhook, url, wanted)
            try:
                await _listen(session, hook, forwarder, begin, stop, url, json)
            finally:
                await _end(session, hook, keep or bool(webhook), json)

    with_session(work)


async def _listen(
    session: Session,
    hook: Hook,
    forwarder: Forwarder,
    since: int | None,
    stop: asyncio.Event,
    url: str,
    json: bool,
) -> None:
    forwarder.verify_with(hook.secret)
    if since is not None:
        await session.reader.caught_up("outbox", hook.position)
        now = int(time.time() * 1000)
        await session.reader.query(
            lambda sql: wishes.replay(
                sql, hook.account_id, hook.id, since, now, ["*"], now, new_id("rpl")
            )
        )
    about = {"webhook": hook.id, "url": url, "secret": hook.secret}
    text = f"{hook.id} listens at {url}; its secret is {hook.secret} (Ctrl-C ends it)"
    print(orjson.dumps(about).decode() if json else text, flush=True)
    await stop.wait()


async def _begun(session: Session, account: str, webhook: str, url: str, events: list[str]) -> Hook:
    """A subscription of its own, or the one that was kept."""
    members: dict[str, Any] = {"url": url, "status": "active"}
    if not webhook:
        members |= {"events": events, "description": "callplane listen"}
        account_id = AccountId(account)
        made = await session.provisioner.create(account_id, "webhook", members, "cli")
        return Hook(account_id, made.id, made.revealed["secret"], made.position)
    owner = await session.reader.query(lambda sql: directory.owner_of(sql, webhook))
    if owner is None:
        raise NotFound(f"no webhook {webhook}")
    done = await session.provisioner.change(owner, "webhook", webhook, members, "cli")
    row = await session.reader.query(lambda sql: directory.one(sql, owner, "webhook", webhook))
    assert row is not None, "it was changed a moment ago"
    secret = await asyncio.to_thread(session.vault.get, row["body"]["secret_ref"], owner)
    if secret is None:
        raise NotFound(f"the secret of {webhook} cannot be opened")
    return Hook(owner, webhook, secret.decode(), done.position)


async def _end(session: Session, hook: Hook, keep: bool, json: bool) -> None:
    if keep:
        paused = {"status": "paused"}
        await session.provisioner.change(hook.account_id, "webhook", hook.id, paused, "cli")
        if not json:
            print(f"{hook.id} is paused; go on with --webhook {hook.id}")
    else:
        await session.provisioner.delete(hook.account_id, "webhook", hook.id, "cli")


def moment(text: str, now: float) -> int:
    """Epoch milliseconds of ISO 8601, or of so long before `now` (epoch seconds)."""
    if found := re.fullmatch(r"([0-9]{1,6})([smhd])", text):
        return int(1000 * (now - int(found[1]) * _UNITS[found[2]]))
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except ValueError:
        fault = Fault("/since", f"{text} is neither a time nor a duration")
        raise Invalid("no such moment", [fault]) from None


def _line(one: Forwarded) -> str:
    at = datetime.now().astimezone().strftime("%H:%M:%S")
    place = f"{one.call_id or ''} #{one.sequence}" if one.sequence else ""
    said = one.error or str(one.status)
    return f"{at}  {one.event:18} {said} in {one.duration_ms} ms  {one.id}  {place}".rstrip()
