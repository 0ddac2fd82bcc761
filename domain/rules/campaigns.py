"""Whom, when and how a campaign calls (spec 09)."""

from typing import Annotated, Literal

from pydantic import Field

from domain.rules.members import STRICT, Flag, Name, Number
from events import resources


class ContactList(resources.ContactList):
    model_config = STRICT
    name: Name


class CidPool(resources.CidPool):
    model_config = STRICT
    name: Name
    numbers: Annotated[tuple[Number, ...], Field(max_length=10_000)] = ()


class Campaign(resources.Campaign):
    model_config = STRICT
    name: Name
    dial_mode: Literal["preview", "progressive", "power", "predictive"] = "progressive"
    cid_number: Number | None = None
    max_lines: Annotated[int, Field(ge=1, le=10_000)] = 10
    power_ratio: Annotated[float, Field(ge=1, le=10)] = 1.8
    abandon_cap_pct: Annotated[int, Field(ge=0, le=100)] = 3
    dnc_check: Flag = 1
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    retry_after_sec: Annotated[int, Field(ge=60, le=30 * 86_400)] = 3600
    amd: Flag = 0
    amd_action: Literal["hangup", "voicemail_drop"] = "hangup"
    status: Literal["draft"] = "draft"
    """Nothing dials yet, so nothing runs."""
