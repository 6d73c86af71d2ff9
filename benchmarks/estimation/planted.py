"""Joints whose decomposition is known, to draw samples from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion_sched.estimation.entropies import Array
from fusion_sched.estimation.estimate import atoms_of
from fusion_sched.pid import Decomposition, FastPID, decompose

QUANTITIES = ("redundancy", "unique1", "unique2", "synergy", "mi1", "mi2", "joint_mi")


@dataclass(frozen=True)
class Planted:
    """A joint p (n1, n2, ny), its exact atoms and informations in bits, and their spread.

    `spread` is the standard deviation of the exact pointwise values: spread / sqrt(n) is the
    sampling error that even an unbiased estimate from n samples keeps.
    """

    name: str
    p: Array
    truth: dict[str, float]
    spread: dict[str, float]


def planted_joints(clusters: int, classes: int) -> list[Planted]:
    """Every shape at this size; classes are equally frequent."""
    twin = np.einsum("ij,iy->ijy", np.eye(clusters), _channel(clusters, classes, 0.4)) / classes
    null = _independent(_flat(clusters, classes), _flat(clusters, classes))
    odd = _modular_sum(clusters, classes)

    def sources(noise1: float, noise2: float, turn: int = 0) -> Array:
        return _independent(
            _channel(clusters, classes, noise1), _channel(clusters, classes, noise2, turn)
        )

    rng = np.random.default_rng(5)
    dense = _independent(*(rng.dirichlet(np.full(clusters, a), classes).T for a in (0.5, 1.0)))
    shapes = {
        "null": null,
        "redundant": 0.9 * twin + 0.1 * null,
        "unique": _independent(_channel(clusters, classes, 0.4), _flat(clusters, classes)),
        "synergistic": 0.7 * odd + 0.3 * null,
        "mixed": 0.35 * sources(0.3, 0.7) + 0.35 * odd + 0.3 * (0.9 * twin + 0.1 * null),
        "medium": sources(0.5, 0.7, turn=1),
        "sharp": sources(0.1, 0.25),
        "dense": dense,
        "equals": sources(0.5, 0.5),
    }
    return [from_joint(name, p) for name, p in shapes.items()]


def refined(planted: Planted, clusters: int) -> Planted:
    """The same joint with its symbols split at random into more: no information changes."""
    rng = np.random.default_rng(6)
    p = planted.p
    for axis in (0, 1):
        parent = np.arange(clusters) % p.shape[axis]
        share = rng.uniform(0.5, 1.5, clusters)
        share /= np.bincount(parent, share)[parent]
        shape = [1, 1, 1]
        shape[axis] = clusters
        p = p.take(parent, axis=axis) * share.reshape(shape)
    return Planted(planted.name, p, planted.truth, planted.spread)


def from_joint(name: str, p: Array) -> Planted:
    """A joint with its exact decomposition."""
    exact = decompose(p, FastPID(tol=1e-8), normalise=True)
    truth = {q: float(getattr(exact, q)) for q in QUANTITIES}
    p = p / p.sum()
    return Planted(name, p, truth, _spread(p, exact))


def _spread(p: Array, exact: Decomposition) -> dict[str, float]:
    """Standard deviations of the pointwise atoms and informations under p."""
    target = _log2(p.sum((0, 1)))
    given1, given2, given = (
        _log2(m) - _log2(m.sum(-1, keepdims=True)) - target for m in (p.sum(1), p.sum(0), p)
    )
    dual1, dual2 = (
        np.where(np.isfinite(d), d, 0.0) for d in (exact.solution.dual1, exact.solution.dual2)
    )
    union = dual1[:, None] + dual2[None] - target
    parts = atoms_of(np.stack(np.broadcast_arrays(given1[:, None], given2[None], given, union), -1))
    means = {name: (p * part).sum() for name, part in parts.items()}
    return {n: float(np.sqrt((p * (part - means[n]) ** 2).sum())) for n, part in parts.items()}


def _log2(x: Array) -> Array:
    return np.log2(np.where(x > 0, x, 1.0))


def _independent(channel1: Array, channel2: Array) -> Array:
    """Sources that are independent given the class: P(x1 | y) P(x2 | y) / classes."""
    return np.asarray(np.einsum("iy,jy->ijy", channel1, channel2) / channel1.shape[1])


def _flat(clusters: int, classes: int) -> Array:
    return np.full((clusters, classes), 1 / clusters)


def _channel(clusters: int, classes: int, noise: float, turn: int = 0) -> Array:
    """P(x | y): the class's own cluster (or clusters), and with probability `noise` any cluster."""
    own = np.zeros((clusters, classes))
    for k in range(max(clusters, classes)):
        own[(k + (turn if classes > clusters else 0)) % clusters, (k + turn) % classes] = 1
    return np.asarray((1 - noise) * own / own.sum(0) + noise / clusters)


def _modular_sum(clusters: int, classes: int) -> Array:
    """Y = X1 + X2 modulo the smaller number, each source alone independent of Y."""
    base = min(clusters, classes)
    residue = np.arange(clusters) % base
    weight = 1 / np.bincount(residue)[residue] / base
    hit = (residue[:, None, None] + residue[None, :, None]) % base == np.arange(classes) % base
    return np.asarray(weight[:, None, None] * weight[None, :, None] * hit * base / classes)
