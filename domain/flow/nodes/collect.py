"""collect: digits into a variable. After a `secret` one only asterisks are stored."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from domain.flow import pattern
from domain.flow.node import DEFAULT, Done, Flag, Next, Terminators, Tries, Variable, Visit
from domain.flow.nodes.prompting import Prompted, ask


def known_pattern(value: str) -> str:
    pattern.compiled(value)
    return value


Pattern = Annotated[str, Field(max_length=pattern.MAX_PATTERN), AfterValidator(known_pattern)]


class Collect(Prompted):
    kind: Literal["collect"]
    variable: Variable
    terminator: Terminators = "#"
    regex: Pattern | None = None
    maxTries: Tries = 3
    secret: Flag = 0
    outcomes = (DEFAULT, "timeout", "invalid")

    @property
    def effort(self) -> int:
        return pattern.compiled(self.regex).work if self.regex else 1


def run(node: Collect, visit: Visit) -> Next:
    failures, timeouts = visit.frame.failures, visit.frame.timeouts
    if visit.answer is None:
        return ask(node, visit, node.terminator, 0, 0)
    visit.hides_answer = bool(node.secret)
    digits = (visit.answer.digits or "").rstrip(node.terminator)
    if digits and _is_good(node, digits):
        visit.set(node.variable, digits, is_secret=bool(node.secret))
        return Done(DEFAULT)
    if digits:
        failures += 1
        visit.note = "not what is asked for"
    else:
        timeouts += 1
    if failures + timeouts >= node.maxTries:
        return Done("invalid" if digits else "timeout")
    return ask(node, visit, node.terminator, failures, timeouts)


def _is_good(node: Collect, digits: str) -> bool:
    if not min(node.minDigits, node.maxDigits) <= len(digits) <= node.maxDigits:
        return False
    return node.regex is None or pattern.matches(node.regex, digits)
