"""The joints that are timed."""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from fusion_sched.pid import joint_from_labels

Shape = tuple[int, int, int]


def dirichlet(shape: Shape, count: int, seed: int, alpha: float = 1.0) -> Tensor:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(int(np.prod(shape)), alpha), size=count)
    return torch.from_numpy(p.reshape(count, *shape))


def counts(shape: Shape, count: int, seed: int, informative: float, samples: int = 1280) -> Tensor:
    """Histograms of labels that follow the class with probability `informative`."""
    rng = np.random.default_rng(seed)
    n1, n2, ny = shape
    tables = []
    for _ in range(count):
        y = rng.integers(ny, size=samples)
        x1, x2 = ((k * y + rng.integers(4, size=samples)) % n for k, n in ((3, n1), (2, n2)))
        x1 = np.where(rng.random(samples) < informative, x1, rng.integers(n1, size=samples))
        x2 = np.where(rng.random(samples) < informative, x2, rng.integers(n2, size=samples))
        tables.append(joint_from_labels(x1, x2, y, sizes=shape))
    return torch.stack(tables)


def digits_bootstrap(count: int, seed: int) -> Tensor:
    """Bootstrap resamples of a real 20x20x6 histogram.

    scikit-learn's handwritten digits 0 to 5, left and right half of each image clustered apart.
    """
    from sklearn.cluster import KMeans
    from sklearn.datasets import load_digits

    data = load_digits(n_class=6)
    halves = (data.images[:, :, :4], data.images[:, :, 4:])
    labels = [
        KMeans(20, n_init=1, random_state=0).fit_predict(half.reshape(len(half), -1))
        for half in halves
    ]
    p = joint_from_labels(*labels, data.target, sizes=(20, 20, 6)).numpy()
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(data.target), p.ravel(), size=count)
    return torch.from_numpy(drawn.reshape(count, 20, 20, 6) / len(data.target))


KINDS = {
    "Dirichlet(1)": lambda shape, count: dirichlet(shape, count, seed=1),
    "counts": lambda shape, count: counts(shape, count, seed=2, informative=0.5),
}


def gate(rule: Callable[..., tuple[int, int, int]], inputs: int) -> Tensor:
    """The joint of (x1, x2, y) = rule(bits) under this many fair bits."""
    rows = [rule(*bits) for bits in itertools.product((0, 1), repeat=inputs)]
    p = torch.zeros(*(max(column) + 1 for column in zip(*rows, strict=True)), dtype=torch.float64)
    for row in rows:
        p[row] += 1 / len(rows)
    return p


GATES = {
    "AND": gate(lambda a, b: (a, b, a & b), 2),
    "OR": gate(lambda a, b: (a, b, a | b), 2),
    "XOR": gate(lambda a, b: (a, b, a ^ b), 2),
    "unique": gate(lambda a, b: (a, b, a), 2),
    "redundant": gate(lambda a: (a, a, a), 1),
    "copy": gate(lambda a, b: (a, b, 2 * a + b), 2),
    "redundant + XOR": gate(lambda a, b, c: (2 * a + c, 2 * b + c, 2 * (a ^ b) + c), 3),
    "redundant AND unique": gate(lambda a, b: (2 * a + b, b, a & b), 2),
    "redundant XOR unique": gate(lambda a, b: (2 * a + b, b, a ^ b), 2),
}
"""The gates on which Liang et al. 2023 and others show their solvers."""
