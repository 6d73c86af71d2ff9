"""The knobs of an estimate."""

from __future__ import annotations

from dataclasses import dataclass

BIASES = ("grassberger", "miller_madow", "shuffle", "none")


@dataclass(frozen=True)
class Settings:
    """How an estimate is corrected, and how much is drawn for its error bars.

    `bias` names the entropy estimator. Its remaining bias, and the whole bias of min over Q, is
    measured on `resamples` tables drawn from a smoothed joint and subtracted.
    "shuffle" subtracts the level under shuffled labels instead (right for independent data only),
    and "none" reports the histogram as it is. `resamples` also give the intervals of the given
    `level`; `shuffles` permutations of the labels give the null levels and p-values (at least
    1 / (shuffles + 1)).
    """

    bias: str = "grassberger"
    resamples: int = 100
    shuffles: int = 20
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.bias not in BIASES:
            raise ValueError(f"bias is {self.bias!r}; expected one of {', '.join(BIASES)}")
        if self.resamples < 2 or self.shuffles < 1:
            raise ValueError(
                f"resamples={self.resamples}, shuffles={self.shuffles}; expected at least 2 "
                "resamples (a spread needs two) and 1 shuffle"
            )
        if not 0.5 <= self.level < 1:
            raise ValueError(f"level={self.level!r}; expected a confidence 0.5 <= level < 1")
