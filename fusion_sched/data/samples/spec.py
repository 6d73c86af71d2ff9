"""How large a small generated dataset is, and which clips it holds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class SampleSpec:
    """How large sample data is, and how well each modality shows the class.

    Parameters
    ----------
    clips : number of samples
    seed : seed that draws them
    strength : modality → 0 (never) … 1 (always), 0.8 where it is not named
    """

    clips: int = 120
    seed: int = 0
    strength: Mapping[str, float] = field(default_factory=dict)

    def strength_of(self, modality: str) -> float:
        return self.strength.get(modality, 0.8)


def spread_labels(clips: int, classes: int, rng: np.random.Generator) -> list[int]:
    """Return shuffled labels, as even as possible: with enough clips every class is there."""
    return [int(label) for label in rng.permutation(np.arange(clips) % classes)]


def shown_class(label: int, classes: int, strength: float, rng: np.random.Generator) -> int:
    """Return the class that a clip shows: its own with probability `strength`, else any.

    "Any" includes its own, so that `strength=0` says nothing about the label.
    """
    return label if rng.random() < strength else int(rng.integers(classes))


class SampleClip(NamedTuple):
    """One clip of a sample: a name of eleven characters as video sites give them, the number of
    its class among those shown, its class id, and its split.
    """

    name: str
    shown: int
    label: int
    split: str


def plan_sample(
    spec: SampleSpec, classes: int, per_class: int, splits: Sequence[str]
) -> list[SampleClip]:
    """Return the clips of a sample with `per_class` or more of each class that it shows.

    It shows as many classes as the number of clips permits, spread over the dataset's. The clips
    of each class go to `splits` in turn.
    """
    if spec.clips < 2 * per_class:
        raise ValueError(
            f"{spec.clips} clips are too few for sample data, expected at least {2 * per_class}: "
            "two classes with every split in each"
        )
    shown = min(classes, spec.clips // per_class)
    ids = np.linspace(0, classes - 1, shown).round().astype(int)
    planned: Counter[int] = Counter()
    clips = []
    rng = np.random.default_rng([spec.seed, 0])
    for number, one in enumerate(spread_labels(spec.clips, shown, rng)):
        split = splits[planned[one] % len(splits)]
        clips.append(SampleClip(f"sample{number:05d}", one, int(ids[one]), split))
        planned[one] += 1
    return clips
