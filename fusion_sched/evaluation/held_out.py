"""What heads, their ensembles and the fused head tell of samples that no encoder trained on."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from fusion_sched.models.ensembles import WeightedEnsemble, mean_probability, out_of_fold
from fusion_sched.types import Estimate, HeldOut

NORMAL_95 = 1.96
UNIFORM_SHARE = 0.01
"""Of every predicted distribution: a sure mistake costs at most log2(classes / share) bits."""


def subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every subset that is not empty, single names first."""
    return [part for size in range(1, len(names) + 1) for part in combinations(names, size)]


def leaving_one_out(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return every subset, joined by `+`, with each that has one name less."""
    return [
        ("+".join(more), "+".join(less))
        for more in subsets(names)
        for less in combinations(more, len(more) - 1)
        if less
    ]


def measure_held_out(
    logits: Mapping[str, Tensor],
    y: Tensor,
    predictors: Mapping[str, Sequence[str]],
    pairs: Iterable[tuple[str, str]] = (),
    pools: Mapping[str, Sequence[str]] | None = None,
) -> HeldOut:
    """Score each predictor on each fifth of the samples, fitted on the other four.

    `logits`: head → `(N, classes)`; `y`: class ids `(N,)`; `predictors`: name → the heads that it
    combines; `pools`: name → the predictors whose probabilities it takes the mean of; `pairs`:
    those whose gain is wanted. A hundredth of each predicted distribution is uniform.
    """
    predicted: dict[str, Tensor] = {}
    for name, heads in predictors.items():
        of_heads = {m: logits[m].double() for m in heads}
        classes = of_heads[heads[0]].shape[1]
        ensemble = WeightedEnsemble(dict.fromkeys(heads, classes), classes).double()
        predicted[name] = out_of_fold(ensemble, of_heads, y)
    for name, members in (pools or {}).items():
        predicted[name] = mean_probability([predicted[member] for member in members])
    bits = {name: _cost_in_bits(combined, y) for name, combined in predicted.items()}
    shares = torch.bincount(y).double() / len(y)
    entropy = float(torch.special.entr(shares).sum() / math.log(2))
    return HeldOut(
        information={name: _mean(entropy - values) for name, values in bits.items()},
        accuracy={
            name: float((combined.argmax(dim=1) == y).double().mean())
            for name, combined in predicted.items()
        },
        gain={f"{a}/{b}": _mean(bits[b] - bits[a]) for a, b in pairs},
        samples=len(y),
    )


def _cost_in_bits(logits: Tensor, y: Tensor) -> Tensor:
    """Return each sample's cross-entropy with a small share of the uniform distribution mixed in.

    Without it a few sure mistakes decide the mean: on four fifths of some hundred samples that are
    all right, the fitted weights grow to their limit.
    """
    probability = logits.softmax(dim=1)[torch.arange(len(y)), y]
    mixed = (1 - UNIFORM_SHARE) * probability + UNIFORM_SHARE / logits.shape[1]
    return -mixed.log2()


def _mean(values: Tensor) -> Estimate:
    mean, error = float(values.mean()), float(values.std() / math.sqrt(len(values)))
    return Estimate(mean, mean - NORMAL_95 * error, mean + NORMAL_95 * error, error)
