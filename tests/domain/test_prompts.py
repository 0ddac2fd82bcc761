"""What the system says: complete in every language, and with the form that the number asks for."""

import pytest

from domain import prompts
from domain.prompts import LANGUAGES, PROMPTS, position_text, wait_text

CODES = (
    *("en-US", "es-ES", "fr-FR", "de-DE", "it-IT", "pt-BR", "nl-NL", "pl-PL"),
    *("ru-RU", "tr-TR", "ar-XA", "he-IL", "hi-IN", "ja-JP", "ko-KR", "cmn-CN"),
)
ONE_OR_MORE = {"one": [1], "other": [2, 3, 5, 11, 12, 21, 22, 100, 101, 102, 999]}
ALWAYS_OTHER = {"other": [1, 2, 3, 5, 11, 20, 21, 100, 999]}
CATEGORIES = {
    **dict.fromkeys(CODES[:7], ONE_OR_MORE),
    "pl-PL": {
        "one": [1],
        "few": [2, 3, 4, 22, 24, 32, 102, 104, 122, 994],
        "many": [5, 11, 12, 13, 14, 19, 20, 21, 25, 31, 100, 101, 111, 112, 114, 121, 999],
    },
    "ru-RU": {
        "one": [1, 21, 31, 91, 101, 121, 991],
        "few": [2, 3, 4, 22, 24, 102, 104, 122, 994],
        "many": [5, 10, 11, 12, 14, 19, 20, 25, 100, 111, 112, 114, 211, 999],
    },
    "tr-TR": ONE_OR_MORE,
    "ar-XA": {
        "one": [1],
        "two": [2],
        "few": [3, 7, 10, 103, 110, 903],
        "many": [11, 12, 26, 99, 111, 199, 999],
        "other": [100, 101, 102, 200, 202, 900],
    },
    "he-IL": {"one": [1], "two": [2], "other": [3, 10, 11, 20, 22, 100, 102, 999]},
    "hi-IN": ONE_OR_MORE,
    "ja-JP": ALWAYS_OTHER,
    "ko-KR": ALWAYS_OTHER,
    "cmn-CN": ALWAYS_OTHER,
}


def test_there_are_ten_prompts_in_sixteen_languages() -> None:
    assert tuple(LANGUAGES) == CODES
    assert len(PROMPTS) == 10
    for language in LANGUAGES.values():
        assert tuple(language.prompts) == PROMPTS
        assert len(set(language.prompts.values())) == 10


def test_a_prompt_has_its_place() -> None:
    assert prompts.key("pl-PL", "female", "goodbye") == "system/pl-PL/female/goodbye.wav"


@pytest.mark.parametrize("code", CODES)
def test_every_number_takes_its_category(code: str) -> None:
    for category, numbers in CATEGORIES[code].items():
        assert {LANGUAGES[code].plural(n) for n in numbers} == {category}, category


@pytest.mark.parametrize("code", CODES)
def test_every_category_has_a_sentence_of_its_own(code: str) -> None:
    language = LANGUAGES[code]
    for counted in (language.callers_ahead, language.minutes_to_wait):
        assert set(counted.forms) == set(CATEGORIES[code])
        assert len(set(counted.forms.values())) == len(counted.forms)


@pytest.mark.parametrize("code", CODES)
def test_every_number_is_said(code: str) -> None:
    for say in (position_text, wait_text):
        said = [say(code, n) or "" for n in range(1, 1000)]
        assert len(set(said)) == 999
        assert all(text and "{" not in text and text[-1] in ".。।" for text in said)
        assert say(code, 5000) == say(code, 5001)


@pytest.mark.parametrize(
    ("code", "position", "said"),
    [
        ("en-US", 1, "You are the next caller."),
        ("en-US", 0, "You are the next caller."),
        ("en-US", 2, "There is one caller ahead of you."),
        ("en-US", 5, "There are 4 callers ahead of you."),
        ("de-DE", 2, "Vor Ihnen ist noch ein Anrufer."),
        ("pl-PL", 3, "Przed Państwem są 2 połączenia."),
        ("pl-PL", 13, "Przed Państwem jest 12 połączeń."),
        ("pl-PL", 22, "Przed Państwem jest 21 połączeń."),
        ("ru-RU", 2, "Перед вами один звонок."),
        ("ru-RU", 4, "Перед вами 3 звонка."),
        ("ru-RU", 12, "Перед вами 11 звонков."),
        ("ru-RU", 22, "Перед вами 21 звонок."),
        ("ar-XA", 3, "أَمَامَكَ مُتَّصِلَان."),
        ("ar-XA", 4, "أَمَامَكَ 3 مُتَّصِلِين."),
        ("he-IL", 3, "לִפְנֵיכֶם שְׁתֵּי שִׂיחוֹת בַּתּוֹר."),
        ("ja-JP", 5, "おきゃくさまのまえに、よんめいさまが おまちです。"),
        ("ja-JP", 344, "おきゃくさまのまえに、さんびゃくよんじゅうさんめいさまが おまちです。"),
        ("ko-KR", 21, "고객님 앞에 스무 명이 대기 중입니다."),
        ("ko-KR", 22, "고객님 앞에 스물한 명이 대기 중입니다."),
        ("cmn-CN", 3, "您前面还有两位客户在等候。"),
        ("cmn-CN", 13, "您前面还有12位客户在等候。"),
    ],
)
def test_positions(code: str, position: int, said: str) -> None:
    assert position_text(code, position) == said


@pytest.mark.parametrize(
    ("code", "minutes", "said"),
    [
        ("en-US", 0, "The estimated waiting time is one minute."),
        ("pl-PL", 2, "Przewidywany czas oczekiwania to dwie minuty."),
        ("pl-PL", 5, "Przewidywany czas oczekiwania to 5 minut."),
        ("ru-RU", 2, "Примерное время ожидания: две минуты."),
        ("ru-RU", 21, "Примерное время ожидания: 21 минута."),
        ("ja-JP", 1, "あと およそ いっぷんほど おまちください。"),
        ("ja-JP", 10, "あと およそ じゅっぷんほど おまちください。"),
        ("ja-JP", 300, "あと およそ さんびゃっぷんほど おまちください。"),
        ("ja-JP", 14, "あと およそ じゅうよんぷんほど おまちください。"),
        ("cmn-CN", 2, "预计等待时间约为两分钟。"),
    ],
)
def test_waits(code: str, minutes: int, said: str) -> None:
    assert wait_text(code, minutes) == said


def test_a_language_without_texts_is_said_in_no_other() -> None:
    assert position_text("sv-SE", 3) is None
    assert wait_text("sv-SE", 3) is None
