"""Bars, sparklines and progress, column by column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_sched.report.live.bars import axis, interval_bar, progress, sparkline
from fusion_sched.report.live.glyphs import ASCII, UNICODE
from fusion_sched.types import Estimate

NUMBERS = st.floats(-1e6, 1e6)
WIDTHS = st.integers(1, 120)


@pytest.mark.parametrize(
    ("estimate", "drawn"),
    [
        (Estimate(2, 1, 3), "|##==--  "),
        (Estimate(2, 1, 3, null=0.0), "+##==--  "),
        (Estimate(2, 1, 3, null=1.5), "|##+=--  "),
        (Estimate(0.0, 0.0, 0.0), "|        "),
        (Estimate(-0.1, -0.2, 0.1), "|-       "),  # the interval is rounded outwards
        (Estimate(4.1, 3.9, 4.4), "|#######="),
        (Estimate(4, 4, 4), "|########"),
        (Estimate(0.1, 1, 2), "|##--    "),  # an estimate outside its interval
    ],
)
def test_a_bar_at_exact_columns(estimate: Estimate, drawn: str) -> None:
    assert interval_bar(estimate, 4, 9, ASCII) == drawn


def test_a_bar_in_unicode() -> None:
    assert interval_bar(Estimate(2, 1, 3, null=0.01), 4, 9, UNICODE) == "╋██▓▓░░  "


@given(NUMBERS, NUMBERS, NUMBERS, st.none() | NUMBERS, st.floats(0, 100), WIDTHS)
def test_a_bar_stays_inside_its_width(
    value: float, low: float, high: float, null: float | None, scale: float, width: int
) -> None:
    drawn = interval_bar(Estimate(value, low, high, null=null), scale, width, ASCII)
    assert len(drawn) == width
    assert set(drawn) <= set("|#=- +")
    order = ["#=- ".index(c) for c in drawn[1:] if c != "+"]
    assert order == sorted(order)
    assert drawn.count("+") == (null is not None)


@given(st.floats(0, 4), st.floats(0, 4), st.integers(2, 120))
def test_the_interval_covers_every_cell_it_touches(one: float, other: float, width: int) -> None:
    low, high = sorted((one, other))
    drawn = interval_bar(Estimate((low + high) / 2, low, high), 4, width, ASCII)[1:]
    unit = 4 / (width - 1)
    for column, glyph in enumerate(drawn):
        left, right = column * unit, (column + 1) * unit
        if low < right - 1e-9 and high > left + 1e-9:
            assert glyph in "=-"
        elif right < low - 1e-9:
            assert glyph == "#"
        elif left > high + 1e-9:
            assert glyph == " "


def test_a_scale_names_its_end() -> None:
    assert axis("2.00 bit", 16, ASCII) == "0 ----- 2.00 bit"
    assert axis("2.00 bit", 11, ASCII) == " " * 11


def test_a_sparkline_rises_and_leaves_gaps() -> None:
    assert sparkline([0.0, None, 0.5, 1.0], (0.0, 1.0), 10, UNICODE) == "▁ ▄▇"
    assert sparkline([0.3, 0.3], (0.3, 0.3), 10, UNICODE) == "▄▄"


@given(st.lists(st.none() | st.floats(0, 1), max_size=300), st.integers(0, 80))
def test_a_sparkline_ends_with_the_last_value(values: list[float | None], width: int) -> None:
    drawn = sparkline(values, (0.0, 1.0), width, ASCII)
    assert len(drawn) == min(width, len(values))
    if drawn:
        assert drawn[-1] == sparkline(values[-1:], (0.0, 1.0), 1, ASCII)


@pytest.mark.parametrize(
    ("done", "joint_from", "drawn"),
    [(0, None, ".........."), (3, None, "======...."), (4, 2, "====|===.."), (5, 0, "=========="),
     (2, 2, "====|.....")],
)  # fmt: skip
def test_progress_and_where_the_stages_meet(done: int, joint_from: int | None, drawn: str) -> None:
    assert progress(done, 5, 10, joint_from, ASCII) == drawn
