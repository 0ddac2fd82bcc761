"""What calls cost."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from domain.rules.members import STRICT, Name
from events import resources

MAX_RATES = 5_000
"""Of a plan: a row is one message on the bus, and that has a limit."""

Micros = Annotated[int, Field(ge=0, le=100_000_000_000)]
"""Up to 100,000 units: there are currencies in which a minute costs thousands."""
Increment = Annotated[int, Field(ge=1, le=3600)]


class NewRate(resources.Rate):
    model_config = STRICT
    prefix: Annotated[str, Field(pattern="^[0-9]{0,15}$")] = ""
    direction: Literal["out", "in"] = "out"
    micros_per_min: Micros
    first_sec: Increment = 60
    next_sec: Increment = 60
    setup_micros: Micros = 0
    label: Annotated[str, Field(max_length=100)] = ""


class RatePlan(resources.RatePlan):
    model_config = STRICT
    name: Name
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    rates: Annotated[tuple[NewRate, ...], Field(max_length=MAX_RATES)] = ()

    @field_validator("rates")
    @classmethod
    def _are_told_apart(cls, rates: tuple[NewRate, ...]) -> tuple[NewRate, ...]:
        seen: set[tuple[str, str]] = set()
        again: list[InitErrorDetails] = []
        for number, rate in enumerate(rates):
            if (rate.direction, rate.prefix) in seen:
                again.append(_taken(number, rate))
            seen.add((rate.direction, rate.prefix))
        if again:
            raise ValidationError.from_exception_data(cls.__name__, again)
        return rates


def _taken(number: int, rate: NewRate) -> InitErrorDetails:
    why = PydanticCustomError("taken", "another rate has this prefix and direction")
    return InitErrorDetails(type=why, loc=(number, "prefix"), input=rate.prefix)
