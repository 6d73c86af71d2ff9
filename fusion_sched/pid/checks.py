"""Checks of the input of `decompose`, with one error message for each fault."""

from __future__ import annotations

import math

import torch
from numpy.typing import ArrayLike
from torch import Tensor

NEGLIGIBLE = 1e-16  # probability; below the resolution of a sum of one in double precision


def checked_joint(p: Tensor | ArrayLike, sources: int, normalise: bool) -> Tensor:
    """`p` as float64 joints (B, n1, ..., nM, ny) that sum to one; differentiable."""
    if sources < 2:
        raise ValueError(f"sources={sources!r}; expected 2 or more")
    p = torch.as_tensor(p)
    if p.is_complex() or p.dtype == torch.bool:
        raise TypeError(f"p has dtype {p.dtype}; expected a floating-point joint")
    if not p.is_floating_point() and not normalise:
        raise TypeError(
            f"p holds {p.dtype} counts; expected probabilities: pass labels through "
            "joint_from_labels, or counts with normalise=True"
        )
    if p.dim() < sources + 1:
        axes = ", ".join([f"n{m}" for m in range(1, sources + 1)])
        raise ValueError(
            f"p has shape {tuple(p.shape)}; expected (..., {axes}, ny) for sources={sources}"
        )
    if p.numel() == 0:
        raise ValueError(f"p has shape {tuple(p.shape)} and holds no cell; expected at least one")
    flat = p.double().reshape(-1, *p.shape[-sources - 1 :])
    tolerance = math.inf if normalise else _tolerance(p.dtype)
    _check_values(flat.detach(), p.shape[: -sources - 1], tolerance)
    flat = flat / flat.flatten(1).sum(1).reshape(-1, *[1] * (sources + 1))
    return torch.where(flat > NEGLIGIBLE, flat, 0.0)


def name_in_batch(index: int, batch: torch.Size) -> str:
    """The problem at this index of the flattened batch as an expression: `p` or `p[3, 1]`."""
    if not batch:
        return "p"
    return f"p[{', '.join(str(int(i)) for i in torch.unravel_index(torch.tensor(index), batch))}]"


def _tolerance(dtype: torch.dtype) -> float:
    """The rounding error allowed in the sum of a joint of this precision."""
    return max(1e-6, 1e3 * torch.finfo(dtype).eps)


def _check_values(flat: Tensor, batch: torch.Size, tolerance: float) -> None:
    """Raise unless every joint of (B, ...) is finite, non-negative and sums to one."""
    cells = flat.flatten(1)
    least, total = cells.amin(1), cells.sum(1)
    valid = (least >= 0) & total.isfinite() & (total > 0)
    valid &= (total - 1.0).abs() <= tolerance
    if bool(valid.all()):
        return
    index = int((~valid).nonzero()[0])
    raise ValueError(_fault_message(cells[index], flat.shape[1:], name_in_batch(index, batch)))


def _fault_message(cells: Tensor, shape: torch.Size, name: str) -> str:
    for bad, expected in ((~cells.isfinite(), "finite"), (cells < 0, "non-negative")):
        if bool(bad.any()):
            cell = int(bad.nonzero()[0])
            place = tuple(int(i) for i in torch.unravel_index(torch.tensor(cell), shape))
            return f"{name} holds {float(cells[cell]):g} at {place}; expected {expected} values"
    return (
        f"{name} sums to {float(cells.sum()):.9g}; expected 1: pass labels through "
        "joint_from_labels, or set normalise=True"
    )
