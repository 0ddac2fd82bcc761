"""Is what the system says what the edge has done? To be asked when all calls are over.

No channel is held, no agent is in a call, every call has ended once, every caller of a queue has
left it in one way, and whoever the edge has connected was connected.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import aiohttp

from deploy.simulator.office import Office
from deploy.simulator.tally import Fate
from deploy.simulator.wire import Wire

AT_ONCE = 8
IN_USE = ("incall", "ring", "extcall")
DEPARTURES = ("abandoned", "timeout", "routed", "callback")


async def complaints(wire: Wire, office: Office) -> list[str]:
    """Empty when everything is as it should be."""
    found = [*await _channels(wire, office), *await _agents(wire, office)]
    left: Counter[str] = Counter()
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(call_id: str, fate: Fate) -> list[str]:
        async with gate:
            answer = await wire.get(f"/calls/{call_id}/trace")
        if answer.status != 200:
            return [f"{call_id}: no trace ({answer.status})"]
        return [f"{call_id}: {what}" for what in _of_call(answer.body["steps"], fate, left)]

    looked = await asyncio.gather(*(look(*one) for one in wire.tally.fates.items()))
    found += [complaint for of_call in looked for complaint in of_call]
    found += wire.tally.doubles
    if left["queued"] != left["confirmed"] + sum(left[name] for name in DEPARTURES):
        found.append(f"callers in queues: {dict(left)}")
    return found


async def figures(api_url: str, key: str, found: list[str]) -> None:
    """What GET /v1/queues says, where the public API has it."""
    async with (
        aiohttp.ClientSession(headers={"x-api-key": key}) as http,
        http.get(f"{api_url}/v1/queues") as answer,
    ):
        if answer.status == 404:
            return
        rows = (await answer.json(content_type=None))["rows"]
    for row in rows:
        if kpis := row.get("kpis"):
            parts = ("answered", "abandoned", "routed", "callback", "waiting")
            if kpis["offered"] != sum(kpis[part] for part in parts) or kpis["waiting"]:
                found.append(f"queue {row['name']}: {kpis}")


async def _channels(wire: Wire, office: Office) -> list[str]:
    used = (await wire.get(f"/cac?accountId={office.account_id}")).body
    held = [call["callId"] for call in used["calls"] if call["callId"] in wire.tally.fates]
    return [f"{call_id} still holds its channels" for call_id in held]


async def _agents(wire: Wire, office: Office) -> list[str]:
    roster = (await wire.get(f"/presence/users?accountId={office.account_id}")).body
    ours = {seat.username for seat in office.seats}
    return [
        f"{user['username']} is {user['bucket']}"
        for user in roster["users"]
        if user["username"] in ours and user["bucket"] in IN_USE
    ]


def _of_call(steps: list[Mapping[str, Any]], fate: Fate, left: Counter[str]) -> list[str]:
    """What is wrong with one call; `left` counts the callers of queues."""
    facts = {step["event_id"]: step["event"] for step in steps}
    happened = Counter(facts.values())
    acd = Counter(
        step["outcome"] if step["kind"] == "left" else step["kind"] for step in _acd(steps)
    )
    left.update(acd)
    found = []
    if happened["call.ended.v1"] != 1:
        found.append(f"has ended {happened['call.ended.v1']} times")
    if happened["call.routed.v1"] < 1:
        found.append("was never routed")
    if happened["capacity.taken.v1"] != happened["capacity.released.v1"]:
        found.append("its channels were not given back once")
    ways_out = acd["confirmed"] + sum(acd[name] for name in DEPARTURES)
    if acd["queued"] != ways_out:
        found.append(f"came into a queue {acd['queued']} times and left {ways_out} times")
    if acd["reserved"] != acd["confirmed"] + acd["released"]:
        found.append("a reservation did not end once")
    if acd["confirmed"] != acd["ended"]:
        found.append("a conversation did not end once")
    if not fate.confirmed <= acd["confirmed"] <= fate.asked:
        found.append(f"{fate.confirmed} agents were connected, not {acd['confirmed']}")
    return found


def _acd(steps: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [step for step in steps if step["source"] == "acd"]
