"""How much of each study is done: `quick` in minutes on one core, `full` in about an hour."""

from dataclasses import dataclass, replace

from scripts.studies.theory.problem import Setting
from scripts.studies.theory.proxy import ProxyStudy, Worlds
from scripts.studies.theory.rates import Ladder, RateStudy
from scripts.studies.theory.winner import Case, WinnerStudy


@dataclass(frozen=True)
class Profile:
    """The settings of the three studies."""

    name: str
    winner: WinnerStudy
    rates: RateStudy
    proxy: ProxyStudy


STRONG_AND_WEAK, LESS_UNEQUAL, EQUAL = (3.0, 1.5), (2.0, 1.5), (2.0, 2.0)
STEPS = 300
JUDGED_SHARE = 0.75
"""Of the steps: as long as the weaker modality alone needs to learn all of its classes."""


def cases(seeds: int, large: int) -> tuple[Case, ...]:
    """Return the cases of the first study; each after the first changes one thing of it.

    q = 4 takes larger initial weights along: growth like Γ³ from small ones would take too long.
    """
    first = Setting(16, (1 / 16, 1 / 16), EQUAL, initial_scale=0.01)
    more = replace(first, classes=large, insufficient=(1 / large, 1 / large))
    return (
        Case("equal strengths", first, STEPS, seeds),
        Case("less unequal strengths", replace(first, strongest=LESS_UNEQUAL), STEPS, seeds),
        Case("unequal strengths", replace(first, strongest=STRONG_AND_WEAK), STEPS, seeds),
        Case(f"K = {large}", more, STEPS, max(2, seeds // 2)),
        Case("few neurons", replace(first, neurons=4), STEPS, seeds),
        Case("large initial weights", replace(first, initial_scale=0.05), STEPS, seeds),
        Case("q = 4", replace(first, power=4, initial_scale=0.05), STEPS, seeds),
    )


def ladders(
    classes: tuple[int, ...],
    shares: tuple[float, ...],
    most_classes: int,
    long_classes: int,
    seeds: int,
) -> tuple[Ladder, ...]:
    """Return the ladders of the second study; each after the first changes one thing of it.

    Those compare two shares only, and stop at `most_classes`, the one with long training at
    `long_classes`: time.
    """
    first = Ladder(
        "unequal strengths",
        classes,
        shares,
        strongest=STRONG_AND_WEAK,
        initial_scale=0.01,
        steps=STEPS,
        seeds=seeds,
    )
    check = replace(
        first,
        classes=tuple(k for k in classes if k <= most_classes),
        shares=(0.0, JUDGED_SHARE),
    )
    few = tuple(k for k in classes if k <= long_classes)
    return (
        first,
        replace(check, name="less unequal strengths", strongest=LESS_UNEQUAL),
        replace(check, name="equal strengths", strongest=EQUAL),
        replace(check, name="large initial weights", initial_scale=0.1),
        replace(check, name="four times the steps", steps=4 * STEPS, classes=few),
    )


WORLDS = (
    Worlds("as many insufficient in both", (1 / 12, 1 / 12)),
    Worlds("unlike shares insufficient", (0.0, 0.25)),
)
CHECKPOINTS = (0, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)

QUICK = Profile(
    "quick",
    WinnerStudy(cases(seeds=6, large=24)),
    RateStudy(
        ladders((8, 12, 16, 24, 32), (0.0, 0.25, JUDGED_SHARE), 24, 16, seeds=4),
        JUDGED_SHARE,
        test_samples=50_000,
    ),
    ProxyStudy(WORLDS, classes=12, runs=12, checkpoints=CHECKPOINTS, samples=8192),
)
FULL = Profile(
    "full",
    WinnerStudy(cases(seeds=20, large=48)),
    RateStudy(
        ladders((8, 12, 16, 24, 32, 48, 64), (0.0, 0.25, 0.5, JUDGED_SHARE, 1.0), 48, 32, seeds=10),
        JUDGED_SHARE,
        test_samples=100_000,
    ),
    ProxyStudy(WORLDS, classes=12, runs=48, checkpoints=CHECKPOINTS, samples=16_384),
)
PROFILES: dict[str, Profile] = {profile.name: profile for profile in (QUICK, FULL)}
