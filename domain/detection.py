"""What counts as an attack: offences per source within a time, each kind with its own rule.

The count is a memory of the aggregate's owner, not of its facts: a flood of guesses costs no row.
It forgets with its owner (a take-over starts to count again), may count an offence twice that had
to be decided twice, and holds at most `SUBJECTS` sources, of which the one that has been quiet
longest goes first.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from events.base import Millis

SUBJECTS = 50_000


class Rule(NamedTuple):
    """So many offences within so many seconds are a ban of so many seconds; threshold 0: never."""

    threshold: int
    period_sec: int
    ban_sec: int


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "auth_ip": Rule(20, 60, 3_600),  # guessing passwords
        "auth_user": Rule(30, 600, 900),  # one login guessed from many addresses
        "unknown_number": Rule(10, 60, 3_600),  # looking for numbers that exist
        "scanner": Rule(1, 60, 86_400),  # a user agent of a known attack tool
    }
)

_SCANNERS = re.compile(
    r"friendly-scanner|sipvicious|sip-?scan|sundayddr|sipcli|sivus|iwar\b|pplsip|vaxsip"
    r"|smap\b|gulp\b|siparmyknife|test agent|nmap|masscan|zgrab",
    re.IGNORECASE,
)
_RULE = re.compile(r"(?P<name>\w+)=(?P<threshold>\d+)/(?P<period>\d+):(?P<ban>\d+)")


def is_scanner(user_agent: str) -> bool:
    """Whether a SIP `User-Agent` is that of a known attack tool."""
    return _SCANNERS.search(user_agent) is not None


def rules_from(text: str) -> dict[str, Rule]:
    """The rules with those replaced that `text` names: `auth_ip=20/60:3600`, comma-separated."""
    rules = dict(RULES)
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _RULE.fullmatch(part)
        if found is None or found["name"] not in RULES:
            raise ValueError(f"{part!r} is not one of {', '.join(RULES)} as NAME=COUNT/SECONDS:BAN")
        numbers = (int(found[name]) for name in ("threshold", "period", "ban"))
        rules[found["name"]] = Rule(*numbers)
    return rules


class Tally:
    """Counts offences; what is older than the rule's period does not count."""

    def __init__(self, subjects: int = SUBJECTS) -> None:
        self._subjects = subjects
        self._seen: OrderedDict[tuple[str, str], deque[Millis]] = OrderedDict()

    def count(self, name: str, rule: Rule, subject: str, now: Millis) -> int:
        """Take an offence in; returns how many there are now, at most the rule's threshold."""
        key = (name, subject)
        times = self._seen.pop(key, None)
        if times is None or times.maxlen != rule.threshold:
            times = deque(times or (), maxlen=rule.threshold)
        while times and times[0] <= now - rule.period_sec * 1000:
            times.popleft()
        times.append(now)
        self._seen[key] = times
        if len(self._seen) > self._subjects:
            self._seen.popitem(last=False)
        return len(times)

    def __len__(self) -> int:
        return len(self._seen)
