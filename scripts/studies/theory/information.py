"""Mutual information in bits between what a modality's own network answers and the class.

Estimates from a large fresh set, with the bias of a finite sample taken off (Miller, 1955; Madow).
They may come out slightly below zero, and are left so.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

BINS = 64
"""Equal-count bins of a class score: a class has 1/K of the samples, so few bins would hide it."""
ESTIMATORS = ("response", "decision", "decoded")


@dataclass(frozen=True)
class Information:
    """Bits by modality `total` `(B, 2)` and by class `(B, 2, K)`, for each estimator.

    `response`: I(score of class j; [y = j]), the score in 64 bins; total is the mean over j.
    `decision`: I(ŷ; y) of the answer ŷ, the class with the largest score; by class,
    I([ŷ = j]; [y = j]). `decoded`: the same of another answer, the class whose mean vector of
    scores is nearest: what the scores hold, whether or not the largest one tells.
    """

    total: dict[str, Tensor]
    by_class: dict[str, Tensor]


def information_of(scores: Tensor, y: Tensor) -> Information:
    """Return the information in scores `(B, 2, N, K)` about classes `(B, N)`.

    The first half of the samples places bins and class means, the second half is counted.
    """
    half = y.shape[1] // 2
    first, second = scores[:, :, :half], scores[:, :, half:]
    labels = y[:, half:]
    response = response_information(first, second, labels)
    decision = answer_table(second.argmax(-1), labels, scores.shape[-1])
    decoded = answer_table(nearest_mean(first, y[:, :half], second), labels, scores.shape[-1])
    return Information(
        {
            "response": response.mean(-1),
            "decision": corrected_information(decision),
            "decoded": corrected_information(decoded),
        },
        {
            "response": response,
            "decision": corrected_information(one_against_rest(decision)),
            "decoded": corrected_information(one_against_rest(decoded)),
        },
    )


def corrected_information(counts: Tensor) -> Tensor:
    """Return I(X;Y) in bits of counts `(..., nx, ny)`, by Miller and Madow's correction.

    Each of the three entropies gets (occupied cells - 1) / 2n nats.
    """
    counts = counts.double()
    n = counts.sum((-2, -1))
    x, y = counts.sum(-1), counts.sum(-2)
    joint = counts.flatten(-2)

    def entropy(cells: Tensor) -> Tensor:
        occupied = (cells > 0).sum(-1)
        plug_in: Tensor = torch.special.entr(cells / n[..., None]).sum(-1)
        return plug_in + (occupied - 1) / (2 * n)

    bits: Tensor = (entropy(x) + entropy(y) - entropy(joint)) / math.log(2)
    return bits


def answer_table(answer: Tensor, y: Tensor, classes: int) -> Tensor:
    """Return counts `(B, 2, answer, class)` of answers `(B, 2, N)` to classes `(B, N)`."""
    cells = answer * classes + y[:, None]
    counts = torch.zeros(*answer.shape[:2], classes**2, device=answer.device)
    counts.scatter_add_(2, cells, torch.ones_like(cells, dtype=counts.dtype))
    return counts.view(*answer.shape[:2], classes, classes)


def one_against_rest(counts: Tensor) -> Tensor:
    """Return, for each class, the 2 by 2 counts of [answer = j] and [y = j] `(..., K, 2, 2)`."""
    hit = counts.diagonal(dim1=-2, dim2=-1)
    answered, present = counts.sum(-1), counts.sum(-2)
    rest = counts.sum((-2, -1))[..., None] - answered - present + hit
    cells = torch.stack([hit, answered - hit, present - hit, rest], dim=-1)
    return cells.view(*hit.shape, 2, 2)


def response_information(first: Tensor, second: Tensor, y: Tensor) -> Tensor:
    """Return I(score of class j; [y = j]) `(B, 2, K)`; the edges of bins come from `first`."""
    ordered = first.transpose(-1, -2).sort(-1).values
    places = torch.arange(1, BINS, device=y.device) * ordered.shape[-1] // BINS
    values = second.transpose(-1, -2).contiguous()
    bins = torch.searchsorted(ordered[..., places].contiguous(), values, right=True)
    classes = torch.arange(second.shape[-1], device=y.device)
    is_own = (y[:, None, None] == classes[:, None]).long()
    cells = bins * 2 + is_own
    counts = torch.zeros(*cells.shape[:-1], 2 * BINS, device=y.device)
    counts.scatter_add_(-1, cells, torch.ones_like(cells, dtype=counts.dtype))
    return corrected_information(counts.view(*cells.shape[:-1], BINS, 2))


def nearest_mean(first: Tensor, y: Tensor, second: Tensor) -> Tensor:
    """Return, for each sample of `second`, the class whose mean in `first` is nearest.

    Every score counts in its own standard deviation, so that scale plays no part.
    """
    spread = first.std(2, keepdim=True)
    scale = torch.where(spread > 0, spread, 1.0)
    classes = first.shape[-1]
    own = torch.nn.functional.one_hot(y, classes).to(first.dtype)[:, None]
    means = own.transpose(-1, -2) @ (first / scale) / own.sum(2)[..., None].clamp(min=1)
    near = (second / scale) @ means.transpose(-1, -2) - means.square().sum(-1)[:, :, None] / 2
    return near.argmax(-1)
