"""What a table shows of its rows, as text: columns, their caption, published numbers."""

from collections.abc import Callable
from typing import NamedTuple

from fusion_sched.analysis.rows import ROLES, ResultRow
from fusion_sched.analysis.statistics import (
    FEWEST_SEEDS,
    Values,
    mean_accuracy,
    mean_over_seeds,
    sample_deviation,
)
from fusion_sched.analysis.tables import ResultTable
from fusion_sched.analysis.verdict import opponents_of, show_p
from fusion_sched.runtime.text import signed, with_minus_signs
from fusion_sched.types import Estimate

NOTHING = "–"
MEBIBYTE = 2**20


class Grid(NamedTuple):
    """Headers and rows of text; the first column is a name."""

    headers: list[str]
    rows: list[list[str]]


class Column(NamedTuple):
    """A header, and what stands below it."""

    header: str
    cell: Callable[[ResultRow], str]


def grid_of(table: ResultTable, wide: bool) -> Grid:
    """Return the table's cells: six columns, or with `wide` everything."""
    columns = list(COMPACT)
    if wide:
        columns += [*TEST_COLUMNS, *map(_unimodal_column, table.rows[0].unimodal), *COST_COLUMNS]
    return Grid(
        [column.header for column in columns],
        [[column.cell(row) for column in columns] for row in table.rows],
    )


def caption(table: ResultTable) -> str:
    """Return what the columns mean."""
    text = "fused: test accuracy, mean ± deviation over seeds; interval of the mean (Student's t)"
    if any(len(row.seeds) == FEWEST_SEEDS - 1 for row in table.rows):
        text += ", which two seeds are too few for"
    folds = max(row.folds for row in table.rows)
    if folds:
        text += (
            f"; of each seed the {folds} folds are pooled: every test sample counts once per seed, "
            "and accuracy is the share of right answers to all of them"
        )
    if len(table.rows) == 1:
        return text
    tested = sum(row.p_holm is not None for row in table.rows)
    pairs = "on the same seed and fold" if folds else "seed by seed"
    overlap = ", corrected for the overlap of training sets" if folds else ""
    text += f"; difference: points above {table.reference}, {pairs}"
    if tested == 0:
        return text
    corrected = f", Holm-corrected for {tested} rows" if tested > 1 else ""
    compared = len(opponents_of(table.rows)) if table.verdict else 0
    apart = f"; below, p is corrected for those {compared} comparisons" if compared > 1 else ""
    return f"{text}; p: two-sided t-test of it{overlap}{corrected}{apart}"


def plus_minus(values: Values, digits: int = 1) -> str:
    """Return mean and deviation; the deviation only where there are several seeds."""
    mean, deviation = mean_over_seeds(values).value, sample_deviation(values)
    text = f"{mean:.{digits}f}" + ("" if deviation is None else f" ± {deviation:.{digits}f}")
    return with_minus_signs(text)


def _interval(estimate: Estimate, shown: Callable[[float], str] = "{:.1f}".format) -> str:
    if estimate.low is None or estimate.high is None:
        return NOTHING
    return f"{shown(estimate.low)} … {shown(estimate.high)}"


def _seeds(row: ResultRow) -> str:
    """Return the number of seeds, and of folds; of how many where some are missing."""
    ended, missing = len(row.seeds), len(row.missing)
    if row.folds:
        wanted = (ended + missing) * row.folds
        whole = f"{ended} × {row.folds} folds"
        return whole if len(row.by_fold) == wanted else f"{len(row.by_fold)} of {wanted} folds"
    return f"{ended} of {ended + missing}" if missing else str(ended)


def _of_difference(row: ResultRow, shown: Callable[[Estimate], str]) -> str:
    return NOTHING if row.difference is None else shown(row.difference.estimate)


def _p_cell(p: float | None) -> str:
    return NOTHING if p is None else show_p(p)


def _hours(value: float) -> str:
    """Return hours with at least two significant digits."""
    if value == 0:
        return NOTHING
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def _mebibytes(size: int | None) -> str:
    return NOTHING if size is None else f"{size / MEBIBYTE:,.0f}"


def _unimodal_column(modality: str) -> Column:
    return Column(f"{modality} %", lambda row: plus_minus(row.unimodal[modality]))


COMPACT = [
    Column("row", lambda r: r.name),
    Column("seeds", _seeds),
    Column("fused %", lambda r: plus_minus(r.fused)),
    Column("95 % interval", lambda r: _interval(mean_accuracy(r.fused))),
    Column(
        "difference",
        lambda r: signed(r.difference.estimate.value) if r.difference else "reference",
    ),
    Column("p", lambda r: _p_cell(r.p_holm)),
]
TEST_COLUMNS = [
    Column("95 % of difference", lambda r: _of_difference(r, lambda e: _interval(e, signed))),
    Column("raw p", lambda r: _of_difference(r, lambda e: _p_cell(e.p))),
    Column("test", lambda r: (r.difference.test if r.difference else None) or NOTHING),
    Column("macro-F1", lambda r: plus_minus(r.macro_f1, 3)),
]
COST_COLUMNS = [
    Column("optimism gap", lambda r: plus_minus(r.optimism_gap)),
    Column("epochs alone", lambda r: plus_minus(r.unimodal_epochs)),
    Column("CPU-h", lambda r: _hours(r.cpu_hours)),
    Column("GPU-h", lambda r: _hours(r.gpu_hours)),
    Column("peak MiB", lambda r: _mebibytes(r.peak_memory_bytes)),
    Column("probing", lambda r: f"{100 * mean_over_seeds(r.probe_share).value:.1f} %"),
    Column("role", lambda r: ROLES[r.role]),
]


def published_grid(table: ResultTable) -> Grid:
    """Return one row per published number."""
    rows = [
        [
            method, value, judged.published.citation,
            "yes" if judged.comparable else f"no: {'; '.join(judged.reasons)}",
        ]
        for judged in table.published
        for method, value in judged.published.shown_values.items()
    ]  # fmt: skip
    return Grid(["published", "%", "source", "comparable"], rows)
