"""Bad input: one clear message each, naming the place in the batch."""

import math

import pytest
import torch

from fusion_sched.pid import FastPID, decompose
from fusion_sched.pid.decomposition import decompose_sources
from fusion_sched.pid.fastpid_published import PublishedFastPID
from fusion_sched.pid.scaling import Scaling
from tests.pid.problems import dirichlet


def bad(index: tuple[int, ...], value: float) -> torch.Tensor:
    p = dirichlet(2, 3, 2, batch=(4, 5))
    p[(*index, 1, 2, 0)] = value
    return p


@pytest.mark.parametrize(
    ("p", "error", "message"),
    [
        (bad((3, 1), -0.1), ValueError, r"p\[3, 1\] holds -0.1 at \(1, 2, 0\); .*non-negative"),
        (bad((0, 4), math.nan), ValueError, r"p\[0, 4\] holds nan at \(1, 2, 0\); .*finite"),
        (bad((2, 0), math.inf), ValueError, r"p\[2, 0\] holds inf at \(1, 2, 0\); .*finite"),
        (bad((2, 2), 7.0), ValueError, r"p\[2, 2\] sums to 7\.\d+; expected 1: .*normalise=True"),
        (0.97 * dirichlet(2, 2, 2), ValueError, r"p sums to 0.97; .*joint_from_labels"),
        (torch.zeros(3, 2, 2, 2), ValueError, r"p\[0\] sums to 0; expected 1"),
        (dirichlet(2, 2), ValueError, r"shape \(2, 2\); expected \(..., n1, n2, ny\)"),
        (torch.zeros(2, 0, 2), ValueError, r"shape \(2, 0, 2\) and holds no cell"),
        (torch.zeros(0, 2, 2, 2), ValueError, r"shape \(0, 2, 2, 2\) and holds no cell"),
        (torch.ones(2, 2, 2).long(), TypeError, r"int64 counts; .*joint_from_labels.*normalise"),
        (torch.ones(2, 2, 2).bool(), TypeError, r"dtype torch.bool; expected a floating-point"),
        (torch.ones(2, 2, 2).cfloat(), TypeError, "dtype torch.complex64"),
    ],
)
def test_message(p: torch.Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        decompose(p)


def test_normalise_takes_counts() -> None:
    table = torch.arange(1, 9).reshape(2, 2, 2)
    expected = decompose(table.double() / table.sum())
    torch.testing.assert_close(decompose(table, normalise=True).synergy, expected.synergy)
    with pytest.raises(ValueError, match=r"p\[1\] sums to 0"):
        decompose(torch.stack([table, 0 * table]), normalise=True)


def test_sums_within_rounding_are_accepted() -> None:
    decompose(dirichlet(3, 3, 3) * (1 + 1e-7))
    decompose(dirichlet(3, 3, 3).float() * (1 + 2e-5))
    with pytest.raises(ValueError, match="sums to"):
        decompose(dirichlet(3, 3, 3) * (1 + 1e-5))


@pytest.mark.parametrize(
    ("solver", "knobs", "message"),
    [
        (FastPID, {"tol": 0.0}, r"tol=0.0 bits; expected 1e-10 <= tol < 1"),
        (FastPID, {"tol": 1.0}, r"tol=1.0 bits"),
        (FastPID, {"max_iterations": 0}, r"max_iterations=0; expected at least 1"),
        (Scaling, {"tol": 1e-9}, r"tol=1e-09 bits; .*use FastPID"),
        (Scaling, {"max_iterations": 0}, r"max_iterations=0; expected at least 1"),
        (PublishedFastPID, {"learning_rate": 0.0}, r"learning_rate=0.0; expected a positive"),
    ],
)
def test_solvers_check_their_values(solver: type, knobs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solver(**knobs)


def test_sources() -> None:
    with pytest.raises(ValueError, match="sources=1; expected 2 or more"):
        decompose_sources(dirichlet(2, 2, 2), 1)
    with pytest.raises(ValueError, match=r"expected \(..., n1, n2, n3, ny\) for sources=3"):
        decompose_sources(dirichlet(2, 2, 2), 3)
