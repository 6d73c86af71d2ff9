"""Labels in, tables of counts out: what came is checked here, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fusion_sched.estimation.entropies import Array
from fusion_sched.pid.joint import Labels

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """Two sources and the target as codes 0, 1, ... in order of first occurrence, (n,) each.

    The names of the labels are forgotten, so that renaming them changes nothing, random draws
    included. `swapped` says that the sources were exchanged to bring them into a fixed order.
    """

    x1: Codes
    x2: Codes
    y: Codes
    swapped: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """The numbers of symbols that occur."""
        return tuple(int(c.max()) + 1 for c in (self.x1, self.x2, self.y))  # type: ignore[return-value]


def pair_from_labels(x1: Labels, x2: Labels, y: Labels) -> Pair:
    """Check three label arrays (n,) and forget the names of their symbols."""
    columns = [_integers(v, name) for v, name in ((x1, "x1"), (x2, "x2"), (y, "y"))]
    lengths = [len(c) for c in columns]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"x1, x2 and y hold {lengths[0]}, {lengths[1]} and {lengths[2]} labels; expected one "
            "label of each per sample"
        )
    if lengths[0] < 2:
        raise ValueError(f"got {lengths[0]} sample(s); expected at least 2")
    first, second, target = (_in_order_of_occurrence(c) for c in columns)
    if first.tobytes() > second.tobytes():
        return Pair(second, first, target, swapped=True)
    return Pair(first, second, target, swapped=False)


def stacked_tables(pairs: Sequence[Pair]) -> Array:
    """The counts (pairs, n1, n2, ny), padded with symbols that never occur."""
    shape = tuple(max(p.shape[axis] for p in pairs) for axis in range(3))
    return np.stack([count_labels(p.x1, p.x2, p.y[None], shape)[0] for p in pairs])


def shuffled_tables(
    pair: Pair, shuffles: int, shape: tuple[int, ...], rng: np.random.Generator
) -> Array:
    """The counts (shuffles, n1, n2, ny) after permuting y among the samples."""
    y = rng.permuted(np.broadcast_to(pair.y, (shuffles, len(pair.y))), axis=1)
    return count_labels(pair.x1, pair.x2, y, shape)


def drawn_tables(p: Array, samples: int, draws: int, rng: np.random.Generator) -> Array:
    """The counts (draws, n1, n2, ny) of `samples` samples from a joint p (n1, n2, ny)."""
    flat = p.reshape(-1)
    counts = rng.multinomial(samples, flat / flat.sum(), size=draws)
    return counts.reshape(draws, *p.shape).astype(float)


def count_labels(x1: Codes, x2: Codes, y: Codes, shape: tuple[int, ...]) -> Array:
    """The counts (b, *shape) of codes x1, x2 (n,) with each of the targets y (b, n)."""
    n1, n2, ny = shape
    batch = np.arange(len(y))[:, None]
    cell = ((batch * n1 + x1) * n2 + x2) * ny + y
    counts = np.bincount(cell.reshape(-1), minlength=len(y) * n1 * n2 * ny)
    return counts.reshape(len(y), n1, n2, ny).astype(float)


def _in_order_of_occurrence(labels: Codes) -> Codes:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _integers(values: Labels, name: str) -> Codes:
    values = values.detach().cpu() if isinstance(values, torch.Tensor) else values
    labels = np.asarray(values)
    if labels.ndim != 1:
        raise ValueError(f"{name} has shape {labels.shape}; expected (samples,), one label each")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        place = int(np.argmin(np.isfinite(labels)))
        raise ValueError(
            f"{name}[{place}] is {labels[place]}; expected integers: drop samples without a label"
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"{name} has dtype {labels.dtype}; expected integers: cluster features, number labels"
        )
    if len(labels) and labels.min() < 0:
        place = int(np.argmax(labels < 0))
        raise ValueError(
            f"{name}[{place}] is {int(labels[place])}; expected 0, 1, 2, ...: drop the samples "
            "without a label"
        )
    return labels.astype(np.int64)
