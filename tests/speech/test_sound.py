"""The form of speech: rate, loudness, silence around it."""

import io
import math
import wave
from array import array
from itertools import pairwise

import pytest

from gateways.speech import sound
from gateways.speech.sound import Samples


def tone(hertz: float, rate: int, seconds: float = 0.5, level: float = 8000) -> Samples:
    count = int(rate * seconds)
    return array("h", [int(level * math.sin(2 * math.pi * hertz * n / rate)) for n in range(count)])


def middle(samples: Samples) -> Samples:
    return samples[len(samples) // 4 : -len(samples) // 4]


@pytest.mark.parametrize("rate", sound.RATES)
def test_what_a_telephone_carries_stays_as_it_is(rate: int) -> None:
    found = sound.resampled(tone(1000, rate), rate)
    assert len(found) == pytest.approx(4000, abs=2)
    assert sound.rms(middle(found)) == pytest.approx(8000 / math.sqrt(2), rel=0.03)
    crossings = sum(a < 0 <= b for a, b in pairwise(found))
    assert crossings == pytest.approx(500, abs=2)


@pytest.mark.parametrize("rate", [22_050, 24_000, 48_000])
@pytest.mark.parametrize("hertz", [5_000, 7_000, 9_500])
def test_what_it_does_not_carry_does_not_come_back_as_a_whistle(rate: int, hertz: int) -> None:
    found = sound.resampled(tone(hertz, rate), rate)
    assert sound.rms(middle(found)) < 8000 / 500


def test_speech_is_brought_to_one_loudness_and_never_clipped() -> None:
    for level in (300, 2_000, 32_000):
        found = sound.levelled(tone(440, 8000, level=level))
        assert sound.rms(found) == pytest.approx(sound.LOUDNESS, rel=0.02)
    click = tone(440, 8000, level=6_000)
    click[2_000] = 32_000
    assert sound.peak(sound.levelled(click)) <= sound.CEILING


def test_silence_around_it_is_cut_off() -> None:
    quiet = array("h", bytes(2 * 8000))
    found = sound.trimmed(quiet + tone(440, 8000) + quiet)
    assert 4000 <= len(found) <= 4000 + (sound.BEFORE + sound.AFTER + 2) * 80


@pytest.mark.parametrize(
    "samples", [array("h"), array("h", bytes(16_000)), tone(440, 8000, level=90)]
)
def test_silence_is_no_speech(samples: Samples) -> None:
    with pytest.raises(sound.NoSound):
        sound.telephone(samples, 8000)


def test_a_click_is_no_speech() -> None:
    click = array("h", bytes(16_000))
    click[4_000] = 30_000
    with pytest.raises(sound.NoSound):
        sound.telephone(click, 8000)


def test_the_file_is_what_edges_play() -> None:
    file = sound.wav_file(tone(440, 8000).tobytes())
    with wave.open(io.BytesIO(file)) as read:
        assert (read.getframerate(), read.getnchannels(), read.getsampwidth()) == (8000, 1, 2)
        assert read.getnframes() == 4000
    assert sound.duration_ms(file) == 500


def test_a_length_that_no_text_has() -> None:
    assert sound.is_plausible("Please hold.", 900)
    assert not sound.is_plausible("Please hold. We will be with you shortly.", 120)
    assert not sound.is_plausible("Hi", 9_000)
