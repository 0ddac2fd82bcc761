"""Where media and mail go: a bad setting is named, a good one is taken."""

from pathlib import Path

import pytest

from deploy.settings import BadSettings, load

NOWHERE = Path("/nonexistent")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("OBJECT_STORE_URL", bad) for bad in ("ftp://x", "memory:///", "https://x.example", "x")),
        *(("SMTP_URL", bad) for bad in ("mail.example", "http://mail.example", "smtp://", "x")),
        *(("MAIL_FROM", bad) for bad in ("", "nobody", "a@b\nBcc: c@d", "A <a@b>")),
        ("MAX_MEDIA_BYTES", "7"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=name):
        load({f"CALLPLANE_{name}": value}, NOWHERE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("OBJECT_STORE_URL", good) for good in ("", "s3://media/eu", "gs://media", "file:///x")),
        *(
            ("SMTP_URL", good)
            for good in ("", "smtp://u:p@mail.example:587", "smtps://mail.example")
        ),
    ],
)
def test_a_good_setting_is_taken(name: str, value: str) -> None:
    settings, _ = load({f"CALLPLANE_{name}": value}, NOWHERE)
    assert getattr(settings, name.lower()) == value
