"""Data and rows of the study of `controller=evidence`, as its protocol in README.md fixes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

REFERENCE = "evidence"
SINGLE = "best_unimodal"
"""Its runs give the rows of the ensembles too."""
METHODS = (
    REFERENCE, "pid", SINGLE, "joint", "multi_loss", "fine_tuned", "fine_tuned_heads"
)  # fmt: skip
CONFIRMED_SEEDS = tuple(range(11, 21))


@dataclass(frozen=True)
class Case:
    """One dataset of the study: its overrides, and the seeds and folds that are trained.

    `on_disk`: its folder in that of all data, empty where it comes with the package.
    """

    name: str
    overrides: tuple[str, ...]
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    on_disk: str = ""

    @property
    def folder(self) -> str:
        """Return a name for its runs."""
        return "_".join(self.name.replace(",", "").split())


def _digits(seeds: Sequence[int], shares: Sequence[float]) -> tuple[Case, ...]:
    plain = [
        Case(name, (f"dataset={name}",), {"seed": seeds})
        for name in ("digits_cg", "digits_noisy", "digits_halves", "synthetic")
    ]
    parity = [
        Case(f"digits_parity, synergy {share:g}",
             ("dataset=digits_parity", f"dataset.synergy={share:g}"), {"seed": seeds})
        for share in shares
    ]  # fmt: skip
    return (*plain, *parity)


def _emotions(seeds: Sequence[int], folds: Sequence[int]) -> Case:
    name = f"RAVDESS, folds {folds[0]} to {folds[-1]}"
    return Case(name, ("+experiment=ravdess",), {"seed": seeds, "dataset.fold": folds}, "ravdess")


EXPLORED = (*_digits((0, 1), (1.0,)), _emotions((0,), (0, 1, 2)))
CONFIRMED = (
    Case(
        "avdigits, speakers held out",
        ("+experiment=avdigits", "dataset.preset=imbalanced"),
        {"seed": CONFIRMED_SEEDS}, "avdigits",
    ),
    _emotions(CONFIRMED_SEEDS[:5], (3, 4)),
    Case(
        "openclipart, creators held out",
        ("+experiment=openclipart",), {"seed": CONFIRMED_SEEDS[:1], "dataset.fold": range(5)},
        "openclipart",
    ),
    *_digits(CONFIRMED_SEEDS[:5], (1.0, 0.5)),
)  # fmt: skip
PARTS = {"explore": EXPLORED, "confirm": CONFIRMED}
