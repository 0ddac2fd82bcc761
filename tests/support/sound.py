"""Sound to upload: silence, in the formats that are known."""

import struct


def wav(
    seconds: float = 1.0,
    *,
    rate: int = 8000,
    channels: int = 1,
    bits: int = 16,
    encoding: int = 1,
    declared: int | None = None,
    before: bytes = b"",
) -> bytes:
    """A WAV file. `declared`: what its header says of its length; `before`: chunks in between."""
    block = channels * bits // 8
    samples = b"\0" * (int(seconds * rate) * block)
    form = struct.pack("<HHIIHH", encoding, channels, rate, rate * block, block, bits)
    length = len(samples) if declared is None else declared
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", length) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body
