"""What a language says: the system prompts, and sentences with a number in them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Plural = Literal["one", "two", "few", "many", "other"]
"""CLDR's categories of whole numbers from 1 on."""
Prompt = Literal[
    "welcome",
    "please-hold",
    "confirm-accept",
    "whisper-queue",
    "all-busy",
    "no-agents",
    "vm-greeting",
    "goodbye",
    "invalid",
    "transferring",
]


@dataclass(frozen=True, slots=True)
class Counted:
    """A sentence with a number, ``{n}``, in every form that the language has of it."""

    forms: Mapping[Plural, str]
    exactly: Mapping[int, str] = field(default_factory=dict)
    """Numbers that have a sentence of their own, as a word that digits would be misread for."""
    number: Callable[[int], str] = str
    """How the number is written."""

    def text(self, n: int, plural: Callable[[int], Plural]) -> str:
        return self.exactly.get(n) or self.forms[plural(n)].format(n=self.number(n))


@dataclass(frozen=True, slots=True)
class Language:
    code: str
    plural: Callable[[int], Plural]
    prompts: Mapping[Prompt, str]
    next_caller: str
    callers_ahead: Counted
    minutes_to_wait: Counted
