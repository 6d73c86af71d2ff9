"""Colours, dashes and markers by meaning, for page, figures and terminal; never colour alone.

A colour is named: `"1"` to `"6"` by modality, `"redundancy"`, `"unique"` and `"synergy"` by part of
a decomposition, `"ink"` for what is fused and for nothing else, `"muted"`. The page has its own
values of them for light and dark themes; figures and the terminal take `HEX`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from fusion_sched.types import FUSED

# Mostly Okabe and Ito's palette: distinguishable with every common colour vision.
HEX = {
    "1": "#0072B2", "2": "#D55E00", "3": "#56B4E9", "4": "#8C510A", "5": "#5E3C99", "6": "#7A8B00",
    "redundancy": "#CC79A7", "unique": "#E69F00", "synergy": "#009E73",
    "ink": "#222222", "muted": "#777777",
}  # fmt: skip
COLOURS = ("1", "2", "3", "4", "5", "6")
ATOMS = ("redundancy", "unique", "synergy")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = ("circle", "square", "triangle-up", "diamond", "cross", "x")


class LineStyle(NamedTuple):
    """How a line or a point of one meaning is drawn everywhere; names as in plotly."""

    colour: str
    dash: str
    marker: str


FUSED_STYLE = LineStyle("ink", "solid", "star-diamond")
ALL_TOGETHER = LineStyle("muted", "solid", "star-diamond")
REDUNDANCY = LineStyle("redundancy", "dash", "diamond")
SYNERGY = LineStyle("synergy", "dashdot", "star")
NULL_LEVEL = LineStyle("muted", "dot", "circle")
LABEL_ENTROPY = LineStyle("muted", "longdash", "circle")


def numbered_style(place: int) -> LineStyle:
    """Up to 36 places no two share both colour and dash."""
    return LineStyle(
        COLOURS[place % len(COLOURS)],
        DASHES[(place + place // len(COLOURS)) % len(DASHES)],
        MARKERS[place % len(MARKERS)],
    )


def head_style(head: str, modalities: Sequence[str]) -> LineStyle:
    """The style of a modality, by its place, or of `fused`."""
    return FUSED_STYLE if head == FUSED else numbered_style(list(modalities).index(head))
