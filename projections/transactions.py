"""Which SIP messages of a call follow from which others: transactions, what proxies sent on of
them, and dialogs (RFC 3261 sections 8, 12, 13, 16, 17). Messages may be anybody's: where they
contradict each other, they still get an order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import NamedTuple, TypeVar

from domain.sip import Message

K = TypeVar("K")


class Seen(NamedTuple):
    """A message on the wire."""

    place: int
    """In the order of arrival, from 0."""
    digest: bytes
    """The same for the same message between the same two."""
    said: Message

    @property
    def depth(self) -> int:
        """How many have passed it on."""
        return len(self.said.branches)

    @property
    def is_request(self) -> bool:
        return self.said.status == 0

    @property
    def begins_dialog(self) -> bool:
        return self.said.method == "INVITE" and self.is_request and not self.said.to_tag


def before(known: Sequence[Seen]) -> list[set[int]]:
    """For each message those that it must follow, as the first rule says."""
    found: list[set[int]] = [set() for _ in known]
    for a, b in _pairs(known):
        if a != b:
            found[b].add(a)
    return found


def _pairs(known: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """Earlier and later one."""
    firsts: dict[bytes, int] = {}
    once: list[Seen] = []
    for one in known:
        if (first := firsts.setdefault(one.digest, one.place)) == one.place:
            once.append(one)
        else:
            yield first, one.place
    legs = _grouped(once, lambda one: one.said.call_id)
    for leg in legs.values():
        for transaction in _grouped(leg, lambda one: (one.said.cseq, one.said.method)).values():
            yield from _within_transaction(transaction)
        yield from _around_invites(leg)
        yield from _by_cseq(leg)


def _grouped(known: Iterable[Seen], key: Callable[[Seen], K]) -> dict[K, list[Seen]]:
    found: dict[K, list[Seen]] = {}
    for one in known:
        found.setdefault(key(one), []).append(one)
    return found


def _within_transaction(known: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """Requests, their answers, and both as proxies send them on."""
    requests = _grouped((one for one in known if one.is_request), lambda one: one.said.branches)
    answers = [one for one in known if not one.is_request]
    at_hop = _grouped(answers, lambda one: one.said.branches)
    for stack, asked in requests.items():
        for request in requests.get(stack[1:], ()):
            yield from ((request.place, one.place) for one in asked)
        for answer in at_hop.get(stack, ()):
            yield from ((one.place, answer.place) for one in asked)
    for found in at_hop.values():
        for earlier in found:
            later = (one for one in found if _stage(one.said) > _stage(earlier.said))
            yield from ((earlier.place, one.place) for one in later)
    for answer in answers:
        for sent_on in at_hop.get(answer.said.branches[1:], ()):
            if (sent_on.said.status, sent_on.said.to_tag) == (
                answer.said.status,
                answer.said.to_tag,
            ):
                yield answer.place, sent_on.place


def _stage(said: Message) -> int:
    return 0 if said.status == 100 else 1 if said.status < 200 else 2


def _around_invites(leg: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """What CANCEL, ACK and requests within the dialog follow."""
    invites = [one for one in leg if one.said.method == "INVITE"]
    finals = [one for one in invites if one.said.status >= 200]
    for one in leg:
        if one.is_request:
            for earlier, later in _around(one, leg, invites, finals):
                yield earlier.place, later.place


def _around(
    one: Seen, leg: Sequence[Seen], invites: Sequence[Seen], finals: Sequence[Seen]
) -> Iterator[tuple[Seen, Seen]]:
    match one.said.method:
        case "CANCEL":
            for invite in invites:
                if invite.is_request and _at_one_hop(invite, one):
                    yield invite, one
                elif invite.said.status == 487 and _at_one_hop(invite, one):
                    yield one, invite
        case "ACK":
            answered = [o for o in finals if _at_one_hop(o, one)]  # ends a refusal at its own hop
            of_number = (o for o in finals if o.said.cseq == one.said.cseq and o.said.status < 300)
            for answer in answered or shallowest(of_number):
                yield answer, one
        case "BYE" | "INVITE" | "REFER" if one.said.to_tag:
            opened = (o for o in finals if o.said.status < 300 and o.said.cseq != one.said.cseq)
            for answer in _first_dialog(list(opened)):
                yield answer, one
            if one.said.method == "BYE":
                yield from ((o, one) for o in leg if o.said.method == "ACK")


def _at_one_hop(one: Seen, other: Seen) -> bool:
    return one.said.branches[:1] == other.said.branches[:1]


def shallowest(known: Iterable[Seen]) -> list[Seen]:
    found = list(known)
    least = min((one.depth for one in found), default=0)
    return [one for one in found if one.depth == least]


def _first_dialog(finals: Sequence[Seen]) -> list[Seen]:
    """The answers that opened the dialog, with all that was sent on of them."""
    least = min((one.said.cseq for one in finals), default=0)
    return [one for one in finals if one.said.cseq == least]


_BESIDE = frozenset({"ACK", "CANCEL", "PRACK", "UPDATE", "INFO"})
"""What may be asked while an INVITE is open."""


def _by_cseq(leg: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """One side counts its requests; a new one that is not of `_BESIDE` follows the last INVITE's
    final answer and ACK, too."""
    counted = _grouped((one for one in leg if one.said.cseq), lambda one: one.said.from_tag)
    for side in counted.values():
        by_number = _grouped(side, lambda one: one.said.cseq)
        for number, following in pairwise(sorted(by_number)):
            new = [o for o in by_number[following] if o.is_request and o.said.method != "ACK"]
            for earlier in by_number[number]:
                yield from ((earlier.place, o.place) for o in new if _is_before(earlier, o))


def _is_before(earlier: Seen, new: Seen) -> bool:
    """`new`: the same side's request after that of `earlier`, which is part of its transaction."""
    if earlier.said.method == "ACK" or earlier.said.status >= 200:
        return new.said.method not in _BESIDE
    return earlier.is_request


def line(earlier: Sequence[set[int]]) -> list[int]:
    """All, each behind those that it must follow, otherwise as they arrived. Where they wait for
    each other, the one that arrived first goes on."""
    waits = [set(one) for one in earlier]
    followers: list[list[int]] = [[] for _ in earlier]
    for place, awaited in enumerate(earlier):
        for one in awaited:
            followers[one].append(place)
    ready = [place for place, left in enumerate(waits) if not left]
    heapify(ready)
    by_arrival = iter(range(len(earlier)))
    found: list[int] = []
    done: set[int] = set()
    while len(found) < len(earlier):
        if not ready:
            ready.append(next(place for place in by_arrival if place not in done))
        place = heappop(ready)
        if place in done:
            continue
        done.add(place)
        found.append(place)
        for one in followers[place]:
            waits[one].discard(place)
            if not waits[one] and one not in done:
                heappush(ready, one)
    return found


def closures(earlier: Sequence[set[int]], order: Sequence[int]) -> list[int]:
    """For each message itself and all that it follows from, a bit for each."""
    found = [1 << place for place in range(len(earlier))]
    standing: set[int] = set()
    for place in order:
        found[place] |= union(found[one] for one in earlier[place] if one in standing)
        standing.add(place)
    return found


def union(sets: Iterable[int]) -> int:
    found = 0
    for one in sets:
        found |= one
    return found
