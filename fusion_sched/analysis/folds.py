"""The runs of a cross-validation: which fold each tested on, and what they measured by fold."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from fusion_sched.analysis.runs import result_of
from fusion_sched.analysis.statistics import FoldValues, Values
from fusion_sched.runlog import Trace, inside
from fusion_sched.types import FUSED


def fold_of(run: Trace) -> int | None:
    """Return the fold that a run tested on, `None` without a cross-validation."""
    fold: int | None = inside(run.start, "facts", "cross_validation", "fold")
    return fold


def seed_and_fold(run: Trace) -> tuple[int, int]:
    """Return the seed and the fold of a run of a cross-validation."""
    fold = fold_of(run)
    assert fold is not None, "asked of rows with folds alone"
    return run.start["seed"], fold


def by_fold(runs: Sequence[Trace], quantity: Callable[[dict[str, Any]], float]) -> FoldValues:
    """Return seed and fold → the mean of their runs."""
    values: dict[tuple[int, int], list[float]] = {}
    for run in runs:
        values.setdefault(seed_and_fold(run), []).append(quantity(result_of(run)))
    return {pair: fmean(values[pair]) for pair in sorted(values)}


def split_sizes(runs: Sequence[Trace], split: str) -> dict[tuple[int, int], int]:
    """Return seed and fold → samples of a split."""
    return {seed_and_fold(run): run.start["split_sizes"][split] for run in runs}


def pooled_f1(runs: Sequence[Trace]) -> Values:
    """Return seed → macro-F1 of all test samples, over the classes that occur or are predicted.

    Runs of the same seed and fold share its samples in equal parts.
    """
    cells: dict[int, defaultdict[tuple[int, int], float]] = {}
    shared = Counter(map(seed_and_fold, runs))
    for run in runs:
        of_seed = cells.setdefault(run.start["seed"], defaultdict(float))
        for true, answer, count in result_of(run)["confusion"][FUSED]:
            of_seed[true, answer] += count / shared[seed_and_fold(run)]
    scores = {}
    for seed, counts in sorted(cells.items()):
        classes = {c for pair in counts for c in pair}
        sums = {c: sum(n * ((t == c) + (a == c)) for (t, a), n in counts.items()) for c in classes}
        scores[seed] = fmean(2 * counts[c, c] / sums[c] for c in classes)
    return scores
