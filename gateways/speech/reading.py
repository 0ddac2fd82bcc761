"""Texts as espeak-ng can read them, or why it cannot.

It names letters that it does not read ("Chinese letter"), reads Japanese in kana only, and Arabic
and Hebrew only by their vowel marks, some of which it knows in one order or form only. Such a text
is not spoken, rather than spelled.
"""

import re
import unicodedata
from collections.abc import Callable

from gateways.speech.voice import NotSpoken

_SCRIPTS = {
    "ru-RU": {"CYRILLIC"},
    "ar-XA": {"ARABIC"},
    "he-IL": {"HEBREW"},
    "hi-IN": {"DEVANAGARI"},
    "ja-JP": {"HIRAGANA", "KATAKANA"},
    "ko-KR": {"HANGUL"},
    "cmn-CN": {"CJK"},
}
"""Letters that a language is read in, beside Latin ones."""

_ARABIC_WORD = re.compile("[\u0620-\u0652]{3,}")
_ARABIC_MARK = re.compile("[\u064b-\u0650\u0652]")
_HEBREW_WORD = re.compile("[\u05b0-\u05c7\u05d0-\u05ea]{2,}")
_HEBREW_LETTER = re.compile("([\u05d0-\u05ea])([\u05b0-\u05c7]*)")

KASRA = "\u0650"
DAGESH, SHIN_DOT, SIN_DOT = "\u05bc", "\u05c1", "\u05c2"
HIRIQ, HOLAM, QUBUTS = "\u05b4", "\u05b9", "\u05bb"
_SHORT_VOWELS = str.maketrans(
    {"\u05b1": "\u05b6", "\u05b2": "\u05b7", "\u05b3": "\u05b9", "\u05c7": "\u05b9", "\u05bd": ""}
)
"""Hatafs as the vowels that they shorten, the small qamats as the o that it is."""


def as_read(text: str, language: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    text = "".join(char if char.isprintable() else " " for char in text)
    if not any(char.isalnum() for char in text):
        raise NotSpoken(language, "there is nothing to say")
    if foreign := _foreign_letters(text, _SCRIPTS.get(language, set())):
        raise NotSpoken(language, f"its voice does not read {', '.join(sorted(foreign))} letters")
    return _FORMS.get(language, str)(text)


def is_spelled(phonemes: str, text: str) -> bool:
    """Whether letters were named in English for want of a way to say them. Latin ones may be."""
    latin = any("LATIN" in unicodedata.name(char, "") for char in text)
    return "(en)" in phonemes and not latin


def _foreign_letters(text: str, own: set[str]) -> set[str]:
    found = set()
    for char in text:
        if unicodedata.category(char).startswith("L"):
            scripts = set(unicodedata.name(char, "unknown").partition(" ")[0].split("-"))
            if not scripts & {"LATIN", *own}:
                found |= scripts
    return found


def _arabic(text: str) -> str:
    """The mark of a doubled letter before that of its vowel; no alif that only joins two words
    (after an i it cannot be a long vowel)."""
    words = _ARABIC_WORD.findall(text)
    _demand_marks("ar-XA", words, _ARABIC_MARK)
    text = text.replace(f"{KASRA}ا", KASRA)
    return re.sub("([\u064b-\u0650\u0652])\u0651", "\u0651\\1", text)


def _hebrew(text: str) -> str:
    text = unicodedata.normalize("NFD", text).translate(_SHORT_VOWELS)
    words = _HEBREW_WORD.findall(text)
    _demand_marks("he-IL", words, re.compile("[\u05b0-\u05bc]"))
    return _HEBREW_LETTER.sub(_hebrew_letter, text).replace(f"{HIRIQ}י", HIRIQ)


def _hebrew_letter(found: re.Match[str]) -> str:
    """A letter with the marks that make a sound of it: the dot of shin, a dagesh where it tells
    two sounds apart, its vowel. An o and a u are a vav."""
    letter, marks = found[1], set(found[2])
    if letter == "ש":
        letter += SIN_DOT if SIN_DOT in marks else SHIN_DOT
    if DAGESH in marks and letter in "בכפו":
        letter += DAGESH
    vowels = "".join(mark for mark in found[2] if mark not in (DAGESH, SHIN_DOT, SIN_DOT))
    if found[1] == "ו":
        return letter + vowels
    return letter + vowels.replace(QUBUTS, f"ו{DAGESH}").replace(HOLAM, f"ו{HOLAM}")


def _demand_marks(language: str, words: list[str], mark: re.Pattern[str]) -> None:
    marked = sum(mark.search(word) is not None for word in words)
    if 2 * marked < len(words):
        raise NotSpoken(language, "its voice reads words with vowel marks only")


_FORMS: dict[str, Callable[[str], str]] = {"ar-XA": _arabic, "he-IL": _hebrew}
