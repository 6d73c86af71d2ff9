"""How well probabilities fit what happens."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from fusion_sched.types import FUSED

BINS = 15
"""Equal-width bins of confidence, as in Guo et al. (ICML 2017)."""


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error by modality or `fused`; fused negative log-likelihood in nats
    and Brier score in [0, 2].
    """

    ece: dict[str, float]
    nll_nats: float
    brier: float


def calibration_of(logits: Mapping[str, Tensor], y: Tensor) -> Calibration:
    """Return how well the probabilities of logits `(N, classes)` fit labels `(N,)`.

    The Brier score is the mean over samples of Σ_c (p_c - [y = c])² (Brier, 1950).
    """
    fused = logits[FUSED].double()
    missed = fused.softmax(dim=1) - one_hot(y, fused.shape[1])
    return Calibration(
        ece={name: calibration_error(values, y) for name, values in logits.items()},
        nll_nats=float(cross_entropy(fused, y)),
        brier=float(missed.square().sum(dim=1).mean()),
    )


def calibration_error(logits: Tensor, y: Tensor) -> float:
    """Return Σ_b n_b / N · |accuracy_b - confidence_b| over bins ((b - 1) / 15, b / 15].

    A sample's confidence is its largest probability: Guo et al., "On Calibration of Modern Neural
    Networks", ICML 2017, equation 3.
    """
    confidence, answer = logits.double().softmax(dim=1).max(dim=1)
    inner_edges = torch.arange(1, BINS, dtype=torch.float64) / BINS
    excess = confidence - (answer == y).double()
    sums = excess.new_zeros(BINS).index_add(0, torch.bucketize(confidence, inner_edges), excess)
    return float(sums.abs().sum() / len(y))
