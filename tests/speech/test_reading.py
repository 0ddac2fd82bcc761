"""What espeak-ng is given to read, and what it is not."""

import pytest

from gateways.speech.reading import as_read, is_spelled
from gateways.speech.voice import NotSpoken


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en-US", "Привет"),
        ("en-US", "请稍候"),
        ("de-DE", "שלום"),
        ("ja-JP", "お客様"),
        ("cmn-CN", "ひらがな"),
        ("he-IL", "אנא המתינו"),
        ("ar-XA", "يرجى الانتظار"),
        ("en-US", ""),
        ("en-US", " … !"),
    ],
)
def test_what_would_be_spelled_or_guessed_is_not_spoken(language: str, text: str) -> None:
    with pytest.raises(NotSpoken, match=f"^{language}: "):
        as_read(text, language)


@pytest.mark.parametrize(
    ("language", "text", "read"),
    [
        ("en-US", "Press 1,\nthen\tCafé №2", "Press 1, then Café No2"),
        ("ru-RU", "Добрый день, Acme", "Добрый день, Acme"),
        ("ja-JP", "カスタマー ﾃﾞｽ", "カスタマー デス"),
        ("ja-JP", "ﾒﾆｭｰ", "メニュー"),
        ("he-IL", "שָׁלוֹם", "ש\u05c1\u05b8לו\u05b9ם"),
        ("he-IL", "מֻתָּר", "מו\u05bcת\u05b8ר"),
        ("ar-XA", "مُوَظَّف", "مُوَظ\u0651\u064eف"),
        ("ar-XA", "الِانْتِظَار", "الِنْتِظَار"),
    ],
)
def test_marks_as_the_voice_knows_them(language: str, text: str, read: str) -> None:
    assert as_read(text, language) == read


def test_a_letter_that_is_named_in_english_is_spelled() -> None:
    assert is_spelled("ʃˈin (en)hˈiːbɹuːˈa(he)", "שָׁ")
    assert not is_spelled("(en)həlˈəʊ(ru)", "hello")
    assert not is_spelled("ʃalom", "שָׁלוֹם")
