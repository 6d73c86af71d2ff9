"""Text from outside, made safe for a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_sched.report.live.glyphs import ASCII, UNICODE, glyphs_for, printable


@pytest.mark.parametrize("glyphs", [ASCII, UNICODE])
def test_every_mark_of_a_bar_differs(glyphs: object) -> None:
    marks = [getattr(glyphs, name) for name in ("axis", "sure", "likely", "possible", "level")]
    assert len({*marks, " "}) == 6
    assert all(len(mark) == 1 for mark in marks)


def test_ascii_is_ascii() -> None:
    assert glyphs_for("utf-8") is glyphs_for("UTF-8") is UNICODE
    assert glyphs_for("iso8859-1") is ASCII
    "".join(vars(ASCII).values()).encode("ascii")


def test_what_an_encoding_lacks_is_spelled_out() -> None:
    assert printable("→ 2 × 0.1 ± 0.2", "ascii") == "-> 2 x 0.1 +- 0.2"
    assert printable("→ 2 × 0.1 ± 0.2", "latin-1") == "-> 2 × 0.1 ± 0.2"
    assert printable("é 手", "latin-1") == "é ?"


def test_control_characters_move_no_cursor() -> None:
    assert printable("a\nb\x1b[2Jc\td", "utf-8") == "a b?[2Jc?d"


@given(st.text(), st.sampled_from(["utf-8", "ascii", "cp437", "latin-1"]))
def test_anything_can_be_printable(text: str, encoding: str) -> None:
    safe = printable(text, encoding)
    safe.encode(encoding)
    assert not any(ord(c) < 32 for c in safe)
