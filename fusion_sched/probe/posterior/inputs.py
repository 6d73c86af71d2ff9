"""What a diagnosis accepts: finite embeddings with resolution to spare, and class ids."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

BITS = 1.0 / math.log(2.0)
NORMAL_95 = 1.96
LEAST_GROUPS = 12  # two in every fold
RESOLUTION = 64.0  # a spread below this many rounding errors of its offset is no measurement


@dataclass(frozen=True)
class Labels:
    """Class numbers `y` (N,) in order of appearance, shares `prior` (classes,), entropy in nats."""

    y: Tensor
    prior: Tensor
    classes: Tensor

    @property
    def entropy(self) -> Tensor:
        """H(Y) in nats."""
        return -(self.prior * self.prior.log()).sum()

    @property
    def entropy_limit(self) -> Tensor:
        """Upper 95 % limit of the population's H(Y) in nats, at most the log of the classes."""
        count, surprise = len(self.y), -self.prior.log()
        variance = (self.prior * (surprise - self.entropy).square()).sum() / count
        bias = (self.count - 1) / (2 * count)
        limit = self.entropy + bias + NORMAL_95 * variance.sqrt()
        return limit.clamp(max=math.log(self.count)).maximum(self.entropy)

    @property
    def base(self) -> Tensor:
        """log P(y) as the log-probabilities (2, N, classes) of a model without information."""
        return self.prior.log().expand(2, len(self.y), -1)

    @cached_property
    def one_hot(self) -> Tensor:
        """Membership (N, classes), float64."""
        return torch.nn.functional.one_hot(self.y, self.count).double()

    @property
    def count(self) -> int:
        """The number of classes that occur."""
        return len(self.prior)


def checked_labels(y: Tensor, order: Tensor) -> Labels:
    """Number the classes by their first appearance in `order`, whatever they are called."""
    classes, inverse = torch.unique(y, return_inverse=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device)
    first = torch.full((len(classes),), len(y), device=y.device, dtype=rank.dtype)
    by_appearance = torch.argsort(first.scatter_reduce(0, inverse, rank, "amin"))
    number = torch.empty_like(by_appearance)
    number[by_appearance] = torch.arange(len(classes), device=y.device)
    numbered = number[inverse]
    counts = torch.bincount(numbered, minlength=len(classes))
    return Labels(numbered, counts.double() / len(y), classes[by_appearance])


def check_arrays(embeddings: Mapping[str, Tensor], y: Tensor, groups: Tensor | None) -> None:
    """Raise where the arrays do not fit together."""
    if not embeddings:
        raise ValueError("got no embeddings; expected at least one modality")
    if any(mark in name for name in embeddings for mark in "/+"):
        raise ValueError(
            f"modalities are called {list(embeddings)}; expected names without '/' and '+', which "
            "join names in the results"
        )
    if y.dim() != 1 or len(y) < 2 or y.is_floating_point() or y.is_complex():
        raise ValueError(
            f"y has shape {tuple(y.shape)} and dtype {y.dtype}; expected at least two integer "
            "class ids (N,)"
        )
    if groups is not None and (groups.shape != y.shape or groups.is_floating_point()):
        raise ValueError(
            f"groups has shape {tuple(groups.shape)} and dtype {groups.dtype}; expected integer "
            f"ids {tuple(y.shape)}, one per sample"
        )
    if groups is not None and len(torch.unique(groups)) < LEAST_GROUPS:
        raise ValueError(
            f"groups holds {len(torch.unique(groups))} different ids; expected at least "
            f"{LEAST_GROUPS}, so that every model is scored on groups it has not seen"
        )
    for name, values in embeddings.items():
        shaped = values.dim() == 2 and len(values) == len(y) and values.shape[1] > 0
        if not shaped or not values.is_floating_point():
            raise ValueError(
                f"embeddings of {name!r} have shape {tuple(values.shape)} and dtype "
                f"{values.dtype}; expected floating-point ({len(y)}, features), one row per label"
            )
        broken = ~torch.isfinite(values).all(dim=1)
        if bool(broken.any()):
            raise ValueError(
                f"embeddings of {name!r} hold NaN or infinity in {int(broken.sum())} row(s), first "
                f"in row {int(broken.int().argmax())}"
            )


def standardised(name: str, values: Tensor) -> Tensor:
    """Centred float64 embeddings (N, d) of unit total variance; zero where they are constant.

    Raises `ValueError` where an offset has used up the digits of the values.
    """
    largest = values.abs().amax().double()
    if float(largest) == 0.0:
        return torch.zeros(values.shape, dtype=torch.float64, device=values.device)
    x = values.double() / largest
    mean = x.mean(0)
    x = x - mean
    spread = x.abs().amax()
    rounding = torch.finfo(values.dtype).eps * mean.abs().amax()
    if float(spread) <= 8 * torch.finfo(torch.float64).eps:
        return torch.zeros_like(x)
    if float(spread) < RESOLUTION * float(rounding):
        raise ValueError(
            f"embeddings of {name!r} vary by {float(spread * largest):.2g} around an offset of "
            f"{float(mean.abs().amax() * largest):.2g}, which {values.dtype} does not resolve; "
            "subtract the mean before the values are rounded"
        )
    x = x / spread
    return x / x.square().sum(1).mean().sqrt()
