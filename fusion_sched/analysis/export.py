"""A comparison as text: for the terminal, Markdown, LaTeX, CSV and JSON."""

import json
from dataclasses import asdict
from io import StringIO
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fusion_sched.analysis.folds import fold_of
from fusion_sched.analysis.grid import Grid, caption, grid_of, published_grid
from fusion_sched.analysis.published import JudgedResult
from fusion_sched.analysis.rows import ROLES, ResultRow
from fusion_sched.analysis.runs import result_of
from fusion_sched.analysis.statistics import Values, mean_over_seeds, sample_deviation
from fusion_sched.analysis.tables import Comparison, ResultTable
from fusion_sched.runlog import Trace
from fusion_sched.runtime.text import one_line, printable, spreadsheet_cell
from fusion_sched.types import FUSED

FORMATS = ("terminal", "markdown", "csv", "latex", "json")
NARROW, UNLIMITED = 80, 10_000
LATEX = str.maketrans({
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "–": "--",
    "…": "--", "−": "$-$",
})  # fmt: skip
"""LaTeX for characters that mean something else there; pandas escapes fewer."""
MARKDOWN = str.maketrans({character: f"\\{character}" for character in r"\`*_{}[]<>|#"})


def render(
    comparison: Comparison, kind: str = "terminal", wide: bool = False, width: int = NARROW
) -> str:
    """Write a comparison as text.

    Parameters
    ----------
    comparison
        What `compare` returns.
    kind
        One of `FORMATS`.
    wide
        Every column; CSV and JSON always have them all.
    width
        Columns of the terminal.

    Raises
    ------
    ValueError
        A format that there is not.
    """
    if kind not in FORMATS:
        raise ValueError(f"format is {kind!r}, expected one of {list(FORMATS)}")
    if kind == "terminal":
        return _to_terminal(comparison, wide, width)
    if kind == "markdown":
        return _to_markdown(comparison, wide)
    if kind == "latex":
        return _to_latex(comparison, wide)
    return _to_csv(comparison) if kind == "csv" else _to_json(comparison)


def _to_terminal(comparison: Comparison, wide: bool, width: int) -> str:
    """Return text for a terminal of so many columns; `wide` takes what it needs."""
    parts = [part for table in comparison.tables for part in _terminal_parts(table, wide)]
    parts += [Text(printable(f"note: {note}")) for note in comparison.notes]
    buffer = StringIO()
    console = Console(
        file=buffer, width=UNLIMITED if wide else width, no_color=True, highlight=False
    )
    for part in parts:
        console.print(part, width=width if isinstance(part, Text) else None)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def _terminal_parts(table: ResultTable, wide: bool) -> list[Table | Text]:
    """Return a table whose names fold and whose numbers never do, and the lines around it."""
    grid = grid_of(table, wide)
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    drawn.add_column(grid.headers[0], overflow="fold", min_width=12)
    for header in grid.headers[1:]:
        drawn.add_column(header, justify="right", no_wrap=True)
    for row in grid.rows:
        drawn.add_row(*(escape(one_line(cell)) for cell in row))
    lines = [f"note: {note}" for note in table.notes] + list(table.verdict)
    for published, reasons in ((j.published, j.reasons) for j in table.published):
        judgement = f"not comparable: {'; '.join(reasons)}" if reasons else "comparable"
        numbers = [f"{method} {value}" for method, value in published.shown_values.items()]
        lines += [f"published: {published.citation}, {judgement}", f"  {'; '.join(numbers)}"]
    above, below = printable(table.heading), printable(f"{caption(table)}\n")
    return [Text(above), drawn, Text(below), *(Text(printable(line)) for line in lines)]


def _to_markdown(comparison: Comparison, wide: bool) -> str:
    blocks = []
    for table in comparison.tables:
        heading = one_line(table.heading).translate(MARKDOWN)
        blocks += [f"**{heading}**", _markdown_grid(grid_of(table, wide))]
        lines = [caption(table), *table.verdict, *(f"Note: {note}" for note in table.notes)]
        blocks += [one_line(line).translate(MARKDOWN) for line in lines]
        blocks += [_markdown_grid(published_grid(table))] if table.published else []
    blocks += [one_line(f"Note: {note}").translate(MARKDOWN) for note in comparison.notes]
    return "\n\n".join(blocks)


def _markdown_grid(grid: Grid) -> str:
    rule = ["---", *["---:"] * (len(grid.headers) - 1)]
    lines = [
        [one_line(cell).translate(MARKDOWN) for cell in row] for row in (grid.headers, *grid.rows)
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (lines[0], rule, *lines[1:]))


def _to_latex(comparison: Comparison, wide: bool) -> str:
    """Return LaTeX tables with the rules of booktabs; verdicts and notes are comments."""
    blocks = [r"% needs \usepackage{booktabs}"]
    for table in comparison.tables:
        blocks.append(_latex_grid(grid_of(table, wide), f"{table.heading}. {caption(table)}."))
        blocks += [_latex_comment(line) for line in (*table.verdict, *table.notes)]
        if table.published:
            blocks.append(_latex_grid(published_grid(table), f"Published on {table.dataset}."))
    blocks += [_latex_comment(note) for note in comparison.notes]
    return "\n".join(blocks)


def _latex_grid(grid: Grid, text: str) -> str:
    import pandas  # takes half a second, which only these formats need

    headers, *rows = (
        [one_line(cell).translate(LATEX) for cell in row] for row in (grid.headers, *grid.rows)
    )
    style = pandas.DataFrame(rows, columns=headers).style.hide(axis="index")
    return style.to_latex(
        caption=one_line(text).translate(LATEX), hrules=True, position_float="centering",
        column_format="l" + "r" * (len(headers) - 1),
    ).rstrip("\n")  # fmt: skip


def _latex_comment(text: str) -> str:
    """Return text, of any number of lines, that LaTeX passes over."""
    return "\n".join(f"% {line}" for line in printable(text).splitlines())


def _to_csv(comparison: Comparison) -> str:
    """Return one line per row, then one per published number, all under one header."""
    import pandas

    lines: list[dict[str, Any]] = []
    for position, table in enumerate(comparison.tables):
        lines += [{"kind": "row", **_flat(_row_record(r, table, position))} for r in table.rows]
        lines += [line for j in table.published for line in _published_lines(j, position)]
    cells = [
        {key: spreadsheet_cell(one_line(v)) if isinstance(v, str) else v for key, v in line.items()}
        for line in lines
    ]
    return pandas.DataFrame(cells, dtype=object).to_csv(index=False).rstrip("\n")


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with dotted keys and lists as text, without runs and configuration."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if key in ("runs", "config") or (key == "difference" and value is None):
            continue
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": inner for name, inner in _flat(value).items()}
        else:
            flat[key] = " ".join(map(str, value)) if isinstance(value, list) else value
    return flat


def _published_lines(judged: JudgedResult, position: int) -> list[dict[str, Any]]:
    """Return one line per published number."""
    entry, lines = judged.published, []
    for method, value in entry.values.items():
        mean, deviation = value if isinstance(value, list) else (value, None)
        lines.append(
            {"kind": "published", "table": position, "dataset": entry.dataset, "name": method,
             "fused_percent.mean": mean, "fused_percent.deviation": deviation,
             "source": entry.source, "year": entry.year, "evidence": entry.evidence,
             "comparable": judged.comparable, "reasons": "; ".join(judged.reasons)}
        )  # fmt: skip
    return lines


def _to_json(comparison: Comparison) -> str:
    """Return one JSON object with `rows`, `tables` and `notes`."""
    tables = comparison.tables
    record = {
        "rows": [_row_record(row, t, i) for i, t in enumerate(tables) for row in t.rows],
        "tables": [
            {
                "dataset": table.dataset,
                "protocols": table.protocols,
                "reference": table.reference,
                "verdict": table.verdict,
                "notes": table.notes,
                "published": [
                    {**asdict(j.published), "comparable": j.comparable, "reasons": j.reasons}
                    for j in table.published
                ],
            }
            for table in tables
        ],
        "notes": comparison.notes,
    }
    return json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False)


def _row_record(row: ResultRow, table: ResultTable, position: int) -> dict[str, Any]:
    """Return every number of a row; `position`: that of its table."""
    record = {
        "table": position,
        "dataset": table.dataset,
        "name": row.name,
        "role": ROLES[row.role],
        "seeds": list(row.seeds),
        "missing_seeds": list(row.missing),
        "folds": row.folds,
        "missing_folds": [f"{seed}/{fold}" for seed, fold in row.missing_folds],
        "fused_percent": _mean_record(row.fused),
        "validation_percent": _mean_record(row.validation),
        "macro_f1": _mean_record(row.macro_f1),
        "unimodal_percent": {name: _mean_record(v) for name, v in row.unimodal.items()},
        "optimism_gap_points": _mean_record(row.optimism_gap),
        "unimodal_epochs": _mean_record(row.unimodal_epochs),
        "probe_share": _mean_record(row.probe_share),
        "cpu_hours": row.cpu_hours,
        "gpu_hours": row.gpu_hours,
        "peak_memory_bytes": row.peak_memory_bytes,
        "search_trials": row.search_trials,
        "difference": None,
        "runs": [_run_record(run) for run in row.runs],
        "config": row.config,
    }
    if row.difference is not None:
        gap, estimate = row.difference, row.difference.estimate
        record["difference"] = {
            "reference": table.reference, "points": estimate.value, "low": estimate.low,
            "high": estimate.high, "p": estimate.p, "p_holm": row.p_holm, "test": gap.test,
            "seeds": list(gap.seeds), "remark": gap.remark,
        }  # fmt: skip
    return record


def _mean_record(values: Values) -> dict[str, float | None]:
    mean = mean_over_seeds(values)
    deviation = sample_deviation(values)
    return {"mean": mean.value, "deviation": deviation, "low": mean.low, "high": mean.high}


def _run_record(run: Trace) -> dict[str, Any]:
    """Return one seed's numbers."""
    result, test = result_of(run), result_of(run)["test"]
    return {
        "seed": run.start["seed"],
        "fold": fold_of(run),
        "folder": str(run.path.parent),
        "protocol_hash": run.start["protocol_hash"],
        "fused_percent": 100 * test[FUSED]["accuracy"],
        "macro_f1": test[FUSED]["macro_f1"],
        "unimodal_percent": {m: 100 * s["accuracy"] for m, s in test.items() if m != FUSED},
        "optimism_gap_points": 100 * result["optimism_gap"],
        "seconds": result["seconds"]["total"],
        "device": run.start["device"],
    }
