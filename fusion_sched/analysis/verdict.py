"""Does the schedule help? One sentence per question, from the rows that can answer it."""

from collections.abc import Sequence

from fusion_sched.analysis.rows import ROLES, ResultRow
from fusion_sched.analysis.statistics import Difference, holm, mean_over_seeds

SIGNIFICANT, SMALLEST_SHOWN_P = 0.05, 0.001
OPPONENTS = {"ensemble": "balancer=unimodal fusion=average", "fixed": "controller=fixed"}
"""Roles that a schedule has to beat, and the overrides that train such a row."""
OPTIONAL_OPPONENTS = ("single", "joint", "ceiling")
"""Roles that it is held against where the table has a row of them."""


def judge_schedule(rows: Sequence[ResultRow]) -> list[str]:
    """Return the best schedule against each opponent, in words; nothing without a schedule.

    The best of several is chosen by validation accuracy, so that the test accuracies it is judged
    by had no part in the choice. The p-values are corrected for the number of sentences.
    """
    schedule = best_of_role(rows, "schedule")
    if schedule is None:
        return []
    roles = (*OPPONENTS, *(r for r in OPTIONAL_OPPONENTS if any(row.role == r for row in rows)))
    opponents = {role: best_of_role(rows, role) for role in roles}
    gaps = {role: schedule.above(row) for role, row in opponents.items() if row is not None}
    corrected = dict(zip(gaps, holm([gap.estimate.p for gap in gaps.values()]), strict=True))
    subject = f"{schedule.name}{_chosen_from(rows, 'schedule')}"
    sentences = []
    for role, row in opponents.items():
        if row is None:
            sentences.append(
                f"{subject}: no row of {ROLES[role]} to hold it against; train one by "
                f"{OPPONENTS[role]}"
            )
        else:
            opponent = f"{row.name} ({ROLES[role]}{_chosen_from(rows, role)})"
            counts = sorted({len(gaps[role].seeds) or len(r.seeds) for r in (schedule, row)})
            seeds = f"{' and '.join(map(str, counts))} seed{'s' if counts != [1] else ''}"
            if schedule.folds:
                seeds += f" and {schedule.folds} folds"
            sentences.append(_gap_sentence(subject, opponent, gaps[role], corrected[role], seeds))
    return sentences


def best_of_role(rows: Sequence[ResultRow], role: str) -> ResultRow | None:
    """Return the row of a role that is best on validation, `None` without one."""
    return max(
        (row for row in rows if row.role == role),
        key=lambda row: mean_over_seeds(row.validation).value,
        default=None,
    )


def _chosen_from(rows: Sequence[ResultRow], role: str) -> str:
    """Return of how many rows the best one was chosen, where there were several."""
    count = sum(row.role == role for row in rows)
    return f", best of {count} on validation" if count > 1 else ""


def _gap_sentence(subject: str, opponent: str, gap: Difference, p: float | None, seeds: str) -> str:
    """Return who beats whom, by how much, and how sure that is."""
    mean, low, high = gap.estimate[:3]
    points = f"{mean:+.1f} points"
    if p is None or low is None:
        return f"{subject} against {opponent}: {points} with {seeds}; not judged: {gap.remark}"
    shown = show_p(p).replace("<", "p < ") if p < SMALLEST_SHOWN_P else f"p = {show_p(p)}"
    numbers = f"{points} (95 %: {low:+.1f} to {high:+.1f}, {shown}, {gap.test})"
    if p >= SIGNIFICANT:
        return f"{subject} and {opponent} cannot be told apart with {seeds}: {numbers}"
    return f"{subject} {'beats' if mean > 0 else 'is beaten by'} {opponent}: {numbers}, {seeds}"


def show_p(p: float) -> str:
    """Return a p-value to two digits, or as below a thousandth."""
    if p < SMALLEST_SHOWN_P:
        return f"<{SMALLEST_SHOWN_P}"
    return f"{p:.2g}" if p < 0.1 else f"{p:.2f}"
