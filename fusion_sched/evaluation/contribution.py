"""What each modality adds to the accuracy of the fused head, when the others may be masked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import factorial

MOST_MODALITIES = 5
"""With more of them the 2^M subsets are not worth their time: no Shapley values are given."""

Coalition = frozenset[str]


@dataclass(frozen=True)
class Contribution:
    """Shapley value of each modality, in fused accuracy; they sum to v(all) - ``constant``.

    ``coalitions["a/b"]`` is v({a, b}): the accuracy when only these are not masked; ``constant`` is
    v(∅), the accuracy when all are.
    """

    shapley: dict[str, float]
    coalitions: dict[str, float]
    constant: float


def coalitions_of(names: Collection[str]) -> list[Coalition]:
    """Return every subset of the modalities; of more than five, only those that lack one."""
    count = len(names)
    sizes = range(count + 1) if count <= MOST_MODALITIES else [count - 1]
    return [frozenset(chosen) for size in sizes for chosen in combinations(names, size)]


def contribution_of(
    names: Collection[str], accuracy: Mapping[Coalition, float]
) -> Contribution | None:
    """Return Shapley values from the accuracy v of every coalition; none of six modalities or more.

    φ_m = Σ_{S ∌ m} |S|! (M - |S| - 1)! / M! · (v(S ∪ m) - v(S)): Shapley, "A Value for n-Person
    Games", 1953; of modalities and accuracy, Hu et al., "SHAPE", IJCAI 2022.
    """
    if len(names) > MOST_MODALITIES:
        return None
    coalitions = coalitions_of(names)
    shapley = dict.fromkeys(names, 0.0)
    for m in names:
        for others in (coalition for coalition in coalitions if m not in coalition):
            orders = factorial(len(others)) * factorial(len(names) - len(others) - 1)
            gain = accuracy[others | {m}] - accuracy[others]
            shapley[m] += orders / factorial(len(names)) * gain
    values = {"/".join(m for m in names if m in s): accuracy[s] for s in coalitions if s}
    return Contribution(shapley, values, constant=accuracy[frozenset()])
