"""What menu and collect share: a prompt, digits, and asking again while there are tries left."""

from typing import ClassVar

from domain.flow.node import (
    Audio,
    Digits,
    Flag,
    NodeData,
    Prompt,
    Seconds,
    Text,
    Visit,
    Wait,
)
from events.flow import Gather

INTER_DIGIT = 3
"""Seconds between two digits after which the input counts as complete."""


class Prompted(NodeData):
    promptAudioId: Audio | None = None
    promptText: Text | None = None
    repromptAudioId: Audio | None = None
    repromptText: Text | None = None
    invalidAudioId: Audio | None = None
    invalidText: Text | None = None
    minDigits: Digits = 1
    maxDigits: Digits
    timeoutSec: Seconds
    interDigitTimeoutSec: Seconds | None = None
    bargeIn: Flag = 1
    pointers = (
        ("promptAudioId", "media_file"),
        ("repromptAudioId", "media_file"),
        ("invalidAudioId", "media_file"),
    )
    default_terminators: ClassVar[str] = ""


def ask(node: Prompted, visit: Visit, terminators: str, failures: int, timeouts: int) -> Wait:
    """The prompt that fits what went before: the first, the one after silence, or that after a
    mistake."""
    urls, tts = _prompt(node, visit, failures, timeouts)
    gather = Gather(
        urls=urls,
        tts=tts,
        min_digits=min(node.minDigits, node.maxDigits),
        max_digits=node.maxDigits,
        terminators=terminators,
        timeout_ms=node.timeoutSec * 1000,
        inter_digit_timeout_ms=(node.interDigitTimeoutSec or INTER_DIGIT) * 1000,
        barge_in=node.bargeIn,
    )
    return Wait(gather, failures=failures, timeouts=timeouts)


def _prompt(node: Prompted, visit: Visit, failures: int, timeouts: int) -> Prompt:
    first = visit.prompt(node.promptAudioId, node.promptText)
    if failures > visit.frame.failures:
        invalid = visit.prompt(node.invalidAudioId, node.invalidText)
        if invalid.urls:
            return invalid
        return Prompt((visit.system_prompt("invalid"), *first.urls), first.tts)
    if timeouts > visit.frame.timeouts:
        again = visit.prompt(node.repromptAudioId, node.repromptText)
        return again if again.urls else first
    return first
