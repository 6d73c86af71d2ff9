"""Samples from a joint distribution whose decomposition is known exactly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion_sched.data.folds import DrawnSplit
from fusion_sched.data.memory import splits_from_arrays
from fusion_sched.types import Splits

ERASED = 2
"""The symbol a modality sees in place of a bit (0 or 1) that does not reach it."""


@dataclass(frozen=True)
class Synthetic(DrawnSplit):
    """Two or three modalities whose redundancy, uniquenesses and synergy are chosen, in bits.

    The label is a tuple of independent fair bits, one for each atom that is above 0:

    * a redundant bit that reaches every modality, or none, with probability `redundancy`;
    * for each modality a bit that reaches it alone, with its probability in `unique`;
    * the parity of one hidden bit per modality; the first modality sees its own with probability
      `synergy`, so that all of them together tell the parity that often and fewer never.

    An erased bit leaves no trace, so each part contributes exactly its probability in bits to its
    atom, and the parts are independent, for which the decomposition of Bertschinger et al. 2014
    is additive. With three modalities the atoms are those of one modality against the other two.
    Each symbol is rendered as its own random vector of `features` numbers, plus Gaussian noise
    of standard deviation `noise`.
    """

    redundancy: float = 0.5
    unique: Sequence[float] = (0.5, 0.25)
    synergy: float = 0.5
    samples: int = 3000
    features: int = 16
    noise: float = 0.3

    def __post_init__(self) -> None:
        if len(self.unique) not in (2, 3):
            raise ValueError(
                f"unique holds {len(self.unique)} values, expected one per modality for 2 or 3"
            )
        for name, value in (("redundancy", self.redundancy), ("synergy", self.synergy),
                            *((f"unique[{m}]", u) for m, u in enumerate(self.unique))):  # fmt: skip
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}, expected between 0 and 1 bit")
        if self.redundancy + self.synergy + sum(self.unique) == 0:
            raise ValueError("every atom is 0 bits: the label would be constant; raise one of them")
        if self.samples < 1 or self.features < 1 or self.noise < 0:
            raise ValueError(
                f"samples={self.samples}, features={self.features}, noise={self.noise}: expected "
                "at least one sample and one feature, and noise of 0 or more"
            )

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names `x1`, `x2` and perhaps `x3`."""
        return tuple(f"x{m + 1}" for m in range(len(self.unique)))

    def symbols(self) -> tuple[np.ndarray, np.ndarray]:
        """Draw modality symbols `(samples, modalities)` and labels `(samples,)`."""
        rng = np.random.default_rng(self.split_seed)
        count, many = self.samples, len(self.unique)
        seen: list[list[np.ndarray]] = [[] for _ in range(many)]
        label_bits = []
        if self.redundancy:
            bit, reaches = rng.integers(0, 2, count), rng.random(count) < self.redundancy
            label_bits.append(bit)
            for parts in seen:
                parts.append(np.where(reaches, bit, ERASED))
        for parts, probability in zip(seen, self.unique, strict=True):
            if probability:
                bit, reaches = rng.integers(0, 2, count), rng.random(count) < probability
                label_bits.append(bit)
                parts.append(np.where(reaches, bit, ERASED))
        if self.synergy:
            hidden = rng.integers(0, 2, (many, count))
            label_bits.append(hidden.sum(axis=0) % 2)
            hidden[0] = np.where(rng.random(count) < self.synergy, hidden[0], ERASED)
            for parts, bit in zip(seen, hidden, strict=True):
                parts.append(bit)
        symbols = np.stack([as_number(parts, 3, count) for parts in seen], axis=1)
        return symbols, as_number(label_bits, 2, count)

    def facts(self) -> dict[str, object]:
        """Return the exact decomposition, under the keys of a trace's probe event."""
        mi = {m: self.redundancy + u for m, u in zip(self.modalities, self.unique, strict=True)}
        return {
            "unique_bits": dict(zip(self.modalities, map(float, self.unique), strict=True)),
            "redundancy_bits": float(self.redundancy),
            "synergy_bits": float(self.synergy),
            "mi_bits": mi,
            "joint_mi_bits": float(self.redundancy + self.synergy + sum(self.unique)),
        }

    def load(self) -> Splits:
        """Return the splits; `facts` holds the exact decomposition."""
        symbols, labels = self.symbols()
        values, labels = np.unique(labels, return_inverse=True)
        rng = np.random.default_rng([self.split_seed, 1])
        inputs = {}
        for column, name in zip(symbols.T, self.modalities, strict=True):
            prototypes = rng.normal(size=(3**3, self.features))
            noise = rng.normal(0.0, self.noise, (self.samples, self.features))
            inputs[name] = prototypes[column] + noise
        index, facts = self.draw_index(labels, {"symbols": symbols})
        classes = [str(v) for v in values]
        facts = {"exact_pid": self.facts(), **facts}
        return splits_from_arrays(inputs, labels, index, classes, facts)


def as_number(digits: Sequence[np.ndarray], base: int, count: int) -> np.ndarray:
    """Read the arrays as the digits of one number per sample."""
    number = np.zeros(count, dtype=np.int64)
    for digit in digits:
        number = number * base + digit
    return number
