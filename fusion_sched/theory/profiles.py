"""How much of each study is done: ``quick`` for minutes on one core, ``full`` for a GPU or an hour."""

from dataclasses import dataclass, replace

from fusion_sched.theory.problem import Setting
from fusion_sched.theory.proxy import ProxyStudy, Worlds
from fusion_sched.theory.rates import Ladder, RateStudy
from fusion_sched.theory.winner import Case, WinnerStudy


@dataclass(frozen=True)
class Profile:
    """The knobs of the three studies."""

    name: str
    winner: WinnerStudy
    rates: RateStudy
    proxy: ProxyStudy


UNEQUAL, EQUAL = (2.0, 1.5), (2.0, 2.0)


def cases(seeds: int, large: int) -> tuple[Case, ...]:
    """Return the cases of the first study; each after the first changes one thing of it."""
    base = Setting(16, (1 / 16, 1 / 16), EQUAL, initial_scale=0.01)
    more = replace(base, classes=large, insufficient=(1 / large, 1 / large))
    return (
        Case("equal strengths", base, steps=350, seeds=seeds),
        Case("unequal strengths", replace(base, strongest=UNEQUAL), steps=350, seeds=seeds),
        Case(f"K={large}", more, steps=350, seeds=max(2, seeds // 2)),
        Case("few neurons", replace(base, neurons=4), steps=350, seeds=seeds),
        Case("large initial weights", replace(base, initial_scale=0.05), steps=350, seeds=seeds),
        Case("q=4", replace(base, power=4, initial_scale=0.05), steps=350, seeds=seeds),
    )


def ladders(classes: tuple[int, ...], seeds: int) -> tuple[Ladder, ...]:
    """Return the ladders of the second study; each after the first changes one thing of it."""
    base = Ladder(
        "unequal strengths", classes, (0.0, 0.25, 0.5, 0.75, 1.0), UNEQUAL, 0.01, 350, seeds
    )
    two = replace(base, shares=(0.0, 0.75))
    shorter = tuple(k for k in classes if k <= 32)
    return (
        base,
        replace(two, name="equal strengths", strongest=EQUAL),
        replace(two, name="four times the steps", steps=4 * base.steps, classes=shorter),
        replace(two, name="large initial weights", initial_scale=0.1, steps=100),
    )


CHECKPOINTS = (0, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768)


def worlds() -> tuple[Worlds, ...]:
    """Return the distributions of the third study."""
    return (
        Worlds("as many insufficient", (1 / 12, 1 / 12)),
        Worlds("unlike shares insufficient", (0.0, 0.25)),
    )


QUICK = Profile(
    "quick",
    WinnerStudy(cases(seeds=8, large=24)),
    RateStudy(ladders((8, 12, 16, 24), seeds=4), judged_share=0.75, test_samples=50_000),
    ProxyStudy(worlds(), classes=12, runs=12, checkpoints=CHECKPOINTS, samples=10_000),
)
FULL = Profile(
    "full",
    WinnerStudy(cases(seeds=20, large=48)),
    RateStudy(
        ladders((8, 12, 16, 24, 32, 48, 64), seeds=10), judged_share=0.75, test_samples=100_000
    ),
    ProxyStudy(worlds(), classes=12, runs=48, checkpoints=CHECKPOINTS, samples=20_000),
)
PROFILES: dict[str, Profile] = {profile.name: profile for profile in (QUICK, FULL)}
