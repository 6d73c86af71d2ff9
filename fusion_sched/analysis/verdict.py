"""Does the schedule help? One sentence per question, from the rows that can answer it."""

from collections.abc import Sequence

from fusion_sched.analysis.rows import CEILING, ResultRow
from fusion_sched.analysis.statistics import (
    FEWEST_SEEDS,
    PAIRED,
    Difference,
    holm,
    mean_over_seeds,
)
from fusion_sched.runtime.text import signed

SIGNIFICANT, SMALLEST_SHOWN_P = 0.05, 0.001
OPPONENTS = {
    "single": "best single modality", "ensemble": "ensemble", "joint": "joint training",
    "fixed": "fixed stages", CEILING: "",
}  # fmt: skip
"""Roles that a schedule is compared with, and what sentences call them; a ceiling has its name."""
WANTED = {"ensemble": "unimodal", "fixed": "fine_tuned"}
"""Roles without which there is no full answer, and the method that trains such a row."""


def judge_schedule(rows: Sequence[ResultRow]) -> list[str]:
    """Return the best schedule against each opponent, in words.

    Nothing without a schedule, or where no row has enough seeds for a test. The best of several is
    chosen by validation accuracy, so that the test accuracies it is judged by had no part in the
    choice. The p-values are corrected for the number of sentences.
    """
    schedule = best_of_role(rows, "schedule")
    if schedule is None or too_few_seeds(rows):
        return []
    opponents = opponents_of(rows)
    gaps = [schedule.above(row) for row in opponents]
    sentences: list[str] = []
    for row, gap, p in zip(opponents, gaps, holm([gap.estimate.p for gap in gaps]), strict=True):
        described = "" if sentences else _described(rows, schedule, "", " schedules on validation")
        opponent = f"{row.name}{_described(rows, row, OPPONENTS[row.role])}"
        numbers = f"{_gap_words(gap, p)}, {_seeds_words(schedule, row, gap)}"
        sentences.append(
            f"{schedule.name}{described} against {opponent}: {numbers}: {_judgement(gap, p)}"
        )
    known = {row.role for row in opponents}
    missing = [
        f"no {OPPONENTS[role]} in the table: +method={method} trains such a row"
        for role, method in WANTED.items()
        if role not in known
    ]
    return [*sentences, *missing]


def opponents_of(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Return the rows that a schedule is compared with: the best of each role that there is."""
    return [row for role in OPPONENTS if (row := best_of_role(rows, role)) is not None]


def too_few_seeds(rows: Sequence[ResultRow]) -> bool:
    """Say whether no row has the seeds that a test needs; folds are tested with fewer."""
    return not any(row.folds or len(row.seeds) >= FEWEST_SEEDS for row in rows)


def best_of_role(rows: Sequence[ResultRow], role: str) -> ResultRow | None:
    """Return the row of a role that is best on validation, `None` without one."""
    return max(
        (row for row in rows if row.role == role),
        key=lambda row: mean_over_seeds(row.validation).value,
        default=None,
    )


def _described(rows: Sequence[ResultRow], row: ResultRow, role: str, chosen: str = "") -> str:
    """Return in brackets what a row is, and of how many it was chosen."""
    count = sum(other.role == row.role for other in rows)
    parts = [role] * bool(role) + [f"best of {count}{chosen}"] * (count > 1)
    return f" ({', '.join(parts)})" if parts else ""


def _gap_words(gap: Difference, p: float | None) -> str:
    mean, low, high = gap.estimate[:3]
    if p is None or low is None or high is None:
        return f"{signed(mean)} points"
    shown = f"p < {SMALLEST_SHOWN_P}" if p < SMALLEST_SHOWN_P else f"p = {show_p(p)}"
    test = "" if gap.test == PAIRED else f", {gap.test}"
    return f"{signed(mean)} points [{signed(low)}, {signed(high)}], {shown}{test}"


def _seeds_words(schedule: ResultRow, row: ResultRow, gap: Difference) -> str:
    counts = sorted({len(gap.seeds) or len(one.seeds) for one in (schedule, row)})
    seeds = f"{' and '.join(map(str, counts))} seed{'s' if counts != [1] else ''}"
    return f"{seeds} and {schedule.folds} folds" if schedule.folds else seeds


def _judgement(gap: Difference, p: float | None) -> str:
    if p is None:
        return f"not tested ({gap.remark})"
    if p >= SIGNIFICANT:
        return "no difference shown"
    return "better" if gap.estimate.value > 0 else "worse"


def show_p(p: float) -> str:
    """Return a p-value to two digits, or as below a thousandth."""
    if p < SMALLEST_SHOWN_P:
        return f"<{SMALLEST_SHOWN_P}"
    return f"{p:.2g}" if p < 0.1 else f"{p:.2f}"
