"""Several runs: tables and tests first, then curves over each other, then a list of the runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from fusion_sched.analysis.grid import caption, grid_of, plus_minus
from fusion_sched.analysis.rows import name_rows
from fusion_sched.analysis.runs import has_name_fields, split_by_completeness
from fusion_sched.analysis.statistics import Difference, difference, mean_accuracy
from fusion_sched.analysis.tables import Comparison, ResultTable, group_by_protocol
from fusion_sched.analysis.verdict import OPPONENTS, best_of_role
from fusion_sched.report.html.charts.across import curves_of_all, row_dots
from fusion_sched.report.html.document import (
    Block,
    Fold,
    Notes,
    Section,
    Table,
    Text,
)
from fusion_sched.report.html.run_page import silent_seconds
from fusion_sched.report.view import RunView
from fusion_sched.report.words import (
    NOTHING,
    best_single_words,
    in_percent,
    outcome_words,
    state_words,
)
from fusion_sched.runtime.text import signed

AGAINST = ("single", "ensemble", "joint")
MOST_RUNS_OPEN, MOST_TABLES_IN_LEAD = 4, 2


@dataclass(frozen=True)
class NamedRun:
    row: str
    view: RunView


def name_runs(views: Sequence[RunView], mix: bool) -> list[NamedRun]:
    """Each run with the name that its row has in the tables; of none, with its method."""
    by_path = {view.path: view for view in views}
    fit, _ = split_by_completeness(view.trace for view in views)
    named = [
        NamedRun(name, by_path.pop(trace.path))
        for sheet in group_by_protocol(fit, mix)
        for trace, name in zip(sheet, name_rows(sheet), strict=True)
    ]
    return named + [NamedRun(f"{v.method}, not in the tables", v) for v in by_path.values()]


def row_names(views: Sequence[RunView]) -> list[str]:
    """The name of each run's row where all share a table; of a single row, its method."""
    traces = [view.trace for view in views if has_name_fields(view.trace)]
    rows = name_rows(traces)
    if len(set(rows)) == 1:
        return [view.method for view in views]
    names = {trace.path: name for trace, name in zip(traces, rows, strict=True)}
    return [names.get(view.path, view.method) for view in views]


def many_facts(named: Sequence[NamedRun], comparison: Comparison | None) -> dict[str, str]:
    """What a reader must know first."""
    ended = sum(one.view.result is not None for one in named)
    seeds = sorted({one.view.seed for one in named})
    facts = {
        "runs": f"{len(named)}, {'all' if ended == len(named) else ended} ended",
        "seeds": ", ".join(map(str, seeds)),
    }
    tables = comparison.tables if comparison is not None else ()
    return {**(answer_facts(tables[0]) if len(tables) == 1 else {}), **facts}


def answer_facts(table: ResultTable) -> dict[str, str]:
    """The best schedule, or else the best row, against one modality, ensemble and joint training.

    The best of several is chosen on validation.
    """
    best = best_of_role(table.rows, "schedule") or table.rows[0]
    mean = mean_accuracy(best.fused)
    facts = {f"fused test accuracy, {best.name}": f"{mean.value:.1f}\u00a0%"}
    if mean.low is not None:
        facts["95\u00a0% interval over seeds"] = f"{mean.low:.1f} to {mean.high:.1f}\u00a0%"
    gaps: dict[str, Difference] = {}
    for role in AGAINST:
        row = best_of_role(table.rows, role)
        if row is not None and row is not best:
            gaps[f"above {OPPONENTS[role]} ({row.name})"] = best.above(row)
    if best_of_role(table.rows, "single") is None and len(best.unimodal) > 1:
        head = max(best.unimodal, key=lambda name: fmean(best.unimodal[name].values()))
        gaps[f"above its best modality ({head})"] = difference(best.fused, best.unimodal[head])
    return facts | {name: _gap_words(gap) for name, gap in gaps.items()}


def _gap_words(gap: Difference) -> str:
    value, low, high = gap.estimate[:3]
    if low is None or high is None:
        return f"{signed(value)} points; no interval: {gap.remark}"
    return f"{signed(value)} points ({signed(low)} to {signed(high)})"


def many_lead(named: Sequence[NamedRun], comparison: Comparison | None) -> str:
    """The best rows, or why there is no table."""
    if comparison is None:
        ended = any(one.view.result is not None for one in named)
        why = "the notes say why" if ended else "none of the runs has ended"
        return f"No table compares these runs: {why}."
    if len(comparison.tables) > MOST_TABLES_IN_LEAD:
        return f"{len(comparison.tables)} tables: datasets or protocols differ, the notes say how."
    return " ".join(answer_words(table, named) for table in comparison.tables)


def answer_words(table: ResultTable, named: Sequence[NamedRun]) -> str:
    """The best row on test; of a schedule, what it decided and why."""
    schedule = best_of_role(table.rows, "schedule")
    if schedule is None:
        return best_words(table)
    paths = {run.path for run in schedule.runs}
    views = [one.view for one in named if one.view.path in paths]
    return f"{best_words(table)} {schedule.name}: {outcome_words(views)}"


def best_words(table: ResultTable) -> str:
    best, count = table.rows[0], len(table.rows)
    seeds = len(best.seeds)
    return (
        f"Best of {count} row{'s' * (count > 1)} on test: {best.name}, "
        f"{plus_minus(best.fused)}\u00a0% over {seeds} seed{'s' * (seeds > 1)}."
    )


def many_sections(
    named: Sequence[NamedRun], comparison: Comparison | None
) -> tuple[list[Section], list[str]]:
    tables = comparison.tables if comparison is not None else ()
    sections = [
        table_section(table, place, title)
        for place, (table, title) in enumerate(zip(tables, _table_titles(tables), strict=True))
    ]
    order = [m.name for table in tables for m in table.rows]
    chart, left_out = curves_of_all([(one.row, one.view) for one in named], order)
    notes = [f"rows without a curve in the chart of all runs: {', '.join(left_out)}"] * bool(
        left_out
    )
    nothing = Text(["No run has an epoch or a probe yet."])
    sections.append(Section("curves", "Curves", [chart if chart.figure["data"] else nothing]))
    ranks = {name: place for place, name in enumerate(order)}
    ordered = sorted(
        named, key=lambda one: (ranks.get(one.row, len(ranks)), one.row, one.view.seed)
    )
    many = len(named) > MOST_RUNS_OPEN
    sections.append(Section("runs", "Each run", [runs_table(ordered)], folded=many))
    return sections, notes


def _table_titles(tables: Sequence[ResultTable]) -> list[str]:
    """The dataset of each, numbered where several tables are about the same one."""
    names = [table.dataset for table in tables]
    return [
        name if names.count(name) == 1 else f"{name}, protocol {names[: place + 1].count(name)}"
        for place, name in enumerate(names)
    ]


def table_section(table: ResultTable, place: int, title: str) -> Section:
    grid = grid_of(table, wide=False)
    blocks: list[Block] = [Notes("Verdict", table.verdict)] if table.verdict else []
    blocks.append(Table(grid.headers, grid.rows, caption(table)))
    blocks.append(row_dots(table))
    wide = grid_of(table, wide=True)
    protocols = " and ".join(table.protocols)
    everything = Table(wide.headers, wide.rows, f"Protocol {protocols}.")
    blocks.append(Fold(f"table-{place}-wide", "Every column", [everything]))
    if table.notes:
        blocks.append(Notes("To know besides", table.notes))
    return Section(f"table-{place}", title, blocks)


def runs_table(named: Sequence[NamedRun]) -> Table:
    rows = [
        [
            one.view.shown,
            one.row,
            str(one.view.seed),
            in_percent(one.view.result.accuracy if one.view.result else None),
            best_single_words(one.view) or NOTHING,
            state_words(one.view, silent_seconds(one.view)),
        ]
        for one in named
    ]
    header = ["folder", "row", "seed", "fused test accuracy", "best head of one modality", "state"]
    caption = "All runs, best row first; `fusion-sched report RUN` makes the page of one."
    return Table(header, rows, caption, words=(1, 4, 5))
