"""menu: press one for sales. A choice that nobody has drawn takes the default edge; without one it
is a mistake, and is asked for again."""

from typing import Literal

from domain.flow.node import DEFAULT, Done, Next, Terminators, Tries, Visit
from domain.flow.nodes.prompting import Prompted, ask


class Menu(Prompted):
    kind: Literal["menu"]
    terminators: Terminators = ""
    maxFailures: Tries = 3
    maxTimeouts: Tries = 3
    outcomes = ("timeout", "invalid")

    def emits(self, handle: str) -> bool:
        digits = handle.removeprefix("digit:")
        is_choice = (
            digits != handle and 1 <= len(digits) <= 32 and not set(digits) - set("0123456789*#")
        )
        return is_choice or super().emits(handle)


def run(node: Menu, visit: Visit) -> Next:
    failures, timeouts = visit.frame.failures, visit.frame.timeouts
    if visit.answer is None:
        return ask(node, visit, node.terminators, 0, 0)
    digits = visit.answer.digits
    if digits and visit.handles & {f"digit:{digits}", DEFAULT}:
        return Done(f"digit:{digits}")
    if digits:
        failures += 1
        visit.note = f"{digits} is no choice"
        if failures >= node.maxFailures:
            return Done("invalid")
    else:
        timeouts += 1
        if timeouts >= node.maxTimeouts:
            return Done("timeout")
    return ask(node, visit, node.terminators, failures, timeouts)
