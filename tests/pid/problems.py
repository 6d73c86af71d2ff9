"""Joints with known answers, random joints, and a certificate checked without the package."""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

LN2 = np.log(2.0)


def gate(rule: Callable[..., object], *alphabets: int) -> Tensor:
    """The joint of uniform inputs u (one per alphabet) and (x1, x2, y) = rule(*u), any symbols."""
    rows = [rule(*u) for u in itertools.product(*map(range, alphabets))]
    codes = [
        {s: k for k, s in enumerate(dict.fromkeys(column))} for column in zip(*rows, strict=True)
    ]
    p = torch.zeros(*(len(code) for code in codes), dtype=torch.float64)
    for row in rows:
        p[tuple(code[s] for code, s in zip(codes, row, strict=True))] += 1.0 / len(rows)
    return p


AND = 0.311278124459133  # its redundancy in bits: I(X1; Y) of an AND gate

# name: (joint, redundancy, unique1, unique2, synergy); known in closed form
GATES = {
    "and": (gate(lambda a, b: (a, b, a & b), 2, 2), AND, 0, 0, 0.5),
    "or": (gate(lambda a, b: (a, b, a | b), 2, 2), AND, 0, 0, 0.5),
    "xor": (gate(lambda a, b: (a, b, a ^ b), 2, 2), 0, 0, 0, 1),
    "unique": (gate(lambda a, b: (a, b, a), 2, 2), 0, 1, 0, 0),
    "redundant": (gate(lambda a: (a, a, a), 2), 1, 0, 0, 0),
    "copy": (gate(lambda a, b: (a, b, (a, b)), 2, 2), 0, 1, 1, 0),
    "redundant_xor": (
        gate(lambda a, b, c: ((a, c), (b, c), (a ^ b, c)), 2, 2, 2),
        1,
        0,
        0,
        1,
    ),
    "and_unique": (gate(lambda a, b: ((a, b), b, a & b), 2, 2), AND, 0.5, 0, 0),
    "or_unique": (gate(lambda a, b: ((a, b), b, a | b), 2, 2), AND, 0.5, 0, 0),
    "xor_unique": (gate(lambda a, b: ((a, b), b, a ^ b), 2, 2), 0, 1, 0, 0),
    "copy8": (gate(lambda a, b: (a, b, (a, b)), 8, 8), 0, 3, 3, 0),
    "independent": (gate(lambda a, b, c: (a, b, c), 3, 2, 4), 0, 0, 0, 0),
}


def dirichlet(
    *shape: int, seed: int = 0, alpha: float = 1.0, batch: tuple[int, ...] = ()
) -> Tensor:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(int(np.prod(shape)), alpha), size=batch or None)
    return torch.from_numpy(np.maximum(p, 1e-300).reshape(*batch, *shape))


def counts(*shape: int, seed: int = 0, samples: int = 1280, informative: float = 0.5) -> Tensor:
    """A histogram of labels that depend on the class with probability `informative`."""
    rng = np.random.default_rng(seed)
    n1, n2, ny = shape
    y = rng.integers(ny, size=samples)
    x1, x2 = ((k * y + rng.integers(4, size=samples)) % n for k, n in ((3, n1), (2, n2)))
    x1 = np.where(rng.random(samples) < informative, x1, rng.integers(n1, size=samples))
    x2 = np.where(rng.random(samples) < informative, x2, rng.integers(n2, size=samples))
    p = np.zeros(shape)
    np.add.at(p, (x1, x2, y), 1.0 / samples)
    return torch.from_numpy(p)


def check_certificate(p: np.ndarray, q: np.ndarray, duals: list[np.ndarray], gap: float) -> float:
    """I*(p) lies within `gap` bits of I_q, shown with numpy alone; returns I_q in bits.

    Weak duality: for q with the marginals of p, and duals with sum_y 2^(sum of duals) <= 1,
    H(Y) + sum <marginal, dual> <= I* <= I_q. Cells up to 1e-16 count as empty, as in the package.
    """
    p = np.where(p > 1e-16, p, 0.0)
    sources = p.ndim - 1
    bound = _entropy(p.sum(tuple(range(sources))))
    total = np.zeros(p.shape)
    for m, dual in enumerate(duals):
        others = tuple(k for k in range(sources) if k != m)
        mine, its = p.sum(others), q.sum(others)
        assert np.abs(mine - its).max() <= 1e-12
        assert not np.isnan(dual).any()
        bound += np.sum(mine[mine > 0] * dual[mine > 0])
        shape = [1] * p.ndim
        shape[m], shape[-1] = dual.shape
        total = total + dual.reshape(shape)
    assert np.exp2(total).sum(-1).max() <= 1 + 1e-12
    assert q.min() >= 0
    information = _entropy(q.sum(tuple(range(sources)))) + _entropy(q.sum(-1)) - _entropy(q)
    assert -1e-12 <= information - bound <= gap + 1e-12
    return information


def _entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-np.sum(p * np.log2(p)))
