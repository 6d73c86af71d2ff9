"""Many runs → tables of runs that may be compared, and what a reader must know besides."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from fusion_sched.analysis.measures import Measured, Row, measure
from fusion_sched.analysis.naming import name_rows, short_value
from fusion_sched.analysis.needs import comparable
from fusion_sched.analysis.published import Judged, published_for
from fusion_sched.analysis.roles import Role, plainness
from fusion_sched.analysis.runs import failed_jobs, find_runs
from fusion_sched.analysis.statistics import difference, holm, listed
from fusion_sched.analysis.verdict import verdict
from fusion_sched.runlog import Trace, read_trace
from fusion_sched.runlog.protocol import protocol_differences


@dataclass(frozen=True)
class ResultTable:
    """Rows under one protocol, or under several that were mixed on request.

    ``data``: dataset, modalities and number of classes, which always agree. ``protocols``: hash →
    protocol. ``notes``: what is missing or unusual, in words.
    """

    data: tuple[str, tuple[str, ...], int]
    protocols: dict[str, dict[str, Any]]
    rows: tuple[Measured, ...]
    reference: str
    verdict: tuple[str, ...]
    published: tuple[Judged, ...]
    notes: tuple[str, ...]

    @property
    def dataset(self) -> str:
        """Return the name of the dataset."""
        return self.data[0]

    @property
    def heading(self) -> str:
        """Return what the table is about."""
        return f"{self.dataset}, protocol {' and '.join(self.protocols)}"


@dataclass(frozen=True)
class Comparison:
    """Tables, and what a reader must know besides."""

    tables: tuple[ResultTable, ...]
    notes: tuple[str, ...]


def compare(
    paths: Iterable[Path],
    *,
    reference: str | None = None,
    mix: bool = False,
    published: bool = False,
) -> Comparison:
    """Compare all runs at or below the paths, which may be patterns.

    ``reference``: the row that others are held against, by its name or a part of it that no other
    row has; by default plain joint training, or the first row. ``mix``: let protocols of one
    dataset share a table. ``published``: add published numbers on the same dataset.

    Raises:
        FileNotFoundError: a path that does not exist or holds no run.
        ValueError: nothing that could be compared, or a reference that is no row.
    """
    paths = list(paths)
    runs = find_runs(paths)
    traces, notes = read_all(runs)
    notes += failed_jobs(paths, runs)
    made = compare_traces(traces, reference=reference, mix=mix, published=published)
    return replace(made, notes=(*notes, *made.notes))


def compare_traces(
    traces: list[Trace], *, reference: str | None = None, mix: bool = False, published: bool = False
) -> Comparison:
    """Compare runs whose traces lack nothing, as ``compare`` does.

    Raises:
        ValueError: none of the runs has ended, or a reference that is no row.
    """
    sheets = share_out(traces, mix)
    names = [name_rows(sheet) for sheet in sheets]
    ended = [i for i, sheet in enumerate(sheets) if any(t.result is not None for t in sheet)]
    if not ended:
        raise ValueError(
            f"none of the {len(traces)} runs has ended; there is nothing to compare; go on with "
            "them by `fusion-sched train resume=RUN`"
        )
    if reference is not None:
        check_reference(reference, [names[i] for i in ended])
    tables = tuple(make_table(sheets[i], names[i], reference, published) for i in ended)
    notes = [unended(t, "") for i, s in enumerate(sheets) if i not in ended for t in s]
    return Comparison(tables, (*notes, *guard_notes(tables, mix)))


def read_all(runs: list[Path]) -> tuple[list[Trace], list[str]]:
    """Return every trace that can be read, and a sentence for each line and trace that cannot."""
    traces, notes = [], []
    for folder in runs:
        try:
            traces.append(read_trace(folder))
        except ValueError as error:
            notes.append(f"left out: {error}")
    fit, unfit = comparable(traces)
    if not fit:
        raise ValueError("; ".join([*notes, *unfit]))
    return fit, notes + unfit + [problem for trace in fit for problem in trace.problems]


def share_out(traces: list[Trace], mix: bool) -> list[list[Trace]]:
    """Return the traces by protocol, or by dataset, modalities and number of classes alone."""
    sheets: dict[tuple[Any, ...], list[Trace]] = {}
    for trace in traces:
        key = data_of(trace) if mix else (*data_of(trace), trace.start["protocol_hash"])
        sheets.setdefault(key, []).append(trace)
    return list(sheets.values())


def data_of(trace: Trace) -> tuple[str, tuple[str, ...], int]:
    """Return the name of the dataset's class, the modalities and the number of classes."""
    start = trace.start
    dataset = short_value(start["config"]["dataset"]["_target_"])
    return dataset, tuple(start["modalities"]), len(start["classes"])


def make_table(
    traces: list[Trace], names: list[str], reference: str | None, published: bool
) -> ResultTable:
    """Return the table of runs that share one."""
    seeds = tuple(sorted({trace.start["seed"] for trace in traces}))
    by_name: dict[str, list[Trace]] = {}
    for trace, name in zip(traces, names, strict=True):
        by_name.setdefault(name, []).append(trace)
    rows = [
        Row(name, tuple(ended), seeds)
        for name, runs in by_name.items()
        if (ended := [run for run in runs if run.result is not None])
    ]
    chosen = choose_reference(rows, reference)
    best_first = sorted(map(measure, rows), key=lambda m: -fmean(m.fused.values.values()))
    measured = against(best_first, chosen)
    protocols = {t.start["protocol_hash"]: t.start["protocol"] for t in traces}
    data = data_of(traces[0])
    return ResultTable(
        data=data,
        protocols=protocols,
        rows=measured,
        reference=chosen,
        verdict=tuple(verdict(measured)),
        published=tuple(published_for(data[0], traces[0].start)) if published else (),
        notes=(*missing_notes(by_name, rows), *remark_notes(measured, chosen)),
    )


def against(rows: list[Measured], reference: str) -> tuple[Measured, ...]:
    """Return the rows with their differences to the reference, corrected for their number."""
    other = next(m.fused.values for m in rows if m.row.name == reference)
    differences = [
        None if m.row.name == reference else difference(m.fused.values, other) for m in rows
    ]
    corrected = holm([None if d is None else d.p for d in differences])
    return tuple(
        replace(m, difference=d, p_holm=p)
        for m, d, p in zip(rows, differences, corrected, strict=True)
    )


def choose_reference(rows: list[Row], asked: str | None) -> str:
    """Return the row asked for, where this table has it; else plain joint training or the first."""
    found = [] if asked is None else matching(asked, [row.name for row in rows])
    if found:
        return found[0]
    joint = [row for row in rows if row.role is Role.JOINT]
    plainest = sorted(joint, key=lambda row: plainness(row.config))
    return [*plainest, *rows][0].name


def matching(asked: str, names: Iterable[str]) -> list[str]:
    """Return the row of this name, or else all whose names hold it, whatever the case."""
    unique = list(dict.fromkeys(names))
    if asked in unique:
        return [asked]
    same = [name for name in unique if name.casefold() == asked.casefold()]
    return same or [name for name in unique if asked.casefold() in name.casefold()]


def check_reference(asked: str, names: list[list[str]]) -> None:
    """Raise where a reference is no row of any table, or several rows of one."""
    found = [matching(asked, table) for table in names]
    several = next((rows for rows in found if len(rows) > 1), None)
    if several is not None:
        raise ValueError(f"reference {asked!r} may be any of {several}; give more of the name")
    if not any(found):
        known = list(dict.fromkeys(name for table in names for name in table))
        raise ValueError(f"reference {asked!r} is no row; expected one of {known}")


def missing_notes(by_name: dict[str, list[Trace]], rows: list[Row]) -> list[str]:
    """Return a sentence for every run that has not ended, and every seed that is not there."""
    there = {row.name: row for row in rows}
    notes = [
        unended(run, f" (row {name})")
        for name, runs in by_name.items()
        for run in runs
        if run.result is None
    ]
    for name, runs in by_name.items():
        if name in there:
            notes += seed_notes(there[name], {run.start["seed"] for run in runs})
        else:
            notes.append(f"row {name} is left out: none of its {len(runs)} runs has ended")
    return notes


def seed_notes(row: Row, begun: set[int]) -> list[str]:
    """Return a sentence where seeds were never begun, and one where they ended twice."""
    ended = [run.start["seed"] for run in row.runs]
    absent = [seed for seed in row.missing if seed not in begun]
    twice = [seed for seed in row.seeds if ended.count(seed) > 1]
    notes = []
    if absent:
        notes.append(f"row {row.name} has no run of seed {listed(absent)}, which other rows have")
    if twice:
        notes.append(f"row {row.name} has several runs of seed {listed(twice)}: their mean counts")
    return notes


def unended(run: Trace, row: str) -> str:
    """Return the sentence for a run without a result."""
    return f"{run.path.parent}{row}, seed {run.start['seed']}, has not ended and is left out"


def remark_notes(rows: Iterable[Measured], reference: str) -> list[str]:
    """Return a sentence for every test that is not the plain paired one."""
    return [
        f"{m.row.name} against {reference}: {m.difference.remark}"
        for m in rows
        if m.difference is not None and m.difference.remark is not None
    ]


def guard_notes(tables: tuple[ResultTable, ...], mix: bool) -> list[str]:
    """Return what differs between the protocols of one dataset."""
    notes = []
    for data in dict.fromkeys(table.data for table in tables):
        protocols: dict[str, dict[str, Any]] = {}
        for table in tables:
            protocols |= table.protocols if table.data == data else {}
        if len(protocols) > 1:
            what = "mixed on request" if mix else "in tables of their own (--mix puts them in one)"
            notes.append(f"{data[0]}: {len(protocols)} protocols, {what}; they differ by")
            notes += [f"  {line}" for line in protocol_differences(protocols)]
    return notes
