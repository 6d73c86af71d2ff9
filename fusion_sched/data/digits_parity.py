"""Pairs of handwritten digits whose label is the parity of their sum: synergy on real pictures."""

from dataclasses import dataclass

import numpy as np

from fusion_sched.data.digits import read_digits
from fusion_sched.data.memory import SPLIT_NAMES, splits_from_arrays, stratified_split
from fusion_sched.pid import FastPID, decompose
from fusion_sched.types import Splits

DIGITS = np.arange(10)
REDUNDANT, SYNERGISTIC = DIGITS[:4], DIGITS[4:]
"""Digits that the two kinds of sample show; either has as many even digits as odd ones."""
VIEWS = ("left", "right")


@dataclass(frozen=True)
class DigitsParity:
    """Two pictures of digits, `left` and `right` (1, 8, 8), and a label of one bit.

    A share `synergy` of the samples shows two independent digits from 4 to 9, and the label is
    whether their sum is odd: either picture alone says nothing about it. The others show digits
    from 0 to 3 that are both even or both odd, and the label is which: either picture alone says
    it. Every digit tells of which kind the sample is, so that the atoms are those of the two
    kinds in their shares: synergy `synergy` bit, redundancy 1 - `synergy` bit, uniqueness 0. The
    best accuracy of one picture is 1 - `synergy` / 2, that of both 1.

    A fusion that adds up what the modalities say, as `fusion=concat` does, cannot say the parity:
    use `fusion=hidden`, `fusion=film` or `fusion=gated`.

    `samples` pairs are drawn; the pictures of the three splits are disjoint, and within a split
    a picture may occur in several pairs. There are no folds: pairs that share a picture would be in
    several of them.
    """

    synergy: float = 0.5
    samples: int = 5000
    validation: float = 0.2
    test: float = 0.2
    split_seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.synergy <= 1:
            raise ValueError(f"synergy is {self.synergy}, expected a share between 0 and 1")
        if self.samples < 10:
            raise ValueError(f"samples is {self.samples}, expected at least 10 pairs")

    def joint(self) -> np.ndarray:
        """Return the generating distribution of left digit, right digit, label: `(10, 10, 2)`."""
        left, right, label = np.ix_(DIGITS, DIGITS, np.arange(2))
        both = np.isin(left, REDUNDANT) & np.isin(right, REDUNDANT)
        redundant = both & (left % 2 == label) & (right % 2 == label)
        both = np.isin(left, SYNERGISTIC) & np.isin(right, SYNERGISTIC)
        synergistic = both & ((left + right) % 2 == label)
        kinds = [kind / kind.sum() for kind in (redundant, synergistic)]
        mixed: np.ndarray = (1 - self.synergy) * kinds[0] + self.synergy * kinds[1]
        return mixed

    def facts(self) -> dict[str, object]:
        """Return the exact decomposition, under the keys of a trace's probe event."""
        exact = decompose(self.joint(), FastPID(tol=1e-9))

        def bits(value: object) -> float:
            return round(float(value), 6) + 0.0  # type: ignore[arg-type]

        return {
            "unique_bits": {"left": bits(exact.unique1), "right": bits(exact.unique2)},
            "redundancy_bits": bits(exact.redundancy),
            "synergy_bits": bits(exact.synergy),
            "mi_bits": {"left": bits(exact.mi1), "right": bits(exact.mi2)},
            "joint_mi_bits": bits(exact.joint_mi),
        }

    def load(self) -> Splits:
        """Return the splits; `facts` holds the exact decomposition."""
        images, digits = read_digits()
        pictures = stratified_split(digits, self.validation, self.test, self.split_seed)
        shares = {"validation": self.validation, "test": self.test}
        shares["train"] = 1 - self.validation - self.test
        rng = np.random.default_rng(self.split_seed)
        inputs: dict[str, list[np.ndarray]] = {view: [] for view in VIEWS}
        labels: list[np.ndarray] = []
        for name in SPLIT_NAMES:
            *shown, label = self._draw(round(shares[name] * self.samples), rng)
            for view, digit in zip(VIEWS, shown, strict=True):
                inputs[view].append(images[_pictures_of(digit, digits, pictures[name], rng)])
            labels.append(label)
        ends = np.cumsum([len(label) for label in labels])
        ranges = np.split(np.arange(ends[-1]), ends[:-1])
        return splits_from_arrays(
            {view: np.concatenate(parts) for view, parts in inputs.items()},
            np.concatenate(labels),
            dict(zip(SPLIT_NAMES, ranges, strict=True)),
            ("even", "odd"),
            {"exact_pid": self.facts()},
        )

    def _draw(
        self, count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw left digits, right digits and labels, each `(count,)`."""
        synergistic = rng.permutation(count) < round(self.synergy * count)
        label = rng.integers(0, 2, count)
        of_label = [label + 2 * rng.integers(0, len(REDUNDANT) // 2, count) for _ in VIEWS]
        free = [rng.choice(SYNERGISTIC, count) for _ in VIEWS]
        left, right = (np.where(synergistic, f, d) for f, d in zip(free, of_label, strict=True))
        return left, right, (left + right) % 2 * synergistic + label * ~synergistic


def _pictures_of(
    shown: np.ndarray, digits: np.ndarray, pictures: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return, for each digit `(N,)` to show, the position of one of the pictures of it."""
    chosen = np.empty_like(shown)
    for digit in DIGITS:
        wanted = shown == digit
        chosen[wanted] = rng.choice(pictures[digits[pictures] == digit], wanted.sum())
    return chosen
