"""What each modality adds to the accuracy of the fused head, when the others may be masked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations

from fusion_sched.models.shapley import Coalition, coalitions, shapley_values

MOST_MODALITIES = 5
"""With more of them the 2^M subsets are not worth their time: no Shapley values are given."""


@dataclass(frozen=True)
class Contribution:
    """Shapley value of each modality, in fused accuracy; they sum to v(all) - `constant`.

    `coalitions["a/b"]` is v({a, b}): the accuracy when only these are not masked; `constant` is
    v(∅), the accuracy when all are.
    """

    shapley: dict[str, float]
    coalitions: dict[str, float]
    constant: float


def coalitions_of(names: Collection[str]) -> list[Coalition]:
    """Return every subset of the modalities; of more than five, only those that lack one."""
    if len(names) <= MOST_MODALITIES:
        return coalitions(names)
    return [frozenset(chosen) for chosen in combinations(names, len(names) - 1)]


def contribution_of(
    names: Collection[str], accuracy: Mapping[Coalition, float]
) -> Contribution | None:
    """Return Shapley values from the accuracy v of every coalition; none of six modalities or more.

    Shapley values of modalities in accuracy: Hu et al., "SHAPE", IJCAI 2022.
    """
    if len(names) > MOST_MODALITIES:
        return None
    values = {"/".join(m for m in names if m in s): accuracy[s] for s in coalitions(names) if s}
    return Contribution(shapley_values(names, accuracy), values, constant=accuracy[frozenset()])
