"""Tables of text: what each column shows of a row, and published numbers below."""

from collections.abc import Callable
from typing import NamedTuple

from fusion_sched.analysis.measures import Measured
from fusion_sched.analysis.published import Judged, Published
from fusion_sched.analysis.statistics import Spread
from fusion_sched.analysis.tables import ResultTable
from fusion_sched.analysis.verdict import shown_p

NOTHING = "–"
MEBIBYTE = 2**20


class Grid(NamedTuple):
    """Headers and rows of text; the first column is a name."""

    headers: list[str]
    rows: list[list[str]]


class Column(NamedTuple):
    """A header, and what stands below it."""

    header: str
    cell: Callable[[Measured], str]


def grid_of(table: ResultTable, wide: bool) -> Grid:
    """Return the table's cells: six columns, or with ``wide`` everything."""
    columns = COMPACT + (BESIDES[:4] + unimodal_columns(table) + BESIDES[4:] if wide else [])
    return Grid(
        [column.header for column in columns],
        [[column.cell(measured) for column in columns] for measured in table.rows],
    )


def unimodal_columns(table: ResultTable) -> list[Column]:
    """Return one column per modality."""

    def column(name: str) -> Column:
        return Column(f"{name} %", lambda m: plus_minus(m.unimodal[name]))

    return [column(name) for name in table.rows[0].unimodal]


def caption(table: ResultTable) -> str:
    """Return what the columns mean."""
    tested = sum(m.p_holm is not None for m in table.rows)
    text = "fused: test accuracy, mean ± deviation over seeds; interval of the mean (Student's t)"
    if len(table.rows) == 1:
        return text
    return (
        f"{text}; difference: points above {table.reference}, seed by seed; p: two-sided t-test "
        f"of it, Holm-corrected for {tested} row{'s' * (tested != 1)}"
    )


def published_grid(table: ResultTable) -> Grid:
    """Return one row per published number."""
    rows = [
        [method, number(value), source(judged.published), judgement(judged)]
        for judged in table.published
        for method, value in judged.published.values.items()
    ]
    return Grid(["published", "%", "source", "comparable"], rows)


def source(published: Published) -> str:
    """Return the source, its year and how its numbers were read."""
    year = "year unknown" if published.year is None else published.year
    return f"{published.source} ({year}; {published.evidence})"


def judgement(judged: Judged) -> str:
    """Return ``yes``, or ``no`` with every reason."""
    return "yes" if judged.comparable else f"no: {'; '.join(judged.reasons)}"


def number(value: float | list[float]) -> str:
    """Return a published value, with its deviation where there is one."""
    return " ± ".join(map(str, value)) if isinstance(value, list) else str(value)


def plus_minus(values: Spread, digits: int = 1) -> str:
    """Return mean and deviation; the deviation only where there are several seeds."""
    mean = f"{values.mean:.{digits}f}"
    return mean if values.deviation is None else f"{mean} ± {values.deviation:.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    """Return both ends of an interval."""
    return NOTHING if low is None or high is None else f"{low:.1f} … {high:.1f}"


def seeds(measured: Measured) -> str:
    """Return the number of seeds, and of how many where some are missing."""
    there, missing = len(measured.row.seeds), len(measured.row.missing)
    return f"{there} of {there + missing}" if missing else str(there)


def gap(measured: Measured) -> str:
    """Return the difference to the reference, or that this is it."""
    found = measured.difference
    return "reference" if found is None else f"{found.mean:+.1f}"


def interval_of_gap(measured: Measured) -> str:
    """Return the interval of the difference."""
    found = measured.difference
    if found is None or found.low is None:
        return NOTHING
    return f"{found.low:+.1f} … {found.high:+.1f}"


def raw_p(measured: Measured) -> str:
    """Return the p-value before its correction."""
    found = measured.difference
    return NOTHING if found is None or found.p is None else shown_p(found.p)


def hours(value: float) -> str:
    """Return hours to a digit that says something."""
    if value == 0:
        return NOTHING
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def memory(value: int | None) -> str:
    """Return a number of bytes in MiB."""
    return NOTHING if value is None else f"{value / MEBIBYTE:,.0f}"


COMPACT = [
    Column("row", lambda m: m.row.name),
    Column("seeds", seeds),
    Column("fused %", lambda m: plus_minus(m.fused)),
    Column("95 % interval", lambda m: interval(m.fused.low, m.fused.high)),
    Column("difference", gap),
    Column("p", lambda m: NOTHING if m.p_holm is None else shown_p(m.p_holm)),
]
BESIDES = [
    Column("95 % of difference", interval_of_gap),
    Column("raw p", raw_p),
    Column("test", lambda m: (m.difference.test if m.difference else None) or NOTHING),
    Column("macro-F1", lambda m: plus_minus(m.macro_f1, 3)),
    Column("optimism gap", lambda m: plus_minus(m.optimism_gap)),
    Column("epochs alone", lambda m: plus_minus(m.unimodal_epochs)),
    Column("CPU-h", lambda m: hours(m.cpu_hours)),
    Column("GPU-h", lambda m: hours(m.gpu_hours)),
    Column("peak MiB", lambda m: memory(m.peak_memory_bytes)),
    Column("probing", lambda m: f"{100 * m.probe_share.mean:.1f} %"),
    Column("role", lambda m: m.row.role.value),
]
