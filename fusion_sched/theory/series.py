"""What was found, as points and lines for plots."""

from typing import Any, NamedTuple


class Point(NamedTuple):
    """A point with the 95 % interval of its ``y``; ``low`` and ``high`` are ``y`` where it has none."""

    x: float
    y: float
    low: float
    high: float
    label: str


class Line(NamedTuple):
    """A named curve through points (x, y)."""

    name: str
    x: list[float]
    y: list[float]


class Series(NamedTuple):
    """Points of one colour, by the name for the legend."""

    name: str
    points: list[Point]


def winner_series(result: dict[str, Any]) -> list[Series]:
    """Return, by moment of judging, the share of right predictions (y) by bin of the ratio.

    ``x`` is the bin's number from 0; ``label`` names the bin, such as ``1.2–1.5``.
    """
    raise NotImplementedError


def rate_series(result: dict[str, Any]) -> tuple[list[Series], list[Line]]:
    """Return, by condition, fused test error (y) against K (x), both > 0 for logarithmic axes;
    then the fitted lines and the reference lines μ and μ₁μ₂.

    A point without a wrong answer has ``y`` at half a wrong answer, which its label says.
    """
    raise NotImplementedError


def proxy_series(result: dict[str, Any]) -> list[Series]:
    """Return mutual information in bits (y) against class-mean ECS (x), by modality."""
    raise NotImplementedError
