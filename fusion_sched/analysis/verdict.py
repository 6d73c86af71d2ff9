"""Does the schedule help? One sentence per question, from the rows that can answer it."""

from collections.abc import Iterable

from fusion_sched.analysis.measures import Measured
from fusion_sched.analysis.roles import Role
from fusion_sched.analysis.statistics import Difference, difference, holm

SIGNIFICANT, LEAST_SHOWN = 0.05, 0.001
OPPONENTS = {
    Role.ENSEMBLE: "balancer=unimodal fusion=average",
    Role.FIXED: "controller=fixed",
}
"""What a schedule has to beat, and the overrides that train it."""


def verdict(rows: Iterable[Measured]) -> list[str]:
    """Return the best schedule against each opponent, in words; nothing without a schedule.

    The best of several is chosen by validation accuracy, so that the test accuracies it is judged
    by had no part in the choice. The p-values are corrected for the number of sentences.
    """
    rows = list(rows)
    schedule = best(rows, Role.SCHEDULE)
    if schedule is None:
        return []
    pairs = [(role, best(rows, role)) for role in OPPONENTS]
    found = [
        None if other is None else difference(schedule.fused.values, other.fused.values)
        for _, other in pairs
    ]
    corrected = holm([None if d is None else d.p for d in found])
    us = f"{schedule.row.name}{among(rows, Role.SCHEDULE)}"
    sentences = []
    for (role, other), gap, p in zip(pairs, found, corrected, strict=True):
        if other is None or gap is None:
            sentences.append(
                f"{us}: no row of {role.value} to hold it against; train one by {OPPONENTS[role]}"
            )
        else:
            them = f"{other.row.name} ({role.value}{among(rows, role)})"
            sentences.append(sentence(us, them, gap, p, (schedule, other)))
    return sentences


def best(rows: Iterable[Measured], role: Role) -> Measured | None:
    """Return the row of a role that is best on validation, ``None`` without one."""
    found = [m for m in rows if m.row.role is role]
    return max(found, key=lambda m: m.validation.mean, default=None)


def among(rows: Iterable[Measured], role: Role) -> str:
    """Return how many rows of the role a best one was chosen from, where there were several."""
    count = sum(m.row.role is role for m in rows)
    return f", best of {count} on validation" if count > 1 else ""


def sentence(
    us: str, them: str, gap: Difference, p: float | None, rows: tuple[Measured, Measured]
) -> str:
    """Return who beats whom, by how much, and how sure that is."""
    counts = sorted({len(gap.seeds)} if gap.seeds else {len(m.row.seeds) for m in rows})
    seeds = f"{' and '.join(map(str, counts))} seed{'s' if counts != [1] else ''}"
    points = f"{gap.mean:+.1f} points"
    if p is None or gap.low is None:
        return f"{us} against {them}: {points} with {seeds}; not judged: {gap.remark}"
    chance = shown_p(p).replace("<", "p < ") if p < LEAST_SHOWN else f"p = {shown_p(p)}"
    numbers = f"{points} (95 %: {gap.low:+.1f} to {gap.high:+.1f}, {chance}, {gap.test})"
    if p >= SIGNIFICANT:
        return f"{us} and {them} cannot be told apart with {seeds}: {numbers}"
    return f"{us} {'beats' if gap.mean > 0 else 'is beaten by'} {them}: {numbers}, {seeds}"


def shown_p(p: float) -> str:
    """Return a p-value to two digits, or as below a thousandth."""
    return f"<{LEAST_SHOWN}" if p < LEAST_SHOWN else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"
