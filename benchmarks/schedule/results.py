"""Tables of the study: every row against `controller=evidence`, its choices, and its power."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from scipy import stats

from benchmarks.schedule.cases import REFERENCE, SINGLE
from benchmarks.schedule.ensembles import ENSEMBLES, Accuracy, ensembles_of
from fusion_sched.analysis import compare
from fusion_sched.analysis.folds import fold_of
from fusion_sched.analysis.grid import plus_minus
from fusion_sched.analysis.rows import CEILING, CEILING_NAME, ResultRow
from fusion_sched.analysis.statistics import Difference, pool_folds
from fusion_sched.runlog import Trace
from fusion_sched.types import FUSED, Estimate

TOLERANCE = 0.5
"""Points by which the rule may be below the best other row."""
POWER = 0.8
BRANCHES = ("joint", "fixed", "single", "ensemble")
"""Roles of the rows among which the ceiling chooses."""


@dataclass(frozen=True)
class Measured:
    """The runs of one dataset, and test accuracies of each choice and of its best branch."""

    name: str
    runs: tuple[Path, ...]
    choices: Sequence[Mapping[str, float | str]]

    @property
    def right(self) -> int:
        """How many choices no branch beats by more than one standard error."""
        return sum(_number(c, "best") - _number(c, "own") <= _number(c, "error")
                   for c in self.choices)  # fmt: skip


def _number(choice: Mapping[str, float | str], key: str) -> float:
    return float(choice[key])


def report(measured: Sequence[Measured], header: Sequence[str], missing: Sequence[str]) -> str:
    """Return the whole page: the summary by dataset, then one table each."""
    rows = {case.name: rows_of(case) for case in measured}
    right, chosen = sum(m.right for m in measured), sum(len(m.choices) for m in measured)
    behind = [m.name for m in measured if not held(best_other(rows[m.name]))]
    lines = [
        *header,
        f"The expectation failed on {len(behind)} of {len(measured)} datasets: "
        f"{'; '.join(behind)}." if behind else "The expectation held on every dataset.", "",
        "Accuracies on test in %. A difference is the row less `evidence`, paired over seeds (and "
        "folds), with its 95 % interval; positive: the row is better. The choice at the hand-over "
        "is right where no branch from the same weights is better on test by more than one "
        "standard error of the difference.", "",
        f"Choices: right in {right} of {chosen}.", "",
        "| data | `evidence` | best other row | its difference | within 0.5 points, or the "
        "interval holds 0 | shown with 80 % power | choices right |",
        "|---|---|---|---|---|---|---|",
        *(summary(case, rows[case.name]) for case in measured), "",
    ]  # fmt: skip
    lines += distances(rows)
    if missing:
        lines += [f"Left out: {'; '.join(missing)}.", ""]
    for case in measured:
        lines += [f"## {case.name}", "", *table(rows[case.name]), ""]
    return "\n".join(lines)


def rows_of(case: Measured) -> list[ResultRow]:
    """Return the rows of a dataset, `evidence` first, then the best ones."""
    (result,) = compare(case.runs, reference=REFERENCE).tables
    own = next(row for row in result.rows if row.name == REFERENCE)
    single = next(row for row in result.rows if row.name == SINGLE)
    rows = [*(row for row in result.rows if row is not own), *ensemble_rows(single)]
    branches = [row for row in rows if row.role in BRANCHES]
    rows = [replace(row, difference=row.above(own)) for row in (*rows, ceiling(branches))]
    return [own, *sorted(rows, key=lambda row: -fmean(row.fused.values()))]


def ensemble_rows(single: ResultRow) -> list[ResultRow]:
    """Return the rows of ensembles of the heads that the runs of the best single one selected."""
    of_runs = [(run, ensembles_of(run.path.parent)) for run in single.runs]
    return [
        _row(single, name, "ensemble", {key_of(run): of_run[name] for run, of_run in of_runs})
        for name in of_runs[0][1]
    ]


def ceiling(branches: Sequence[ResultRow]) -> ResultRow:
    """Return the row of the best of all branches on validation; equal ones count by their mean."""
    best: dict[tuple[int, int], Accuracy] = {}
    scores = [scores_of(row) for row in branches]
    for key in scores[0]:
        most = max(of_row[key].validation for of_row in scores)
        chosen = [of_row[key].test for of_row in scores if of_row[key].validation == most]
        best[key] = Accuracy(most, fmean(chosen))
    return _row(branches[0], CEILING_NAME, CEILING, best)


def scores_of(row: ResultRow) -> dict[tuple[int, int], Accuracy]:
    """Return seed and fold (0 without any) → accuracies of the row."""
    if row.name in ENSEMBLES:
        return {key_of(run): ensembles_of(run.path.parent)[row.name] for run in row.runs}
    return {
        key_of(run): Accuracy(
            100 * run.result["validation"][FUSED], 100 * run.result["test"][FUSED]["accuracy"]
        )
        for run in row.runs
        if run.result is not None
    }


def key_of(run: Trace) -> tuple[int, int]:
    return run.start["seed"], fold_of(run) or 0


def _row(
    like: ResultRow, name: str, role: str, scores: Mapping[tuple[int, int], Accuracy]
) -> ResultRow:
    """Return a row of the same runs with other accuracies."""
    by_fold = {key: accuracy.test for key, accuracy in scores.items()} if like.folds else {}
    fused = {seed: accuracy.test for (seed, _), accuracy in scores.items()}
    if by_fold:
        fused = pool_folds(by_fold, like.tested)
    return replace(like, name=name, role=role, fused=fused, by_fold=by_fold)


def best_other(rows: Sequence[ResultRow]) -> ResultRow:
    return next(row for row in rows[1:] if row.role != CEILING)


def held(best: ResultRow) -> bool:
    """Say whether the rule is within the tolerance of the best other row, or the interval is."""
    gap = _difference(best).estimate
    return gap.value <= TOLERANCE or gap.interval[0] <= 0


def distances(rows: Mapping[str, Sequence[ResultRow]]) -> list[str]:
    """Return how far each row is from the best one of each dataset, on average and at worst."""
    means = {d: {row.name: fmean(row.fused.values()) for row in of} for d, of in rows.items()}
    best = {
        d: max(fmean(row.fused.values()) for row in of if row.role != CEILING)
        for d, of in rows.items()
    }
    lines = [
        "How far each row is from the best row of each dataset, in points:", "",
        "| row | mean over the datasets | largest | there |", "|---|---|---|---|",
    ]  # fmt: skip
    loss = {
        name: {d: best[d] - of[name] for d, of in means.items()}
        for name in next(iter(means.values()))
    }
    for name, of_row in sorted(loss.items(), key=lambda pair: fmean(pair[1].values())):
        worst = max(of_row, key=lambda d: of_row[d])
        lines.append(f"| {name} | {fmean(of_row.values()):.1f} | {of_row[worst]:.1f} | {worst} |")
    return [*lines, ""]


def summary(case: Measured, rows: Sequence[ResultRow]) -> str:
    own, best = rows[0], best_other(rows)
    gap = _difference(best)
    return (
        f"| {case.name} | {plus_minus(own.fused)} | `{best.name}` {plus_minus(best.fused)} | "
        f"{_words(gap.estimate)} | {'yes' if held(best) else '**no**'} | {_detectable(gap, own)} | "
        f"{case.right} of {len(case.choices)} |"
    )


def table(rows: Sequence[ResultRow]) -> list[str]:
    """Return one line per row, with what it cost."""
    lines = [
        "| row | test | difference | epochs | seconds |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        gap = "" if row.name == REFERENCE else _words(_difference(row).estimate)
        cost = "| all of them | "
        if row.role != CEILING:
            epochs, seconds = (fmean(map(f, row.runs)) for f in (epochs_of, seconds_of))
            cost = f"| {epochs:.0f} | {seconds:.0f} "
        lines.append(f"| {row.name} | {plus_minus(row.fused)} | {gap} {cost}|")
    return lines


def epochs_of(run: Trace) -> int:
    return len(run.of("epoch"))


def seconds_of(run: Trace) -> float:
    """Return a run's wall-clock seconds."""
    assert run.result is not None, "rows are made of runs that have ended"
    seconds: float = run.result["seconds"]["total"]
    return seconds


def _difference(row: ResultRow) -> Difference:
    assert row.difference is not None, f"{row.name} is held against {REFERENCE}"
    return row.difference


def _words(estimate: Estimate) -> str:
    if estimate.low is None:
        return f"{estimate.value:+.1f}"
    return f"{estimate.value:+.1f} [{estimate.low:+.1f}, {estimate.high:+.1f}]"


def _detectable(gap: Difference, own: ResultRow) -> str:
    """Return the smallest difference that a test at 5 % shows in four of five studies."""
    low, high = gap.estimate.low, gap.estimate.high
    if low is None or high is None:
        return "–"
    freedom = (len(own.by_fold) or len(own.fused)) - 1
    critical = float(stats.t.ppf(0.975, freedom))
    error = (high - low) / 2 / critical
    return f"{(critical + float(stats.t.ppf(POWER, freedom))) * error:.1f} points"
