"""Which form a whole number from 1 on takes (CLDR's plural rules)."""

from domain.prompts.language import Plural


def always_other(n: int) -> Plural:
    return "other"


def one_or_more(n: int) -> Plural:
    return "one" if n == 1 else "other"


def polish(n: int) -> Plural:
    """1 · 2–4, 22–24, … · all others, 12–14 and 21 among them."""
    if n == 1:
        return "one"
    return "few" if _ends_in_2_to_4(n) else "many"


def russian(n: int) -> Plural:
    """1, 21, 31, … · 2–4, 22–24, … · all others, 11–14 among them."""
    if n % 10 == 1 and n % 100 != 11:
        return "one"
    return "few" if _ends_in_2_to_4(n) else "many"


def arabic(n: int) -> Plural:
    """1 · 2 · 3–10, 103–110, … · 11–99, 111–199, … · 100–102, 200–202, …"""
    if n in (1, 2):
        return "one" if n == 1 else "two"
    if 3 <= n % 100 <= 10:
        return "few"
    return "many" if n % 100 >= 11 else "other"


def hebrew(n: int) -> Plural:
    if n in (1, 2):
        return "one" if n == 1 else "two"
    return "other"


def _ends_in_2_to_4(n: int) -> bool:
    return 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14
