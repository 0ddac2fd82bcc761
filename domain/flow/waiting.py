"""What an engine is told of a caller who waits in a queue: whom to ring, what to play meanwhile."""

from collections.abc import Iterable
from urllib.parse import quote

from domain import prompts
from domain.acd.callers import Waiting
from domain.acd.floor import Lease
from domain.acd.strategies import RING_ALL
from domain.directory import body_of, options_of
from domain.flow import legs, media
from domain.flow.node import POLL_MS, Center, Context, Prompt, Visit
from events.flow import Announcement, Dial, Enqueue, Frame, Leg, Originate
from events.resources import Queue


def hold(
    visit: Visit,
    queue_id: str,
    queue: Queue,
    place: Waiting,
    *,
    is_first: bool = False,
    says: bool = False,
) -> Enqueue:
    """Music. At first with what the caller may press; with `says`, his position."""
    options = options_of(visit.context.directory, queue_id)
    music = media.moh_of(visit.context.office.account_id, visit.context.directory, queue)
    prompt = Prompt(())
    if says:
        language = queue.language or visit.context.account.language
        text = prompts.position_text(language, place.position)
        prompt = visit.prompt(None, text, language=language) if text else prompt
    elif is_first:
        recorded = [option.prompt_media_id for _, option in options if option.prompt_media_id]
        prompt = Prompt(tuple(url for id in recorded for url in visit.prompt(id, None).urls))
    return Enqueue(
        queue_id=queue_id,
        position=place.position,
        ewt_sec=place.ewt_sec,
        moh_url=music.url,
        moh_stream=music.stream,
        announce=Announcement(urls=prompt.urls, tts=prompt.tts) if prompt.urls else None,
        digits="".join(option.digit for _, option in options),
        poll_ms=POLL_MS,
    )


def ring(visit: Visit, queue_id: str, queue: Queue, found: tuple[Leg, ...]) -> Dial:
    music = media.moh_of(visit.context.office.account_id, visit.context.directory, queue)
    return Dial(
        legs=found,
        strategy="parallel",
        caller_id=visit.context.from_number,
        timeout_ms=max(leg.timeout_ms for leg in found),
        record=queue.recording,
        queue_id=queue_id,
        moh_url=music.url,
        moh_stream=music.stream,
        poll_ms=POLL_MS,
    )


def legs_of(visit: Visit, queue: Queue, leases: Iterable[Lease]) -> tuple[Leg, ...]:
    """The agents' devices, for as long as the agents are reserved."""
    return tuple(leg for lease in leases for leg in _legs(visit, queue, lease))


def originate(context: Context, lease: Lease, number: str) -> Originate | None:
    """A call that an edge node makes by itself: first the agent, who confirms his reservation;
    then, as a call of his device, the number. None: he has no telephone that rings."""
    center = Center(context.office, context.now)
    nowhere = Frame(flow_id="", flow_version=0, node_id="")
    visit = Visit(context, nowhere, frozenset(), None, {}, set(), 0, center)
    queue = body_of(context.directory, lease.queue_id, Queue) or Queue(name="")
    found = legs_of(visit, queue, [lease])
    if not found:
        return None
    auth_user, _, realm = str(found[0].aor).removeprefix("sip:").rpartition("@")
    return Originate(
        call_id=lease.call_id,
        account_id=context.office.account_id,
        queue_id=lease.queue_id,
        legs=found,
        number=number,
        auth_user=auth_user,
        from_domain=realm,
        expires_at=lease.until,
    )


def _legs(visit: Visit, queue: Queue, lease: Lease) -> Iterable[Leg]:
    context = visit.context
    account, call = quote(context.office.account_id, safe=""), quote(lease.call_id, safe="")
    remaining_ms = max(1_000, lease.until - context.now)
    claim = f"/agent/claim/{account}/{quote(lease.agent_id, safe='')}/{call}"
    whisper = visit.prompt(queue.whisper_media_id, None).urls
    given = {
        "timeout_ms": remaining_ms,
        "lease_id": lease.lease_id,
        "epoch": lease.epoch,
        "confirm_url": f"/agent/confirm/{account}/{quote(lease.lease_id, safe='')}/{lease.epoch}",
        "claim_url": claim if queue.strategy == RING_ALL else None,
        "accept_url": visit.system_prompt("confirm-accept") if queue.confirm_accept else None,
        "whisper_url": whisper[0] if whisper else None,
    }
    for leg in legs.of_user_at_once(context, lease.agent_id, remaining_ms // 1000):
        yield leg.model_copy(update=given)
