"""What the system says by itself: ten prompts and the announcements, in sixteen languages.

The prompts are rendered once, to `key(…)`; announcements are texts with a number in them, and are
rendered as they are needed. What is not said in a language is None, and never another language's
text.
"""

from typing import Final, get_args

from domain.prompts import (
    ar_xa,
    cmn_cn,
    de_de,
    en_us,
    es_es,
    fr_fr,
    he_il,
    hi_in,
    it_it,
    ja_jp,
    ko_kr,
    nl_nl,
    pl_pl,
    pt_br,
    ru_ru,
    tr_tr,
)
from domain.prompts.language import Language, Prompt

LANGUAGES: Final[dict[str, Language]] = {
    module.LANGUAGE.code: module.LANGUAGE
    for module in (
        *(en_us, es_es, fr_fr, de_de, it_it, pt_br, nl_nl, pl_pl),
        *(ru_ru, tr_tr, ar_xa, he_il, hi_in, ja_jp, ko_kr, cmn_cn),
    )
}
PROMPTS: Final[tuple[Prompt, ...]] = get_args(Prompt)
GENDERS: Final = ("male", "female")
MOST: Final = 999
"""The largest number that is announced; what is more is announced as this."""


def key(language: str, gender: str, prompt: str) -> str:
    """Where a prompt's recording lies."""
    return f"system/{language}/{gender}/{prompt}.wav"


def position_text(language: str, position: int) -> str | None:
    """What a caller at `position` of the queue (1: the next) is told."""
    if (spoken := LANGUAGES.get(language)) is None:
        return None
    if position <= 1:
        return spoken.next_caller
    return spoken.callers_ahead.text(min(position - 1, MOST), spoken.plural)


def wait_text(language: str, minutes: int) -> str | None:
    """How long a caller has to expect to wait; less than a minute is one."""
    if (spoken := LANGUAGES.get(language)) is None:
        return None
    return spoken.minutes_to_wait.text(min(max(minutes, 1), MOST), spoken.plural)
