"""Where calls are answered: groups, queues, hours, flows, rooms."""

from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from domain.rules.members import (
    STRICT,
    Count,
    Date,
    DestKind,
    Flag,
    Id,
    Name,
    Seconds,
    Text,
    TimeOfDay,
    WebUrl,
    Zone,
)
from events import resources


class RingGroupMember(resources.RingGroupMember):
    model_config = STRICT
    user_id: Id | None = None
    device_id: Id | None = None
    position: Count = 0
    delay_sec: Annotated[int, Field(ge=0, le=600)] = 0
    timeout_sec: Annotated[int, Field(ge=1, le=600)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.user_id is None) == (self.device_id is None):
            raise ValueError("names either a user or a device")
        return self


class RingGroup(resources.RingGroup):
    model_config = STRICT
    name: Name
    strategy: Literal["ring_all", "sequential", "round_robin"] = "ring_all"
    ring_timeout_sec: Annotated[int, Field(ge=1, le=600)] = 25
    exit_dest_kind: DestKind | None = None
    closed_dest_kind: DestKind | None = None
    holiday_dest_kind: DestKind | None = None
    members: Annotated[tuple[RingGroupMember, ...], Field(max_length=100)] = ()


class Conference(resources.Conference):
    model_config = STRICT
    name: Name
    pin: Annotated[str, Field(pattern="^[0-9]{1,16}$")] | None = None
    max_members: Count | None = None
    record: Flag = 0
    wait_for_moderator: Flag = 0


class ScheduleRule(resources.ScheduleRule):
    model_config = STRICT
    kind: Literal["weekly", "date", "date_range"]
    dow: Annotated[int, Field(ge=0, le=6)] | None = None
    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    is_closed: Flag = 0
    label: Text | None = None

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if self.kind == "weekly" and self.dow is None:
            raise ValueError("a weekly rule needs dow")
        if self.kind != "weekly" and self.start_date is None:
            raise ValueError(f"a {self.kind} rule needs start_date")
        if self.kind == "date_range" and (self.end_date or "") < (self.start_date or ""):
            raise ValueError("a date_range rule needs an end_date, not before its start_date")
        return self


class TimeSchedule(resources.TimeSchedule):
    model_config = STRICT
    name: Name
    timezone: Zone | None = None
    rules: Annotated[tuple[ScheduleRule, ...], Field(max_length=1000)] = ()


class Queue(resources.Queue):
    model_config = STRICT
    name: Name
    strategy: Literal[
        "longest_idle",
        "round_robin",
        "top_down",
        "fewest_calls",
        "least_talk_time",
        "random",
        "ring_all",
        "ring_progressively",
    ] = "longest_idle"
    agent_ring_timeout_sec: Annotated[int, Field(ge=1, le=600)] = 20
    max_wait_sec: Seconds = 600
    wrap_up_sec: Seconds = 10
    max_no_answer: Count = 3
    announce_position: Flag = 0
    announce_first_sec: Seconds = 15
    announce_interval_sec: Seconds = 30
    moh_mode: Literal["stream", "file"] = "stream"
    timeout_dest_kind: DestKind | None = None
    max_queued: Count | None = None
    priority: Count = 0
    closed_dest_kind: DestKind | None = None
    holiday_dest_kind: DestKind | None = None
    no_agents_dest_kind: DestKind | None = None
    queue_full_dest_kind: DestKind | None = None
    abandon_dest_kind: DestKind | None = None
    ewt_dest_kind: DestKind | None = None
    ewt_threshold_sec: Seconds | None = None
    ewt_aht_sec: Annotated[int, Field(ge=1, le=86_400)] = 180
    sl_threshold_sec: Seconds = 20
    sl_target_pct: Annotated[int, Field(ge=0, le=100)] = 80
    alarm_wait_sec: Seconds = 120
    alarm_sl_pct: Annotated[int, Field(ge=0, le=100)] = 60
    recording: Flag = 0
    confirm_accept: Flag = 0


class AgentQueueAssignment(resources.AgentQueueAssignment):
    model_config = STRICT
    queue_id: Id
    user_id: Id
    tier_level: Count = 1
    position: Count = 0
    mode: Literal["static", "mandatory", "self", "managed"] = "static"


class InQueueOption(resources.InQueueOption):
    model_config = STRICT
    queue_id: Id
    digit: Annotated[str, Field(pattern=r"^[0-9*#]$")]
    action: Literal["route", "webhook", "deflect", "callback", "hangup"]
    dest_kind: DestKind | None = Field(default=None, validate_default=True)
    webhook_url: WebUrl | None = Field(default=None, validate_default=True)
    stay_in_queue: Flag = 0
    label: Text = ""

    @field_validator("dest_kind")
    @classmethod
    def _leads_somewhere(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("action") == "route":
            raise ValueError("a route option needs a destination")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _asks_somebody(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("action") == "webhook":
            raise ValueError("a webhook option needs a URL")
        return value


class CallFlow(resources.CallFlow):
    model_config = STRICT
    name: Name
    version: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1
    start: Id
    is_published: Flag = 0
