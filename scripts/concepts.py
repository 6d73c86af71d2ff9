"""The numbers of docs/concepts.md; scripts/draw_concepts.py makes pictures and tables of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from math import hypot, log

import numpy as np
import torch
from sklearn.datasets import load_digits

from fusion_sched.controllers import within_stage1
from fusion_sched.controllers.pid import PID
from fusion_sched.pid import decompose
from fusion_sched.probe import diagnose
from fusion_sched.types import Decision, Diagnosis, Estimate, Observation

GATES: Mapping[str, tuple[str, Sequence[tuple[int, int, int]]]] = {
    "RDN": ("y = x1 = x2", [(0, 0, 0), (1, 1, 1)]),
    "COPY": ("y = (x1, x2)", [(a, b, 2 * a + b) for a in (0, 1) for b in (0, 1)]),
    "XOR": ("y = x1 xor x2", [(a, b, a ^ b) for a in (0, 1) for b in (0, 1)]),
    "AND": ("y = x1 and x2", [(a, b, a & b) for a in (0, 1) for b in (0, 1)]),
}
"""Gate → formula of the label, and its equally likely cases (x1, x2, y)."""

OWN_BITS = (0.4, 0.1)
REDUNDANCIES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Two sources with so many bits of their own, and so many in common."""

SAMPLES = (300, 600, 1200, 1797)
CLUSTERS = 20
"""Of each modality, in the plug-in estimate."""

SERIES = (
    (0.30, 0.05, 0.10), (0.31, 0.14, 0.20), (0.29, 0.24, 0.34), (0.28, 0.36, 0.45),
    (0.32, 0.35, 0.53), (0.33, 0.34, 0.50), (0.35, 0.35, 0.38), (0.36, 0.36, 0.33),
)  # fmt: skip
"""An invented run: bits of uniqueness of ``easy`` and of ``hard``, and of synergy. Row 0 is the
untrained network, row n the state after epoch n.
"""
ERROR_BITS = 0.02


@dataclass(frozen=True)
class Atoms:
    """An exact decomposition, in bits."""

    redundancy: float
    unique1: float
    unique2: float
    synergy: float
    mi1: float
    mi2: float
    joint_mi: float


def atoms_of(p: torch.Tensor) -> Atoms:
    found = decompose(p)
    # The solver's 1e-9 bit is 0: adding 0.0 takes the sign off a zero that was rounded.
    values = {name: round(float(getattr(found, name)), 4) + 0.0 for name in Atoms.__annotations__}
    return Atoms(**values)


def gate(cases: Sequence[tuple[int, int, int]]) -> Atoms:
    p = torch.zeros(*(max(case[axis] for case in cases) + 1 for axis in range(3)))
    for case in cases:
        p[case] = 1 / len(cases)
    return atoms_of(p)


def sometimes(bits: float, reaches: Sequence[bool]) -> torch.Tensor:
    """Return p[x1, x2, y] of a fair bit y that reaches the sources with this probability."""
    p = torch.zeros(3, 3, 2, dtype=torch.float64)
    for y in (0, 1):
        seen1, seen2 = (y if reached else 2 for reached in reaches)
        p[seen1, seen2, y] += bits / 2
        p[2, 2, y] += (1 - bits) / 2
    return p


def together(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the joint of two independent parts; symbols and labels become pairs."""
    sizes = [a * b for a, b in zip(first.shape, second.shape, strict=True)]
    return torch.einsum("abc,xyz->axbycz", first, second).reshape(sizes)


@cache
def masked() -> tuple[Atoms, ...]:
    """Return the decompositions of two sources that have more and more in common."""
    first, second = OWN_BITS
    own = (sometimes(first, (True, False)), sometimes(second, (False, True)))
    return tuple(
        atoms_of(reduce(together, (sometimes(bits, (True, True)), *own))) for bits in REDUNDANCIES
    )


@dataclass(frozen=True)
class Compared:
    """Synergy of two halves of real digits, in bits, as a histogram tells it and as we do."""

    samples: int
    shuffled: bool
    histogram: float
    ours: Estimate
    clusters: int


@cache
def compared() -> tuple[Compared, ...]:
    pixels, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(labels))
    pixels, labels = pixels[order], labels[order]
    of = {False: labels, True: rng.permutation(labels)}
    return tuple(
        compare({"upper": pixels[:n, :32], "lower": pixels[:n, 32:]}, of[shuffled][:n], shuffled)
        for shuffled in (True, False)
        for n in SAMPLES
    )


def compare(halves: Mapping[str, np.ndarray], labels: np.ndarray, shuffled: bool) -> Compared:
    ours = diagnose(halves, labels, probe="kmeans")
    plain = diagnose(
        halves, labels, probe="kmeans", clusters=CLUSTERS, bias="none", resamples=2, shuffles=1
    )
    assert plain.synergy is not None, "two modalities have a synergy"
    assert ours.synergy is not None, "two modalities have a synergy"
    clusters = ours.clusters["upper"]
    return Compared(len(labels), shuffled, plain.synergy.value, ours.synergy, clusters)


def measured(value: float, error: float = ERROR_BITS) -> Estimate:
    return Estimate(value, value - 1.96 * error, value + 1.96 * error, error)


def told(easy: float, hard: float, synergy: float) -> Diagnosis:
    """Return a diagnosis with these bits; the controller looks at nothing else of it."""
    unique = {"easy": measured(easy), "hard": measured(hard)}
    ratio = measured(log(easy / hard), ERROR_BITS * hypot(1 / easy, 1 / hard))
    return Diagnosis(
        unique=unique, mi=unique, ecs=unique, joint_mi=measured(1.0), label_entropy=2.0,
        samples=1280, clusters={"easy": 8, "hard": 8}, samples_per_cell=3.0, gap=0.0,
        synergy=measured(synergy), log_ratio={"easy/hard": ratio},
    )  # fmt: skip


@cache
def decisions() -> tuple[Decision, ...]:
    """Return what controller=pid answers to each row of the series."""
    controller, names = PID(), ("easy", "hard")
    state, _ = controller.init(names)
    answers = []
    for epoch, row in enumerate(SERIES, start=-1):
        seen = Observation(epoch, told(*row), True, {}, last=False)
        state, decision = within_stage1(controller, state, seen, names)
        answers.append(decision)
    return tuple(answers)
