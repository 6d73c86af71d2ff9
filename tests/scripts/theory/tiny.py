"""A profile small enough for tests, and all that it finds."""

from dataclasses import replace

from scripts.studies.theory import Profile
from scripts.studies.theory.problem import Setting
from scripts.studies.theory.proxy import ProxyStudy, Worlds
from scripts.studies.theory.rates import Ladder, RateStudy
from scripts.studies.theory.winner import Case, WinnerStudy

SETTING = Setting(8, (1 / 8, 1 / 8), (2.0, 2.0), initial_scale=0.02, neurons=8)
LADDER = Ladder(
    "first", (6, 8), (0.0, 0.5), strongest=(3.0, 1.5), initial_scale=0.03, steps=60, seeds=2
)
TINY = Profile(
    "tiny",
    WinnerStudy(
        (
            Case("equal", SETTING, steps=80, seeds=6),
            Case("unequal", replace(SETTING, strongest=(2.0, 1.5)), steps=80, seeds=6),
        )
    ),
    RateStudy((LADDER, replace(LADDER, name="short", steps=30)), 0.5, test_samples=4096),
    ProxyStudy(
        (Worlds("alike", (0.1, 0.1)),), classes=6, runs=3, checkpoints=(0, 8, 24, 60), samples=2048
    ),
)
