"""The routing brain: from a route request to one directive, with every step on the way (spec 03).

A decision is a list of policies, asked in order; the first that answers decides. What each looked
at stands in the path of the fact, so that "why did this call go there?" has one exact answer.

`decision` asks `policies` (may this be asked, and what for?), follows `targets` (to a flow, a user,
`outbound` …) and passes `admission`; `walk` is what they hand on to each other.
"""

from domain.routing.decision import (
    Decision,
    WayOut,
    asked_again,
    decide,
    digest_of,
    route,
    send_out,
)
from domain.routing.targets import MAX_TARGETS, forks_of
from domain.routing.walk import RETRY_AFTER, Office, Platform, RouteRequest

__all__ = [
    "MAX_TARGETS",
    "RETRY_AFTER",
    "Decision",
    "Office",
    "Platform",
    "RouteRequest",
    "WayOut",
    "asked_again",
    "decide",
    "digest_of",
    "forks_of",
    "route",
    "send_out",
]
