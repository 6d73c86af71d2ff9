"""Shapley values: what each modality adds to a value that every coalition of modalities has."""

from collections.abc import Collection, Mapping
from functools import reduce
from itertools import combinations
from math import factorial
from operator import add
from typing import TypeVar

from torch import Tensor

Coalition = frozenset[str]
Value = TypeVar("Value", float, Tensor)


def coalitions(names: Collection[str]) -> list[Coalition]:
    """Return every subset of the modalities, from the empty one to that of all of them."""
    sizes = range(len(names) + 1)
    return [frozenset(chosen) for size in sizes for chosen in combinations(names, size)]


def shapley_values(names: Collection[str], values: Mapping[Coalition, Value]) -> dict[str, Value]:
    """Return the Shapley value of each modality, from the value v of every coalition.

    φ_m = Σ_{S ∌ m} |S|! (k - |S| - 1)! / k! · (v(S ∪ m) - v(S)) for k modalities: Shapley, "A Value
    for n-Person Games", 1953. They sum to v(all) - v(∅).
    """
    count = len(names)
    shares = {}
    for m in names:
        parts = [
            factorial(len(others)) * factorial(count - len(others) - 1) / factorial(count)
            * (values[others | {m}] - values[others])
            for others in coalitions(names) if m not in others
        ]  # fmt: skip
        shares[m] = reduce(add, parts)
    return shares
