"""Japanese. In kana, which every voice can read, with the numbers as they are said."""

from domain.prompts.language import Counted, Language
from domain.prompts.plurals import always_other

_DIGITS = ("", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")
_HUNDREDS = {1: "ひゃく", 3: "さんびゃく", 6: "ろっぴゃく", 8: "はっぴゃく"}
_MINUTES = (
    *("", "いっぷん", "にふん", "さんぷん", "よんぷん"),
    *("ごふん", "ろっぷん", "ななふん", "はっぷん", "きゅうふん"),
)


def _number(n: int) -> str:
    hundreds, tens, ones = n // 100, n // 10 % 10, n % 10
    return (
        (_HUNDREDS.get(hundreds, f"{_DIGITS[hundreds]}ひゃく") if hundreds else "")
        + (f"{_DIGITS[tens] if tens > 1 else ''}じゅう" if tens else "")
        + _DIGITS[ones]
    )


def _minutes(n: int) -> str:
    """With the counter, which changes its sound after some numbers."""
    if ones := n % 10:
        return (_number(n - ones) if n > ones else "") + _MINUTES[ones]
    return _number(n)[:-1] + "っぷん"


LANGUAGE = Language(
    code="ja-JP",
    plural=always_other,
    prompts={
        "welcome": "おでんわ ありがとうございます。",
        "please-hold": "しょうしょう おまちください。まもなく おうけいたします。",
        "confirm-accept": "つうわを うけるばあい、1を おしてください。",
        "whisper-queue": "おまちの おきゃくさまからの おでんわです。",
        "all-busy": "ただいま でんわが こみあっております。そのまま おまちください。",
        "no-agents": "ただいま たんとうしゃが おりません。のちほど おかけなおしください。",
        "vm-greeting": "ただいま でんわに でることが できません。はっしんおんのあとに、メッセージを おねがいします。",
        "goodbye": "おでんわ ありがとうございました。しつれいいたします。",
        "invalid": "にゅうりょくに あやまりが あります。",
        "transferring": "でんわを おつなぎします。しょうしょう おまちください。",
    },
    next_caller="つぎに おつなぎいたします。",
    callers_ahead=Counted(
        {
            "other": "おきゃくさまのまえに、{n}めいさまが おまちです。",
        },
        number=_number,
    ),
    minutes_to_wait=Counted(
        {
            "other": "あと およそ {n}ほど おまちください。",
        },
        number=_minutes,
    ),
)
