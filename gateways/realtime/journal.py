"""Values under keys, numbered by their changes: what has changed since a number?

Every change has the next number. A key knows the number of its last change, and the keys are kept
in that order, so an answer costs what it says. Of a key that is gone the number is kept, too, for
the last `FORGOTTEN` of them; who asks for what came before the oldest change that is forgotten gets
no answer, and has to begin again with all values.
"""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

FORGOTTEN = 10_000
"""Keys that are gone and still remembered."""

Value = dict[str, Any]


class Journal:
    def __init__(self, values: Mapping[str, Value]) -> None:
        self.sequence = 1
        """Of the last change."""
        self._values: dict[str, Value] = dict(values)
        self._changed: OrderedDict[str, int] = OrderedDict()
        """Key → its last change since the beginning; the latest is last."""
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._oldest = 1
        """What came after it is known."""

    def write(self, values: Mapping[str, Value | None]) -> bool:
        """Put values in the place of old ones (None: the key is gone); whether any is another."""
        new = {key: value for key, value in values.items() if value != self._values.get(key)}
        if not new:
            return False
        self.sequence += 1
        for key, value in new.items():
            self._changed[key] = self.sequence
            self._changed.move_to_end(key)
            if value is None:
                del self._values[key]
                self._gone[key] = None
            else:
                self._values[key] = value
                self._gone.pop(key, None)
        while len(self._gone) > FORGOTTEN:
            key, _ = self._gone.popitem(last=False)
            self._oldest = max(self._oldest, self._changed.pop(key))
        return True

    def replace(self, values: Mapping[str, Value]) -> bool:
        """The same for all values there are."""
        gone = dict.fromkeys(self._values.keys() - values.keys())
        return self.write({**values, **gone})

    def knows(self, sequence: int) -> bool:
        """Whether it can say what has changed since."""
        return self._oldest <= sequence <= self.sequence

    def since(self, sequence: int) -> dict[str, Value | None]:
        """The values of all keys that have changed after `sequence`; None: it is gone."""
        keys = takewhile(lambda key: self._changed[key] > sequence, reversed(self._changed))
        return {key: self._values.get(key) for key in keys}

    @property
    def values(self) -> Mapping[str, Value]:
        return self._values
