"""Findings as tables of strings for a terminal or a report."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from scripts.studies.theory.rates import FROM_SCRATCH
from scripts.studies.theory.winner import EDGES

NOTHING = "–"


class Table(NamedTuple):
    """Rows under a header; every cell a string, intervals at 95 %."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(result: dict[str, Any]) -> dict[str, list[Table]]:
    """Return the tables of a result, by the name of their claim as in `verdicts`."""
    summary = result["summary"]
    winner = summary["winner"]
    ladders, worlds = summary["rates"]["ladders"], summary["proxy"]["worlds"]
    errors = [errors_table(name, ladder["conditions"]) for name, ladder in ladders.items()]
    return {
        "winner": [cases_table(winner["cases"]), bins_table(winner["pooled"])],
        "rates": [exponents_table(ladders), *errors],
        "proxy": [within_table(worlds), across_table(worlds), predictions_table(worlds)],
    }


def cases_table(cases: dict[str, Any]) -> Table:
    """Return one row for each case of the first study."""
    header = (
        "case", "median ratio", "contested", "right: contested", "right: decided",
        "right: contested at the end", "right: all at the end", "caught up", "order of escapes",
    )  # fmt: skip
    rows = [
        (
            name,
            f"{case['median_ratio']:.2f}",
            percent(case["contested"]),
            *(counted(view["clear"], view["clear_count"]) for view in case["views"].values()),
            shares(case["caught_up"]),
            interval(case["escape_order"]),
        )
        for name, case in cases.items()
    ]
    return Table("Winner predicted by ECS where the ratio at the start is above 1.2", header, rows)


def condition_name(share: float) -> str:
    """Return the name of a condition of the second study."""
    return "joint from scratch" if share == FROM_SCRATCH else f"{percent(share)} unimodal first"


def bin_names() -> list[str]:
    """Return the bins of the ratio in words."""
    return [
        f"{low:g}–{high:g}" if high < float("inf") else f"> {low:g}"
        for low, high in pairwise(EDGES)
    ]


def bins_table(views: dict[str, Any]) -> Table:
    """Return one row for each bin of the ratio, all cases pooled."""
    rows = [
        (name, *(counted(view["bins"][i], view["counts"][i]) for view in views.values()))
        for i, name in enumerate(bin_names())
    ]
    return Table("Winner predicted by ECS, by ratio at the start", ("ratio", *views), rows)


def exponents_table(ladders: dict[str, Any]) -> Table:
    """Return one row for each condition of the second study."""
    header = ("ladder", "condition", "K", "exponent", "straight line", "K ≥ 16", "gain")
    rows = [
        (
            name,
            condition_name(condition["share"]),
            f"{condition['rungs'][0]['classes']}–{condition['rungs'][-1]['classes']}",
            *(interval(condition[key]) for key in ("exponent", "line", "large", "gain")),
        )
        for name, ladder in ladders.items()
        for condition in ladder["conditions"]
    ]
    return Table("Exponents a of fused test error ~ K^-a, by share of unimodal steps", header, rows)


def errors_table(ladder: str, conditions: list[dict[str, Any]]) -> Table:
    """Return one row for each K and condition of a ladder."""
    header = (
        "K", "condition", "error", "error · K", "error · K²",
        "from what is learned", "both learned", "alone", "ECS ratio",
    )  # fmt: skip
    rows: list[tuple[str, ...]] = [
        (
            str(rung["classes"]),
            condition_name(condition["share"]),
            interval(rung["error"], digits=5),
            f"{rung['error']['value'] * rung['classes']:.2f}",
            f"{rung['error']['value'] * rung['classes'] ** 2:.2f}",
            f"{rung['mixture']:.5f}",
            percent(rung["both_learned"]["value"]),
            ", ".join(f"{error:.3f}" for error in rung["alone"]),
            interval(rung["ratio"], digits=1),
        )
        for rungs in zip(*(condition["rungs"] for condition in conditions), strict=True)
        for condition, rung in zip(conditions, rungs, strict=True)
    ]
    return Table(f"Fused test error, {ladder}", header, rows)


def by_estimator(worlds: dict[str, Any], key: str) -> Iterator[tuple[tuple[str, str, str], Any]]:
    """Yield what is kept by world, stage and estimator."""
    for world, findings in worlds.items():
        for stage, estimators in findings[key].items():
            for estimator, value in estimators.items():
                yield (world, stage, estimator), value


def within_table(worlds: dict[str, Any]) -> Table:
    """Return one row for each estimator: correlations over time."""
    header = (
        "data", "stage", "estimator", "Spearman", "Kendall", "Spearman after saturation",
        "growth of ECS after saturation",
    )  # fmt: skip
    rows: list[tuple[str, ...]] = [
        (
            *names,
            *(interval(value[key]) for key in ("spearman", "kendall", "saturated")),
            f"× {value['growth']:.2f}",
        )
        for names, value in by_estimator(worlds, "within")
    ]
    return Table("MI and ECS over the checkpoints of a run", header, rows)


def across_table(worlds: dict[str, Any]) -> Table:
    """Return one row for each estimator and checkpoint: correlations over runs."""
    header = ("data", "stage", "estimator", "step", "difference", "level", "median bits")
    rows: list[tuple[str, ...]] = [
        (
            *names,
            str(value["step"]),
            interval(value["difference"]),
            interval(value["level"]),
            f"{value['bits']:.2f}",
        )
        for names, values in by_estimator(worlds, "across")
        for value in values
    ]
    return Table("Spearman's correlation of MI and ECS over runs", header, rows)


def predictions_table(worlds: dict[str, Any]) -> Table:
    """Return one row for each moment and predictor of winners."""
    header = ("data", "moment", "predictor", "right", "behind ECS", "right by run")
    rows: list[tuple[str, ...]] = [
        (
            *names,
            counted(value["classes"], worlds[names[0]]["contested"]),
            shares(value["behind"]),
            shares(value["runs"]),
        )
        for names, value in by_estimator(worlds, "predictions")
    ]
    return Table("Winners of contested classes predicted by ECS and by MI", header, rows)


def interval(estimate: dict[str, Any] | None, digits: int = 2) -> str:
    """Return `0.80 [0.69, 0.92]`."""
    if estimate is None or estimate["value"] is None:
        return NOTHING
    value, low, high = (f"{estimate[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def shares(estimate: dict[str, Any] | None) -> str:
    """Return `80.0 % [69.0, 92.0]`."""
    if estimate is None or estimate["value"] is None:
        return NOTHING
    low, high = (f"{100 * estimate[key]:.1f}" for key in ("low", "high"))
    return f"{100 * estimate['value']:.1f} % [{low}, {high}]"


def counted(estimate: dict[str, Any], count: int) -> str:
    """Return `80.0 % [69.0, 92.0] of 485`."""
    return f"{shares(estimate)} of {count}" if count else NOTHING


def percent(share: float) -> str:
    """Return `80 %`."""
    return f"{100 * share:.0f} %"
