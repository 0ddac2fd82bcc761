"""Texts with ``{{variable}}`` in them. A variable that was never set is empty."""

import re
from collections.abc import Callable, Mapping

MAX_TEXT = 4_000
"""Characters of a variable, and of a rendered text; the rest is cut off."""
MASK = "****"
"""Stands for a secret."""

_PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_.-]{1,64})\s*\}\}")


def render(
    template: str, variables: Mapping[str, str], quote: Callable[[str], str] = lambda value: value
) -> str:
    """The text; `quote` makes a value fit for where it is put."""
    return _PLACE.sub(lambda found: quote(variables.get(found[1], "")), template)[:MAX_TEXT]


def names_in(template: str) -> set[str]:
    """The variables that a text speaks of."""
    return set(_PLACE.findall(template))
