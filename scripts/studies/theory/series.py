"""Findings as points and lines for plots."""

from typing import Any, NamedTuple

from scripts.studies.theory.proxy import STAGES, part_name
from scripts.studies.theory.tables import bin_names, condition_name


class Point(NamedTuple):
    """A point; `low` and `high`: the 95 % interval of `y`, or `y` where it has none."""

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
    """Return, by view, the share of right predictions (y) by bin of the ratio, all cases pooled.

    `x` is the bin's number from 0; `label` names the bin, such as `1.2–1.5`, and says of how
    many classes. Bins without classes have no point.
    """
    views = result["summary"]["winner"]["pooled"]
    return [
        Series(
            name,
            [
                Point(i, share["value"], share["low"], share["high"], f"{bin_name}: {count}")
                for i, (bin_name, share, count) in enumerate(
                    zip(bin_names(), view["bins"], view["counts"], strict=True)
                )
                if count
            ],
        )
        for name, view in views.items()
    ]


def rate_series(
    result: dict[str, Any], ladder: str | None = None
) -> tuple[list[Series], list[Line]]:
    """Return, by condition, fused test error (y) against K (x), both > 0 for logarithmic axes; then
    the fitted lines and the reference lines μ = 1/K and μ₁μ₂ = 1/K².

    `ladder`: its name; without one, the first, which is the one judged. A point without a wrong
    answer is drawn at half a wrong answer, which its label says.
    """
    ladders = result["summary"]["rates"]["ladders"]
    conditions = ladders[ladder or next(iter(ladders))]["conditions"]
    points = [
        Series(condition_name(c["share"]), [rung_point(rung) for rung in c["rungs"]])
        for c in conditions
    ]
    classes = [float(rung["classes"]) for rung in conditions[0]["rungs"]]
    fitted = [
        Line(
            f"{condition_name(c['share'])}: K^-{c['exponent']['value']:.2f}",
            classes,
            [c["scale"] * k ** -c["exponent"]["value"] for k in classes],
        )
        for c in conditions
        if c["exponent"]["value"] is not None
    ]
    references = [
        Line("μ = 1/K", classes, [1 / k for k in classes]),
        Line("μ₁μ₂ = 1/K²", classes, [1 / k**2 for k in classes]),
    ]
    return points, fitted + references


def rung_point(rung: dict[str, Any]) -> Point:
    """Return the error at one K."""
    error, least = rung["error"], 0.5 / rung["test_samples"]
    label = f"{rung['wrong']} wrong of {rung['test_samples']}"
    low, value, high = (max(error[key], least) for key in ("low", "value", "high"))
    return Point(
        rung["classes"], value, low, high,
        label if rung["wrong"] else f"{label}, drawn at half a wrong answer",
    )  # fmt: skip


def proxy_series(
    result: dict[str, Any], estimator: str = "response", worlds: str | None = None
) -> list[Series]:
    """Return mutual information in bits (y) against class-mean ECS (x), by stage of training.

    Every checkpoint of every run and modality is a point. `worlds`: the name of a distribution of
    settings; without one, the first.
    """
    world = worlds or next(iter(result["summary"]["proxy"]["worlds"]))
    parts = result["parts"]["proxy"]
    return [Series(stage, points_of(parts[part_name(world, stage)], estimator)) for stage in STAGES]


def points_of(part: dict[str, Any], estimator: str) -> list[Point]:
    """Return the points of one part."""
    return [
        Point(row["ecs"][c][r], bits, bits, bits, f"run {run}, modality {r + 1}, step {step}")
        for run, row in enumerate(part["runs"])
        for c, step in enumerate(part["checkpoints"])
        for r, bits in enumerate(row[estimator][c])
    ]
