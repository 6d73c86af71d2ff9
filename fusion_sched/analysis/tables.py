"""Many runs → tables of runs that may be compared, and what a reader must know besides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from fusion_sched.analysis.folds import fold_of, seed_and_fold
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
from fusion_sched.analysis.verdict import judge_schedule
from fusion_sched.runlog import Trace, inside
from fusion_sched.runlog.protocol import protocol_differences


@dataclass(frozen=True)
class ResultTable:
    """Rows under one protocol, or under several that were mixed on request.

    `data`: dataset, modalities and number of classes, which always agree. `protocols`: hash →
    protocol. `notes`: what is missing or unusual, in words.
    """

    data: tuple[str, tuple[str, ...], int]
    protocols: dict[str, dict[str, Any]]
    rows: tuple[ResultRow, ...]
    reference: str
    verdict: tuple[str, ...]
    published: tuple[JudgedResult, ...]
    notes: tuple[str, ...]

    @property
    def dataset(self) -> str:
        return self.data[0]

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
            notes += [_unended_note(trace) for trace in group]
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
    data = _data_of(traces[0])
    return ResultTable(
        data=data,
        protocols={t.start["protocol_hash"]: t.start["protocol"] for t in traces},
        rows=tested,
        reference=chosen.name,
        verdict=tuple(judge_schedule(tested)),
        published=tuple(published_for(data[0], traces[0].start)) if published else (),
        notes=(
            *_data_notes(traces),
            *_missing_notes(by_name, rows),
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


def _missing_notes(by_name: dict[str, list[Trace]], rows: list[ResultRow]) -> list[str]:
    """Return a sentence for every run that has not ended, and every seed that is not there."""
    notes = [
        _unended_note(run, f" (row {name})")
        for name, runs in by_name.items()
        for run in runs
        if run.result is None
    ]
    row_of = {row.name: row for row in rows}
    for name, runs in by_name.items():
        if name in row_of:
            notes += _seed_notes(row_of[name], {run.start["seed"] for run in runs})
            notes += _fold_notes(row_of[name], [run for run in runs if run.result is None])
        else:
            notes.append(f"row {name} is left out: none of its {len(runs)} runs has ended")
    return notes


def _seed_notes(row: ResultRow, begun: set[int]) -> list[str]:
    """Return a sentence where seeds were never begun, and one where they ended twice."""
    ended = [run.start["seed"] for run in row.runs] if not row.folds else []
    absent = ", ".join(str(seed) for seed in row.missing if seed not in begun)
    repeated = ", ".join(str(seed) for seed in row.seeds if ended.count(seed) > 1)
    notes = []
    if absent:
        notes.append(f"row {row.name} has no run of seed {absent}, which other rows have")
    if repeated:
        notes.append(f"row {row.name} has several runs of seed {repeated}: their mean counts")
    return notes


def _fold_notes(row: ResultRow, unended: Sequence[Trace]) -> list[str]:
    """Return a sentence for each seed without all of its folds, and where folds ended twice."""
    notes = []
    begun = {(run.start["seed"], fold_of(run)) for run in unended}
    for seed in row.seeds if row.folds else ():
        folds = [fold for of_seed, fold in row.missing_folds if of_seed == seed]
        if folds:
            absent = ", ".join(
                f"{fold} (not ended)" if (seed, fold) in begun else str(fold) for fold in folds
            )
            notes.append(
                f"row {row.name}, seed {seed}: fold {absent} of {row.folds} is missing; its "
                "numbers are of the samples of the other folds"
            )
        ended = [fold for of_seed, fold in map(seed_and_fold, row.runs) if of_seed == seed]
        repeated = ", ".join(str(fold) for fold in sorted(set(ended)) if ended.count(fold) > 1)
        if repeated:
            notes.append(
                f"row {row.name} has several runs of seed {seed}, fold {repeated}: their mean "
                "counts"
            )
    return notes


def _data_notes(traces: Sequence[Trace]) -> list[str]:
    """Return what runs say of folds, once each."""
    said = [
        note
        for trace in traces
        if fold_of(trace) is not None
        for note in inside(trace.start, "facts", "notes") or []
    ]
    return list(dict.fromkeys(said))


def _unended_note(run: Trace, row: str = "") -> str:
    fold = fold_of(run)
    which = f"seed {run.start['seed']}" + ("" if fold is None else f", fold {fold}")
    return f"{run.path.parent}{row}, {which}, has not ended and is left out"


def _test_notes(rows: Sequence[ResultRow], reference: str) -> list[str]:
    """Return a sentence for every test that is not the plain paired one."""
    return [
        f"{row.name} against {reference}: {row.difference.remark}"
        for row in rows
        if row.difference is not None and row.difference.remark is not None
    ]


def _protocol_notes(tables: tuple[ResultTable, ...], mix: bool) -> list[str]:
    """Return what differs between the protocols of one dataset."""
    notes = []
    for data in dict.fromkeys(table.data for table in tables):
        protocols: dict[str, dict[str, Any]] = {}
        for table in tables:
            protocols |= table.protocols if table.data == data else {}
        if len(protocols) > 1:
            how = "mixed on request" if mix else "in tables of their own (--mix puts them in one)"
            notes.append(f"{data[0]}: {len(protocols)} protocols, {how}; they differ by")
            notes += [f"  {line}" for line in protocol_differences(protocols)]
    return notes
