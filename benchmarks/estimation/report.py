"""The results as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.estimation.planted import Planted
from benchmarks.estimation.trials import ATOMS, Score

Sizes = tuple[int, int, int]  # clusters, classes, samples
SHORT = {
    "redundancy": "R",
    "unique1": "U1",
    "unique2": "U2",
    "synergy": "S",
    "mi1": "I1",
    "mi2": "I2",
    "joint_mi": "I12",
    "unique_difference": "U1-U2",
    "log_ratio": "ln U1/U2",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def shape_table(planted: Sequence[Planted], scores: Sequence[Score], samples: int) -> list[str]:
    """Bias, RMSE, floor and coverage of every quantity, one row per shape."""
    head = ["shape", *(SHORT[n] for n in SHORT)]
    rows = []
    for joint, score in zip(planted, scores, strict=True):
        cells = [joint.name]
        for name in SHORT:
            if name not in score.bias:
                cells.append("")
                continue
            floor = joint.spread.get(name)
            least = "" if floor is None else f" ({floor / samples**0.5:.3f})"
            cells.append(
                f"{score.truth[name]:.2f}: {score.bias[name]:+.3f}, {score.rmse[name]:.3f}{least}, "
                f"{100 * score.coverage[name]:.0f} %"
            )
        rows.append(cells)
    return table(head, rows)


def worst_row(label: str, scores: Sequence[Score], with_coverage: bool = True) -> list[str]:
    """One correction: the worst bias and RMSE of each atom over the shapes, and coverages."""
    cells = [label]
    for name in ATOMS:
        bias = max((s.bias[name] for s in scores), key=abs)
        cells.append(f"{bias:+.3f}, {max(s.rmse[name] for s in scores):.3f}")
    covered = [s.coverage[n] for s in scores for n in ATOMS]
    cells.append(f"{100 * min(covered):.0f}-{100 * max(covered):.0f} %" if with_coverage else "")
    return cells


def target_lines(
    scores: dict[Sizes, dict[str, Score]], planted: dict[Sizes, list[Planted]]
) -> list[str]:
    """Each target with what was measured; misses are named."""
    rows = []
    for sizes, by_shape in scores.items():
        classes, samples = sizes[1:]
        label = f"{classes} classes, {samples:,} samples"
        null = max(abs(by_shape["null"].bias[a]) for a in ATOMS)
        verdict = "met" if null <= NULL_LIMIT else "missed"
        rows.append([label, f"null: every atom <= {NULL_LIMIT}", f"{null:.3f}", verdict])
        if (classes, samples) not in LIMITS:
            continue
        spread = {j.name: j.spread for j in planted[sizes]}
        for word, limit in zip(("bias", "rmse"), LIMITS[classes, samples], strict=True):
            worst, misses = 0.0, []
            for shape, score in by_shape.items():
                for atom, value in getattr(score, word).items():
                    if atom in ATOMS:
                        worst = max(worst, abs(value))
                        if abs(value) > limit:
                            least = spread[shape][atom] / samples**0.5
                            misses.append(f"{shape} {SHORT[atom]} {value:.3f} ({least:.3f})")
            verdict = "met" if not misses else "missed: " + ", ".join(misses)
            rows.append([label, f"{word} of every atom <= {limit:g}", f"{worst:.3f}", verdict])
        rows.append([label, "95 % intervals cover 90-98 %", *_coverage_verdict(by_shape)])
    note = "In brackets: the sampling error that an unbiased estimate keeps."
    return [*table(["size", "target", "worst", "verdict"], rows), note, ""]


NULL_LIMIT = 0.02
LIMITS = {(6, 1280): (0.03, 0.05), (28, 6698): (0.05, 0.10)}  # bias and RMSE, bits


def _coverage_verdict(by_shape: dict[str, Score]) -> list[str]:
    covered = {(shape, a): score.coverage[a] for shape, score in by_shape.items() for a in ATOMS}
    low = [f"{s} {SHORT[a]} {100 * c:.1f} %" for (s, a), c in covered.items() if c < 0.90]
    high = [(s, a) for (s, a), c in covered.items() if c > 0.98]
    inside = [s for s, a in high if by_shape[s].truth[a] > 0]
    worst = f"{100 * min(covered.values()):.0f}-{100 * max(covered.values()):.0f} %"
    verdict = "none is below" if not low else "below: " + ", ".join(low)
    above = f"{len(high)} of {len(covered)} above, of which {len(inside)} where the truth is not 0"
    return [worst, f"{verdict}; {above}"]
