"""Speech in the form in which it is played to a caller: 8 kHz, mono, 16 bit, at one loudness,
without long silence around it. Plain arithmetic, so that it runs wherever a voice runs.
"""

import math
import struct
from array import array
from functools import lru_cache
from operator import mul
from typing import TypeAlias

Samples: TypeAlias = "array[int]"

RATE = 8000
RATES = (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Samples per second that are converted."""

FULL = 32_768
CUTOFF = 3_900
"""Hz at which the low-pass has fallen by half: a telephone carries 300 to 3400."""
HALF_WIDTH_SEC = 0.0015
"""Half the length of the low-pass: it falls by 60 dB within 1200 Hz."""
_BETA = 5.65
"""Kaiser window for 60 dB."""

LOUDNESS = FULL * 10 ** (-20 / 20)
"""RMS that speech is brought to …"""
CEILING = FULL * 10 ** (-3 / 20)
"""… unless its peaks would be higher than this."""
AUDIBLE = 200
"""A peak below is silence."""
FAINTEST = FULL * 10 ** (-30 / 20)
"""RMS below which it is no speech."""
_FRAME = RATE // 100
BEFORE = 2
AFTER = 15
"""Frames of silence that are left around it."""


class NoSound(ValueError):
    """There is nothing to be heard in it."""


def telephone(samples: Samples, rate: int) -> Samples:
    """`samples` of any of `RATES` as they are played; NoSound when there is nothing in them."""
    return levelled(trimmed(resampled(samples, rate)))


def resampled(samples: Samples, rate: int) -> Samples:
    """The same at 8 kHz, without what lies above 4 kHz (it would come back as a whistle)."""
    if rate == RATE:
        return samples
    up, down, table = _low_pass(rate)
    width = len(table[0])
    padded = [0.0] * (width // 2) + list(map(float, samples)) + [0.0] * width
    found = array("h")
    for n in range(len(samples) * up // down):
        at, phase = divmod(n * down, up)
        value = round(sum(map(mul, table[phase], padded[at : at + width])))
        found.append(max(-FULL, min(FULL - 1, value)))
    return found


@lru_cache
def _low_pass(rate: int) -> tuple[int, int, list[list[float]]]:
    """By how much to go up and down, and the filter's taps for every phase between two samples."""
    common = math.gcd(rate, RATE)
    up, down = RATE // common, rate // common
    half = math.ceil(rate * HALF_WIDTH_SEC)
    cutoff = 2 * min(CUTOFF, 0.45 * rate) / rate
    table = []
    for phase in range(up):
        offsets = [k - phase / up for k in range(-half, half + 1)]
        taps = [cutoff * _sinc(cutoff * x) * _kaiser(x / (half + 1)) for x in offsets]
        whole = sum(taps)
        table.append([tap / whole for tap in taps])
    return up, down, table


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


def _kaiser(x: float) -> float:
    return _bessel(_BETA * math.sqrt(max(0.0, 1 - x * x))) / _bessel(_BETA)


def _bessel(x: float) -> float:
    """I₀ by its series."""
    total = term = 1.0
    for k in range(1, 25):
        term *= (x / (2 * k)) ** 2
        total += term
    return total


def trimmed(samples: Samples) -> Samples:
    """Without the silence around it, but for a little."""
    frames = [samples[at : at + _FRAME] for at in range(0, len(samples), _FRAME)]
    heard = [n for n, frame in enumerate(frames) if max(max(frame), -min(frame)) >= AUDIBLE]
    if not heard:
        raise NoSound("there is only silence")
    begin, end = max(0, heard[0] - BEFORE), heard[-1] + 1 + AFTER
    return samples[begin * _FRAME : end * _FRAME]


def levelled(samples: Samples) -> Samples:
    """At the loudness that all speech has; never clipped."""
    gain = min(LOUDNESS / rms(samples), CEILING / peak(samples))
    found = array("h", [int(sample * gain) for sample in samples])
    if rms(found) < FAINTEST:
        raise NoSound("there are only clicks in it")
    return found


def rms(samples: Samples) -> float:
    return math.sqrt(sum(map(mul, samples, samples)) / len(samples))


def peak(samples: Samples) -> int:
    return max(max(samples), -min(samples))


def duration_ms(wav: bytes) -> int:
    """Of a file as `wav_file` makes it."""
    return (len(wav) - 44) * 1000 // (2 * RATE)


def wav_file(pcm: bytes) -> bytes:
    """8 kHz, mono, 16 bit PCM with its header."""
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(pcm)) + pcm
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def is_plausible(text: str, milliseconds: int) -> bool:
    """Whether somebody could have said `text` in that time."""
    said = sum(char.isalnum() for char in text)
    return 80 + 10 * said <= milliseconds <= 3_000 + 1_000 * said
