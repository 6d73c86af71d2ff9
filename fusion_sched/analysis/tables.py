"""Many runs → tables of runs that may be compared, and what a reader must know besides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from fusion_sched.analysis.choices import dataset_name
from fusion_sched.analysis.folds import fold_of
from fusion_sched.analysis.missing import missing_notes, unended_note
from fusion_sched.analysis.published import JudgedResult, published_for
from fusion_sched.analysis.rows import (
    CEILING,
    ResultRow,
    ceiling_row,
    measure_row,
    name_rows,
    plainness,
    role_of,
    short_value,
)
from fusion_sched.analysis.runs import failed_jobs, find_runs, read_runs
from fusion_sched.analysis.statistics import holm
from fusion_sched.analysis.studies import study_notes, tuning_note
from fusion_sched.analysis.verdict import judge_schedule, too_few_seeds
from fusion_sched.runlog import Trace, inside
from fusion_sched.runlog.protocol import protocol_differences


@dataclass(frozen=True)
class ResultTable:
    """Rows under one protocol, or under several that were mixed on request.

    `data`: the dataset's class, modalities and number of classes, which always agree. `dataset`:
    its name as typed; of runs that were mixed, the names. `protocols`: hash → protocol. `notes`:
    what is missing or unusual, in words.
    """

    data: tuple[str, tuple[str, ...], int]
    dataset: str
    protocols: dict[str, dict[str, Any]]
    rows: tuple[ResultRow, ...]
    reference: str
    verdict: tuple[str, ...]
    published: tuple[JudgedResult, ...]
    notes: tuple[str, ...]

    @property
    def heading(self) -> str:
        """What the table is about."""
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
    """Compare all runs at or below some paths.

    Parameters
    ----------
    paths
        As `find_runs` takes them: folders or patterns.
    reference
        Name of the row that others are held against, or a part of it that no other row has. By
        default plain joint training, or the first row.
    mix
        Let protocols of one dataset share a table.
    published
        Add published numbers on the same dataset.

    Returns
    -------
    Comparison
        A table per protocol; per dataset with `mix`.

    Raises
    ------
    FileNotFoundError
        A path that does not exist or holds no run.
    ValueError
        Nothing that could be compared, or a reference that is no row.
    """
    paths = list(paths)
    runs = find_runs(paths)
    traces, notes = read_runs(runs)
    notes += [*study_notes(runs), *failed_jobs(paths, runs)]
    comparison = compare_traces(traces, reference=reference, mix=mix, published=published)
    return replace(comparison, notes=(*notes, *comparison.notes))


def compare_traces(
    traces: list[Trace], *, reference: str | None = None, mix: bool = False, published: bool = False
) -> Comparison:
    """Compare traces with all required fields, as `compare` does; errors are the same."""
    ended, notes = [], []
    for group in group_by_protocol(traces, mix):
        if any(trace.result is not None for trace in group):
            ended.append((group, name_rows(group)))
        else:
            notes += [unended_note(trace) for trace in group]
    if not ended:
        raise ValueError(
            f"none of the {len(traces)} runs has ended; there is nothing to compare; go on with "
            "them by `fusion-sched train resume=RUN`"
        )
    if reference is not None:
        _check_reference(reference, [names for _, names in ended])
    tables = tuple(_make_table(*group, reference, published) for group in ended)
    return Comparison(tables, (*notes, *_protocol_notes(tables, mix)))


def group_by_protocol(traces: list[Trace], mix: bool) -> list[list[Trace]]:
    """Return the traces by protocol; with `mix`, by dataset, modalities and number of classes."""
    groups: dict[tuple[Any, ...], list[Trace]] = {}
    for trace in traces:
        protocol = () if mix else (trace.start["protocol_hash"],)
        groups.setdefault((*_data_of(trace), *protocol), []).append(trace)
    return list(groups.values())


def _data_of(trace: Trace) -> tuple[str, tuple[str, ...], int]:
    """Return the name of the dataset's class, the modalities and the number of classes."""
    start = trace.start
    dataset = short_value(start["config"]["dataset"]["_target_"])
    return dataset, tuple(start["modalities"]), len(start["classes"])


def _make_table(
    traces: list[Trace], names: list[str], reference: str | None, published: bool
) -> ResultTable:
    """Return the table of one group of runs; `names`: the row of each."""
    seeds = sorted({trace.start["seed"] for trace in traces})
    by_name: dict[str, list[Trace]] = {}
    for trace, name in zip(traces, names, strict=True):
        by_name.setdefault(name, []).append(trace)
    rows = [
        measure_row(name, role_of(ended[0].start["config"]), ended, seeds)
        for name, runs in by_name.items()
        if (ended := [run for run in runs if run.result is not None])
    ]
    chosen = _choose_reference(rows, reference)
    ceiling = ceiling_row(rows)
    shown = rows if ceiling is None else [*rows, ceiling]
    best_first = sorted(shown, key=lambda row: -fmean(row.fused.values()))
    tested = _test_against(best_first, chosen)
    return ResultTable(
        data=_data_of(traces[0]),
        dataset=" and ".join(sorted({dataset_name(trace.start["config"]) for trace in traces})),
        protocols={t.start["protocol_hash"]: t.start["protocol"] for t in traces},
        rows=tested,
        reference=chosen.name,
        verdict=tuple(judge_schedule(tested)),
        published=tuple(published_for(traces[0].start)) if published else (),
        notes=(
            *_data_notes(traces),
            *missing_notes(by_name, rows),
            *_test_notes(tested, chosen.name),
            *tuning_note({row.name: row.search_trials for row in tested if row.role != CEILING}),
        ),
    )


def _choose_reference(rows: list[ResultRow], asked: str | None) -> ResultRow:
    """Return the row asked for, where this table has it; else plain joint training or the first."""
    matches = [] if asked is None else _matching(asked, [row.name for row in rows])
    if matches:
        return next(row for row in rows if row.name == matches[0])
    joint = [row for row in rows if row.role == "joint"]
    return min(joint, key=lambda row: plainness(row.config), default=rows[0])


def _test_against(rows: list[ResultRow], reference: ResultRow) -> tuple[ResultRow, ...]:
    """Return the rows with their differences to the reference, corrected for their number."""
    differences = [None if row is reference else row.above(reference) for row in rows]
    corrected = holm([None if d is None else d.estimate.p for d in differences])
    return tuple(
        replace(row, difference=d, p_holm=p)
        for row, d, p in zip(rows, differences, corrected, strict=True)
    )


def _matching(asked: str, names: Iterable[str]) -> list[str]:
    """Return the row of this name or choice, or else all whose names hold it, whatever the case."""
    unique = list(dict.fromkeys(names))
    if asked in unique:
        return [asked]
    wanted = asked.casefold()
    same = [n for n in unique if wanted in (n.casefold(), n.casefold().rpartition("=")[2])]
    return same or [name for name in unique if asked.casefold() in name.casefold()]


def _check_reference(asked: str, names: list[list[str]]) -> None:
    """Raise where a reference is no row of any table, or several rows of one."""
    matches = [_matching(asked, table) for table in names]
    several = next((rows for rows in matches if len(rows) > 1), None)
    if several is not None:
        raise ValueError(f"reference {asked!r} may be any of {several}; give more of the name")
    if not any(matches):
        known = list(dict.fromkeys(name for table in names for name in table))
        raise ValueError(f"reference {asked!r} is no row; expected one of {known}")


def _data_notes(traces: Sequence[Trace]) -> list[str]:
    """Return what runs say of folds, once each."""
    said = [
        note
        for trace in traces
        if fold_of(trace) is not None
        for note in inside(trace.start, "facts", "notes") or []
    ]
    return list(dict.fromkeys(said))


def _test_notes(rows: Sequence[ResultRow], reference: str) -> list[str]:
    """Return a sentence for each kind of test that is not the plain paired one."""
    if too_few_seeds(rows):
        return ["nothing is tested: a test needs three seeds, as by seed=0,1,2"] * (len(rows) > 1)
    by_remark: dict[str, list[str]] = {}
    for row in rows:
        if row.difference is not None and row.difference.remark is not None:
            by_remark.setdefault(row.difference.remark, []).append(row.name)
    return [
        f"{', '.join(names)} against {reference}: {remark}" for remark, names in by_remark.items()
    ]


def _protocol_notes(tables: tuple[ResultTable, ...], mix: bool) -> list[str]:
    """Return what differs between the protocols of one dataset."""
    notes = []
    for data in dict.fromkeys(table.data for table in tables):
        alike = [table for table in tables if table.data == data]
        protocols = {name: kept for table in alike for name, kept in table.protocols.items()}
        if len(protocols) > 1:
            how = "mixed on request" if mix else "in tables of their own (--mix puts them in one)"
            names = " and ".join(dict.fromkeys(table.dataset for table in alike))
            notes.append(f"{names}: {len(protocols)} protocols, {how}; they differ by")
            notes += [f"  {line}" for line in protocol_differences(protocols)]
    return notes
