"""Entropy and mutual information of discrete joints: in bits, batched, zeros by support."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

BITS = 1.0 / math.log(2.0)  # one nat in bits


class _Linearised(torch.autograd.Function):
    """A value with a given derivative, so that no solver is unrolled."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, value: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(p, slope)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        p, slope = ctx.saved_tensors
        slope = _NoDoubleBackward.apply(p, slope)  # type: ignore[no-untyped-call]
        return grad.reshape(grad.shape + (1,) * (slope.dim() - grad.dim())) * slope, None, None


class _NoDoubleBackward(torch.autograd.Function):
    """The identity; double backward is not supported, and its result would be wrong."""

    @staticmethod
    def forward(ctx: Any, p: Tensor, slope: Tensor) -> Tensor:
        return slope.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        raise NotImplementedError(
            "double backward is not supported for informations and atoms; differentiate once"
        )


def linearised(p: Tensor, value: Tensor, slope: Tensor) -> Tensor:
    """`value` (...), differentiable in `p` (..., *cells) with the derivative `slope`, p's shape."""
    result: Tensor = _Linearised.apply(p, value, slope)  # type: ignore[no-untyped-call]
    return result


def entropy(p: Tensor, axes: int = 1) -> Tensor:
    """Shannon entropy in bits over the last `axes` axes; the leading axes are a batch.

    A cell of zero mass contributes nothing, and its infinite slope is taken as zero. The derivative
    is that on the simplex: only its differences between cells are meaningful.
    """
    p = torch.as_tensor(p).double()
    with torch.no_grad():
        value = _entropy(p, axes)
    if not p.requires_grad:
        return value
    return linearised(p, value, -log_on_support(p.detach()) * BITS)


def mutual_information(p: Tensor) -> Tensor:
    """I(X;Y) in bits of a joint `p` (..., nx, ny) that sums to one; leading axes are a batch.

    The derivative is the pointwise information log2 p(x,y)/(p(x)p(y)), and zero where p(x,y) = 0.
    """
    p = torch.as_tensor(p).double()
    with torch.no_grad():
        x, y = p.sum(-1), p.sum(-2)
        value = _entropy(x, 1) + _entropy(y, 1) - _entropy(p, 2)
    if not p.requires_grad:
        return value
    with torch.no_grad():
        log_product = log_on_support(x).unsqueeze(-1) + log_on_support(y).unsqueeze(-2)
        pointwise = torch.where(p > 0, log_on_support(p) - log_product, 0.0) * BITS
    return linearised(p, value, pointwise)


def log_on_support(x: Tensor) -> Tensor:
    """log x where x > 0, and 0 elsewhere."""
    return torch.where(x > 0, x, 1.0).log()


def _entropy(p: Tensor, axes: int) -> Tensor:
    bits: Tensor = torch.special.entr(p).sum(tuple(range(-axes, 0))) * BITS
    return bits
