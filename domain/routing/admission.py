"""May the call begin: channels, call limits and a look at its costs, all at once (spec 06)."""

from collections.abc import Iterator

from domain import capacity, numbers, spending, tolls, windows
from domain.routing.walk import RETRY_AFTER, Walk
from domain.windows import Checked, Subjects
from events.call import (
    Direction,
    Directive,
    ProxyToUser,
    Reject,
)
from events.capacity import Dimension, Hold, LimitExceeded, TollFraudSuspected
from events.resources import Account


def admit(walk: Walk, directive: Directive) -> Directive:
    """All channels that the call needs, at once (spec 06); emergency calls need none."""
    if isinstance(directive, Reject) or walk.account is None:
        return directive
    if walk.emergency:
        walk.limits = []
        walk.note("admission", "emergency")
        return directive
    account_id = walk.office.account_id
    if walk.direction is Direction.INBOUND:
        walk.need(Dimension.ACCOUNT_IN, account_id, walk.account.max_in)
    if walk.direction is Direction.OUTBOUND:
        walk.need(Dimension.ACCOUNT_OUT, account_id, walk.account.max_out)
    if walk.did:
        walk.need(Dimension.DID, walk.did[0], walk.did[1].max_channels)
    if walk.trunk:
        walk.need(Dimension.TRUNK, walk.trunk[0], walk.trunk[1].max_channels)
    if walk.caller:
        walk.need(Dimension.USER, walk.caller[0], walk.caller[1].max_simultaneous)
    full = capacity.exhausted(walk.office.capacity, walk.ask.call_id, walk.limits)
    if full is None:
        for (dimension, id), maximum in walk.limits:
            in_use = capacity.used(walk.office.capacity, Hold(dimension, id))
            ceiling = "-" if maximum is None else maximum
            walk.note(f"limit:{dimension}", "free", f"{id} {in_use}/{ceiling}")
        return _keep_to_windows(walk, directive)
    (dimension, id), maximum = full.limit
    walk.note(f"limit:{dimension}", "exhausted", f"{id} {full.used}/{maximum}")
    if dimension in (Dimension.DID, Dimension.USER):
        return Reject(code=486, reason="Busy Here")
    return Reject(code=503, reason="Channel Limit Reached", retry_after=RETRY_AFTER)


def _keep_to_windows(walk: Walk, directive: Directive) -> Directive:
    """The call limits that match: a hard one refuses what is beyond, another one lets it pass."""
    state = walk.office.capacity.windows
    limits = walk.office.directory.limits.items()
    for one in windows.check(state, limits, walk.direction, _subjects(walk, directive), walk.now):
        (limit_id, scope_id), limit, used = one
        outcome = ("exhausted" if limit.hard else "exceeded") if one.is_exceeded else "free"
        usage = f"{limit_id} {scope_id} {used}/{limit.max_count} in {limit.period_sec} s"
        walk.note(f"limit:{limit.scope_kind}_rate", outcome, usage)
        if one.is_exceeded and limit.hard:
            wait = windows.retry_after(state, one, walk.now)
            return Reject(code=503, reason="Call Rate Limit Reached", retry_after=wait)
        walk.windows.append(one)
    return _look_at_tolls(walk, directive)


def _look_at_tolls(walk: Walk, directive: Directive) -> Directive:
    """A sudden rate of costly calls, or sudden costs of them, are said or refused, as the account
    wants it."""
    account = walk.account
    if walk.direction is not Direction.OUTBOUND or account is None or account.toll_fraud == "off":
        return directive
    if not numbers.is_costly(walk.to_number, walk.country):
        return directive
    walk.is_costly = True
    is_sudden = [_is_sudden_rate(walk, account), _is_sudden_spend(walk, account)]
    if any(is_sudden) and account.toll_fraud == "block":
        return Reject(code=403, reason="Toll Fraud Suspected")
    return directive


def _is_sudden_rate(walk: Walk, account: Account) -> bool:
    state = walk.office.capacity.tolls
    count, usual = tolls.count(state, walk.now), tolls.usual(state, walk.now)
    is_sudden = tolls.is_sudden(state, walk.now)
    walk.note("tolls", "sudden" if is_sudden else "usual", f"{count}/{usual} in this hour")
    if is_sudden and not tolls.is_alarmed(state, walk.now):
        walk.suspicions.append(_suspicion(walk, account))
    return is_sudden


def _is_sudden_spend(walk: Walk, account: Account) -> bool:
    """Where the account has a history of costs."""
    state = walk.office.capacity.spending
    spent, usual = spending.spent(state, walk.now), spending.usual(state, walk.now)
    if usual is None:
        return False
    is_sudden = spending.is_sudden(state, walk.now)
    walk.note("tolls", "dear" if is_sudden else "usual", f"{spent}/{usual} micros in this hour")
    if is_sudden and not spending.is_alarmed(state, walk.now):
        found = _suspicion(walk, account)
        said = {"spent_micros": spent, "usual_micros": usual}
        walk.suspicions.append(found.model_copy(update=said))
    return is_sudden


def _suspicion(walk: Walk, account: Account) -> TollFraudSuspected:
    state = walk.office.capacity.tolls
    return TollFraudSuspected(
        account_id=walk.office.account_id,
        at=walk.now,
        call_id=walk.ask.call_id,
        number=walk.to_number,
        count=tolls.count(state, walk.now),
        usual=tolls.usual(state, walk.now),
        action=account.toll_fraud,
    )


def _subjects(walk: Walk, directive: Directive) -> Subjects:
    called = directive.user_id if isinstance(directive, ProxyToUser) else None
    users = (walk.caller[0] if walk.caller else None, called, *walk.senders)
    outside = {Direction.INBOUND: walk.from_number, Direction.OUTBOUND: walk.to_number}
    number = outside.get(walk.direction)
    return Subjects(
        account_id=walk.office.account_id,
        users=tuple(dict.fromkeys(user for user in users if user)),
        dids=(walk.did[0],) if walk.did else (),
        numbers=(number,) if number else (),
    )


def alarms(walk: Walk, held: bool) -> Iterator[LimitExceeded | TollFraudSuspected]:
    if held:
        yield from (_exceeded(walk, one) for one in walk.windows if one.is_exceeded)
    yield from walk.suspicions


def _exceeded(walk: Walk, one: Checked) -> LimitExceeded:
    return LimitExceeded(
        account_id=walk.office.account_id,
        at=walk.now,
        call_id=walk.ask.call_id,
        limit_id=one.window.limit_id,
        scope_kind=one.limit.scope_kind,
        scope_id=one.window.scope_id,
        used=one.used,
        max_count=one.limit.max_count,
        period_sec=one.limit.period_sec,
    )
