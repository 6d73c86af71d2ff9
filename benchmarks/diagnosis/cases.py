"""Embeddings whose decomposition is known: planted symbols, Gaussian classes, real digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from fusion_sched.pid import FastPID, decompose
from fusion_sched.pid.scaling import Scaling

ATOMS = ("redundancy", "unique_a", "unique_b", "synergy")
Draw = Callable[[int, np.random.Generator], tuple[dict[str, np.ndarray], np.ndarray]]


@dataclass(frozen=True)
class Case:
    """Samples with a known truth: R, U of `a`, U of `b` and S in bits."""

    name: str
    truth: tuple[float, float, float, float]
    draw: Draw
    hard: bool = False

    def samples(self, count: int, seed: int) -> tuple[dict[str, Tensor], Tensor]:
        """Embeddings and labels of this many samples."""
        rng = np.random.default_rng([seed, *self.name.encode()])
        embeddings, y = self.draw(count, rng)
        return {m: torch.as_tensor(e) for m, e in embeddings.items()}, torch.as_tensor(y)


def planted(name: str, joint: np.ndarray, dims: int = 64, noise: float = 0.5, **more) -> Case:
    """Symbols of a joint (n1, n2, classes), each shown as a random code plus noise."""

    def draw(count: int, rng: np.random.Generator):
        z1, z2, y = _symbols(joint, count, rng)
        shown = [
            _coded(z, joint.shape[k], dims, noise, rng, **more) for k, z in enumerate((z1, z2))
        ]
        return dict(zip("ab", shown, strict=True)), y

    return Case(name, truth_of(joint), draw)


def truth_of(joint: np.ndarray) -> tuple[float, float, float, float]:
    """The exact decomposition of a joint (n1, n2, classes)."""
    large = joint.shape[0] * joint.shape[1] > 1600
    solver = Scaling(tol=1e-4) if large else FastPID()
    d = decompose(torch.as_tensor(joint / joint.sum()), solver, throw=False)
    assert float(d.solution.gap) < 2e-3, float(d.solution.gap)
    return tuple(max(0.0, float(x)) for x in (d.redundancy, d.unique1, d.unique2, d.synergy))


def _symbols(joint: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    cells = rng.choice(joint.size, size=count, p=joint.reshape(-1) / joint.sum())
    return np.unravel_index(cells, joint.shape)


def _coded(z, symbols, dims, noise, rng, nuisance=0.0, clusters=8):
    x = rng.normal(size=(symbols, dims))[z] + noise * rng.normal(size=(len(z), dims))
    if nuisance:
        x += nuisance * rng.normal(size=(clusters, dims))[rng.integers(0, clusters, len(z))]
    return x


def gate(function: Callable[[int, int], int], classes: int) -> np.ndarray:
    """The joint of two fair bits and a function of them."""
    joint = np.zeros((2, 2, classes))
    for a in (0, 1):
        for b in (0, 1):
            joint[a, b, function(a, b)] = 0.25
    return joint


def noisy_symbols(symbols: int, classes: int, seed: int, keep: float = 0.9) -> np.ndarray:
    """z1 mostly tells the class, z2 is mostly z1, and some samples obey z1 + z2 instead."""
    rng = np.random.default_rng(seed)
    joint = np.zeros((symbols, symbols, classes))
    owner = rng.permutation(np.arange(symbols) % classes)
    for i in range(symbols):
        for j in range(symbols):
            mass = (0.85 if i == j else 0.15 / (symbols - 1)) / symbols
            joint[i, j, owner[i]] += keep * mass
            joint[i, j, (i + j) % classes] += (1 - keep) * mass
    return joint


def mixed(symbols: int, classes: int, seed: int, sharpness: float) -> np.ndarray:
    """Log-linear joint: a part of each source, one shared, and an interaction."""
    rng = np.random.default_rng(seed)
    one, two = rng.normal(size=(2, symbols, classes))
    both = rng.normal(size=(symbols, symbols, classes))
    logits = sharpness * (one[:, None] + 0.6 * two[None] + 0.6 * both)
    conditional = np.exp(logits - logits.max(-1, keepdims=True))
    conditional /= conditional.sum(-1, keepdims=True)
    same = np.eye(symbols) * 3 + rng.random((symbols, symbols))
    return same[:, :, None] * conditional / same.sum()


def third_order(level: float) -> np.ndarray:
    """8 x 8 symbols: the label is a product of two dichotomies, each of half of the symbols."""
    rng = np.random.default_rng(5)
    one, two = (rng.permutation([-1, -1, -1, -1, 1, 1, 1, 1]) for _ in range(2))
    up = 0.5 + 0.5 * level * one[:, None] * two[None]
    return np.stack([1 - up, up], -1) / 64


def line(name: str, classes: int, noise: tuple[float, float], dims: int, nuisance: int = 0) -> Case:
    """Gaussian classes on a line in either source, in another order in the second."""
    order = np.random.default_rng(1).permutation(classes)
    centres = (np.arange(classes) * 1.0, order * 1.0)
    tables = [_line_table(c, s, 120) for c, s in zip(centres, noise, strict=True)]
    joint = tables[0][:, None, :] * tables[1][None, :, :] / classes

    def draw(count: int, rng: np.random.Generator):
        y = rng.integers(0, classes, count)
        shown = {}
        for m, c, s in zip("ab", centres, noise, strict=True):
            x = rng.normal(size=(count, dims)) * s
            x[:, 1 : 1 + nuisance] *= 3
            x[:, 0] += c[y]
            shown[m] = x @ np.linalg.qr(rng.normal(size=(dims, dims)))[0]
        return shown, y

    return Case(name, _line_truth(joint, tables, classes), draw, hard=classes > 60)


def _line_table(centres: np.ndarray, noise: float, bins: int) -> np.ndarray:
    """P(bin | class) of a Gaussian, by its distribution function."""
    from scipy.special import ndtr

    edges = np.linspace(centres.min() - 3 * noise, centres.max() + 3 * noise, bins - 1)
    upto = ndtr((edges[:, None] - centres[None]) / noise)
    upto = np.concatenate([np.zeros((1, len(centres))), upto, np.ones((1, len(centres)))])
    return np.diff(upto, axis=0)


def _line_truth(joint, tables, classes):
    """Marginals on 120 bins give R and U; the joint information is that of the fine bins."""
    from fusion_sched.pid.information import mutual_information

    marginals = tuple(torch.as_tensor(t / classes)[None] for t in tables)
    found = Scaling(tol=1e-3, max_iterations=4000).solve(marginals)
    from fusion_sched.pid.problem import conditional_value

    label = float(np.log2(classes))
    union = float(conditional_value(found.q)) / np.log(2) + label - float(found.gap) / np.log(2) / 4
    one, two = (float(mutual_information(m)) for m in marginals)
    both = float(mutual_information(torch.as_tensor(joint).reshape(1, -1, classes)))
    return tuple(max(0.0, v) for v in (one + two - union, union - two, union - one, both - union))


def radius(name: str, classes: int, dims: int) -> Case:
    """The class is only in the length of the first embedding."""

    def draw(count: int, rng: np.random.Generator):
        y = rng.integers(0, classes, count)
        direction = rng.normal(size=(count, dims))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        length = (1 + y + 0.1 * rng.normal(size=count))[:, None]
        return {"a": direction * length, "b": rng.normal(size=(count, dims))}, y

    return Case(name, (0.0, float(np.log2(classes)), 0.0, 0.0), draw)


def moons(name: str, label: Callable[[np.ndarray, np.ndarray], np.ndarray], truth) -> Case:
    """Two half moons per source; which of the two is a bit, and the label a function of both."""

    def draw(count: int, rng: np.random.Generator):
        bits = rng.integers(0, 2, (2, count))
        return dict(zip("ab", (_moon(b, rng) for b in bits), strict=True)), label(*bits)

    return Case(name, truth, draw)


def _moon(bit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    angle = np.pi * rng.random(len(bit))
    x = np.stack([np.cos(angle), np.sin(angle)], 1)
    x = np.where(bit[:, None] == 1, np.array([1.0, 0.5]) - x, x)
    return x + 0.08 * rng.normal(size=x.shape)


def exchangeable(name: str, classes: int, noise: float, dims: int = 32) -> Case:
    """Independent views of the same code of the class: neither has anything of its own."""

    def draw(count: int, rng: np.random.Generator):
        y = rng.integers(0, classes, count)
        codes = _codes(classes, dims)
        return {m: codes[y] + noise * rng.normal(size=(count, dims)) for m in "ab"}, y

    one, both = _code_information(classes, dims, noise)
    return Case(name, (one, 0.0, 0.0, both - one), draw)


@cache
def _codes(classes: int, dims: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(classes, dims))


@cache
def _code_information(classes: int, dims: int, noise: float, count: int = 40000):
    """I(X; Y) of one view and of two (the mean has less noise by the square root of 2)."""
    rng = np.random.default_rng(4)
    found = []
    for sigma in (noise, noise / np.sqrt(2)):
        codes, y = _codes(classes, dims), rng.integers(0, classes, count)
        x = codes[y] + sigma * rng.normal(size=(count, dims))
        logits = (x @ codes.T - 0.5 * (codes**2).sum(1)) / sigma**2
        logits -= logits.max(1, keepdims=True)
        log_posterior = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        found.append(np.log2(classes) + log_posterior[np.arange(count), y].mean() / np.log(2))
    return tuple(found)


def null(name: str, classes: int, dims: int = 64) -> Case:
    """Nothing depends on anything."""

    def draw(count: int, rng: np.random.Generator):
        shown = {m: rng.normal(size=(count, dims)) for m in "ab"}
        return shown, rng.integers(0, classes, count)

    return Case(name, (0.0, 0.0, 0.0, 0.0), draw)


def duplicated(name: str, base: Case) -> Case:
    """The first modality twice, rotated and scaled the second time."""

    def draw(count: int, rng: np.random.Generator):
        shown, y = base.draw(count, rng)
        dims = shown["a"].shape[1]
        turned = shown["a"] @ np.linalg.qr(rng.normal(size=(dims, dims)))[0] * 7 + 2
        return {"a": shown["a"], "b": turned}, y

    return Case(name, (base.truth[0] + base.truth[1], 0.0, 0.0, 0.0), draw)


def doubled(name: str, base: Case, classes: int) -> Case:
    """Two independent copies side by side: every atom is twice as large."""

    def draw(count: int, rng: np.random.Generator):
        (one, y), (two, z) = base.draw(count, rng), base.draw(count, rng)
        return {m: np.concatenate([one[m], two[m]], 1) for m in one}, y * classes + z

    return Case(name, tuple(2 * v for v in base.truth), draw)


def digits(name: str, joint: np.ndarray, noise: float = 0.0) -> Case:
    """A real handwritten digit of class z1 and one of class z2, as 64 pixels each."""
    images, labels = load_digits(return_X_y=True)

    def draw(count: int, rng: np.random.Generator):
        z1, z2, y = _symbols(joint, count, rng)
        halves = np.array_split(rng.permutation(len(labels)), 2)
        shown = {
            m: _images(z, images[half], labels[half], rng) + noise * rng.normal(size=(count, 64))
            for m, z, half in zip("ab", (z1, z2), halves, strict=True)
        }
        return shown, y

    return Case(name, truth_of(joint), draw)


def digit_halves(count: int) -> tuple[dict[str, Tensor], Tensor]:
    """Upper and lower half of real digits, which are redundant for the most."""
    images, labels = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).choice(len(labels), count, replace=False)
    halves = {"a": images[rows, :32], "b": images[rows, 32:]}
    return {m: torch.as_tensor(x) for m, x in halves.items()}, torch.as_tensor(labels[rows])


def memorised(kind: str, count: int, seed: int) -> list[tuple[dict[str, Tensor], Tensor]]:
    """Embeddings of the training samples and of new ones, by networks that learned by heart.

    `kind`: random labels, which nothing tells, or classes of which 40 % of the training labels are
    random. The networks are trained without regularisation.
    """
    generator = torch.Generator().manual_seed(seed)
    classes = 6
    y = torch.randint(classes, (2 * count,), generator=generator)
    codes = torch.randn(2, classes, 32, generator=generator)
    shown = codes[:, y] + 2 * torch.randn(2, 2 * count, 32, generator=generator)
    other = torch.randint(classes, (2 * count,), generator=generator)
    share = {"random labels": 1.0, "40 % of labels random": 0.4}[kind]
    labels = torch.where(torch.rand(2 * count, generator=generator) < share, other, y)
    embedded = [_learned_by_heart(x, labels, count, generator) for x in shown]
    halves = (slice(None, count), slice(count, None))
    return [({"a": embedded[0][h], "b": embedded[1][h]}, labels[h]) for h in halves]


def _learned_by_heart(x: Tensor, y: Tensor, count: int, generator: torch.Generator) -> Tensor:
    first = 0.2 * torch.randn(32, 256, generator=generator)
    second = 0.06 * torch.randn(256, 32, generator=generator)
    head = 0.2 * torch.randn(32, int(y.max()) + 1, generator=generator)
    weights = [w.requires_grad_() for w in (first, second, head)]
    optimizer = torch.optim.Adam(weights, lr=3e-3)
    for _ in range(200):
        optimizer.zero_grad()
        logits = (x[:count] @ first).relu() @ second @ head
        torch.nn.functional.cross_entropy(logits, y[:count]).backward()
        optimizer.step()
    return ((x @ first).relu() @ second).detach()


def _images(z, images, labels, rng):
    order = rng.permutation(len(labels))
    images, labels = images[order], labels[order]
    x = np.empty((len(z), images.shape[1]))
    for digit in np.unique(z):
        pool, places = np.flatnonzero(labels == digit), np.flatnonzero(z == digit)
        x[places] = images[np.resize(pool, len(places))]
    return x


def rows() -> list[Case]:
    """The rows of the first table."""
    return [
        planted("copy", gate(lambda a, b: 2 * a + b, 4)),
        planted("xor", gate(lambda a, b: a ^ b, 2)),
        planted("and", gate(lambda a, b: a & b, 2)),
        planted("unique", gate(lambda a, b: a, 2)),
        planted("16 symbols, clusters", _four_bits(), noise=0.3),
        planted("6 classes, mixed", mixed(8, 6, 0, 1.5)),
        planted("6 classes, nuisance 1.5", mixed(8, 6, 0, 1.5), nuisance=1.5),
        planted("10 classes, nuisance 1.5", noisy_symbols(10, 10, 0), nuisance=1.5),
        planted("28 symbols, 28 classes", noisy_symbols(28, 28, 0)),
        planted("28 symbols, 28 classes, noisier", noisy_symbols(28, 28, 0, 0.8)),
        planted("third order 8 x 8, clean", third_order(1.0)),
        planted("third order 8 x 8", third_order(0.75)),
        line("line, 6 classes", 6, (0.8, 1.6), 32),
        line("line, 6 classes, nuisance", 6, (0.8, 1.6), 32, nuisance=4),
        line("line, 28 classes", 28, (1.0, 2.5), 32),
        line("line, 101 classes", 101, (2.0, 5.0), 32),
        radius("radius, 6 classes", 6, 32),
        moons("moons, xor", lambda a, b: a ^ b, (0.0, 0.0, 0.0, 1.0)),
        moons("moons, both bits", lambda a, b: 2 * a + b, (0.0, 1.0, 1.0, 0.0)),
        exchangeable("exchangeable, 6 classes", 6, 3.5),
        exchangeable("exchangeable, 28 classes", 28, 2.0),
        null("null, 6 classes", 6),
        null("null, 28 classes", 28),
        duplicated("duplicated", planted("", mixed(8, 6, 0, 1.5))),
        duplicated("duplicated, 28 classes", exchangeable("", 28, 2.0)),
        doubled("doubled and", planted("", gate(lambda a, b: a & b, 2)), 2),
        doubled("doubled mixed, 3 classes", planted("", mixed(4, 3, 1, 1.5)), 3),
        digits("digits, xor of parity", _digit_joint(lambda a, b: (a + b) % 2, 2)),
        digits("digits, first", _digit_joint(lambda a, b: a, 10)),
        digits("digits, sum modulo 3", _digit_joint(lambda a, b: (a + b) % 3, 3)),
        digits("digits, mixed", mixed(10, 6, 2, 1.5)),
        digits("digits, 10 classes", noisy_symbols(10, 10, 0)),
    ]  # fmt: skip


def _four_bits() -> np.ndarray:
    """16 x 16 symbols, 16 classes: one bit redundant, one of either, one of both together."""
    joint = np.zeros((16, 16, 16))
    for common in (0, 1):
        for own1 in (0, 1):
            for own2 in (0, 1):
                for key1 in (0, 1):
                    for key2 in (0, 1):
                        i, j = 8 * common + 4 * own1 + 2 * key1, 8 * common + 4 * own2 + 2 * key2
                        y = 8 * common + 4 * own1 + 2 * own2 + (key1 ^ key2)
                        joint[i : i + 2, j : j + 2, y] += 1 / 128
    return joint


def _digit_joint(function: Callable[[int, int], int], classes: int) -> np.ndarray:
    joint = np.zeros((10, 10, classes))
    for a in range(10):
        for b in range(10):
            joint[a, b, function(a, b)] = 0.01
    return joint
