"""Gradients by the envelope theorem: against finite differences, at zeros and at kinks."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from fusion_sched.pid import FastPID, decompose, soft_joint
from fusion_sched.pid.decomposition import decompose_sources
from fusion_sched.pid.information import entropy, mutual_information
from tests.pid.problems import GATES, dirichlet

TIGHT = FastPID(tol=1e-10)
NAMES = ("redundancy", "unique1", "unique2", "synergy", "mi1", "mi2", "joint_mi")


def through_softmax(function: Callable[[Tensor], Any], *shape: int) -> Callable[..., Any]:
    """The same function of logits, which keep every cell positive and the sum at one."""
    return lambda logits: function(logits.softmax(-1).reshape(logits.shape[:-1] + shape))


def values(p: Tensor) -> tuple[Tensor, ...]:
    d = decompose(p, TIGHT)
    return tuple(getattr(d, name) for name in NAMES)


def test_gradcheck_of_a_batch() -> None:
    """All atoms and informations, from the same solves."""
    logits = dirichlet(3, 2, 3, batch=(2,)).log().flatten(1).requires_grad_()
    assert torch.autograd.gradcheck(through_softmax(values, 3, 2, 3), (logits,), atol=1e-5)


def test_gradcheck_in_p_itself() -> None:
    """Off the simplex the value is that of the normalised joint."""
    p = dirichlet(2, 3, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: decompose(x, TIGHT, normalise=True).unique1, (p,), atol=1e-5
    )


def test_gradcheck_of_three_sources() -> None:
    logits = dirichlet(2, 3, 2, 2, seed=2).log().flatten().requires_grad_()
    value = through_softmax(lambda p: decompose_sources(p, 3, TIGHT).union, 2, 3, 2, 2)
    assert torch.autograd.gradcheck(value, (logits,), atol=1e-5)


def test_gradcheck_of_informations() -> None:
    logits = dirichlet(3, 2, 2, seed=3).log().flatten().requires_grad_()
    for function in (
        lambda p: entropy(p, axes=3),
        lambda p: mutual_information(p.sum(1)),
    ):
        assert torch.autograd.gradcheck(through_softmax(function, 3, 2, 2), (logits,))


@pytest.mark.parametrize("shape", [(20, 20, 6), (5, 6, 40)], ids=["schur", "woodbury"])
def test_directional_derivative_at_size(shape: tuple[int, int, int]) -> None:
    p, other = dirichlet(*shape, seed=4), dirichlet(*shape, seed=5)
    way, h = other - p, 1e-4
    q = p.clone().requires_grad_()
    decompose(q, TIGHT).synergy.backward()
    ahead, behind = (decompose(p + s * h * way, TIGHT).synergy for s in (1, -1))
    assert float((q.grad * way).sum()) == pytest.approx(float(ahead - behind) / (2 * h), rel=1e-4)


def test_slopes_at_zeros_are_finite_and_those_of_the_support() -> None:
    """Cells of infinite slope count as carrying no information; the others are unaffected."""
    p = dirichlet(4, 4, 3, seed=6)
    p[1], p[:, 2], p[0, 0] = 0, 0, 0
    p = (p / p.sum()).requires_grad_()
    for name in NAMES:
        (slope,) = torch.autograd.grad(getattr(decompose(p, TIGHT), name), p)
        assert slope.isfinite().all()
    rows, columns = [0, 2, 3], [0, 1, 3]
    small = p.detach()[rows][:, columns].requires_grad_()
    slope, inner = (torch.autograd.grad(decompose(x, TIGHT).unique1, x)[0] for x in (p, small))
    torch.testing.assert_close(slope[rows][:, columns], inner, atol=1e-6, rtol=0)
    # <p, slope> = 0 after normalisation, and an empty symbol has the slope of "no information"
    value = decompose(p, TIGHT).unique1.item()
    torch.testing.assert_close(slope[1], torch.full_like(slope[1], -value), atol=1e-6, rtol=0)


def test_a_kink_gets_a_slope_between_the_one_sided_ones() -> None:
    p = GATES["and"][0]
    way = torch.zeros_like(p)
    way[0, 1, 0], way[1, 0, 0] = 1.0, -1.0
    q = p.clone().requires_grad_()
    decompose(q, TIGHT).unique1.backward()
    slope, h = float((q.grad * way).sum()), 1e-4
    right = float(decompose(p + h * way, TIGHT).unique1) / h
    left = -float(decompose(p - h * way, TIGHT).unique1) / h
    assert left < right
    assert left - 1e-4 <= slope <= right + 1e-4


def test_second_derivatives_are_refused() -> None:
    p = dirichlet(2, 2, 2).requires_grad_()
    (slope,) = torch.autograd.grad(decompose(p).synergy, p, create_graph=True)
    with pytest.raises(NotImplementedError, match="differentiate once"):
        slope.sum().backward()


def test_single_precision_leaves_get_single_precision_slopes() -> None:
    p = dirichlet(2, 2, 2).float().requires_grad_()
    decompose(p).redundancy.backward()
    assert p.grad is not None
    assert p.grad.dtype == torch.float32


def test_soft_joint_carries_gradients_to_the_assignments() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    labels = torch.randint(2, (6,), generator=generator)

    def synergy(x: Tensor) -> Tensor:
        first, second = x.softmax(-1)
        return decompose(soft_joint(first, second, labels), TIGHT).synergy

    assert torch.autograd.gradcheck(synergy, (logits,), atol=1e-5)
