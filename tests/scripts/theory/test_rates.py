from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scripts.studies.theory.rates import Ladder, RateStudy, part_name
from tests.scripts.theory.conftest import CPU
from tests.scripts.theory.tiny import LADDER, TINY

TOTAL = 100_000
MANY = replace(LADDER, classes=(8, 16, 32, 64), shares=(0.0, 0.5, 1.0), seeds=12)


def planted(exponents: Mapping[float, float]) -> dict[str, dict[str, Any]]:
    """Parts with Poisson wrong answers around 0.8 K^-a, a by share."""
    rng = np.random.default_rng(0)
    parts = {}
    for share, a in exponents.items():
        for k in MANY.classes:
            rows = [
                {
                    "seed": seed,
                    "wrong": int(rng.poisson(TOTAL * 0.8 * k**-a)),
                    "wrong_alone": [TOTAL // k, TOTAL // 2],
                    "test_samples": TOTAL,
                    "both_learned": 0.25,
                    "lost": [0.0, 0.75],
                    "ratio": None if seed == 0 else 2.0,
                }
                for seed in range(MANY.seeds)
            ]
            parts[part_name(MANY.name, share, k)] = {"classes": k, "seeds": rows}
    return parts


def test_planted_exponents_and_their_difference() -> None:
    study = RateStudy((MANY,), judged_share=0.5, test_samples=TOTAL)
    found = study.findings(planted({0.0: 1.0, 0.5: 2.0, 1.0: 1.0})).ladders["first"]
    joint, shaped, same = found.conditions
    for condition, planted_exponent in ((joint, 1.0), (shaped, 2.0), (same, 1.0)):
        for fit in (condition.exponent, condition.line, condition.large):
            assert fit.value == pytest.approx(planted_exponent, abs=0.05)
            assert fit.low is not None
            assert fit.high is not None
            assert fit.low - 0.03 < planted_exponent < fit.high + 0.03
        assert condition.scale == pytest.approx(0.8, rel=0.05)
    assert joint.gain is None
    assert shaped.gain is not None
    assert shaped.gain.low is not None
    assert shaped.gain.low > 0.9
    assert same.gain is not None
    assert same.gain.value == pytest.approx(0, abs=0.03)


def test_a_rung_says_what_its_seeds_say() -> None:
    study = RateStudy((MANY,), judged_share=0.5, test_samples=TOTAL)
    rung = study.findings(planted({0.0: 1.0, 0.5: 2.0, 1.0: 1.0})).ladders["first"]
    first = rung.conditions[0].rungs[0]
    assert first.classes == 8
    assert first.test_samples == 12 * TOTAL
    assert first.error.value == pytest.approx(first.wrong / first.test_samples)
    assert first.mixture == pytest.approx(0.25 / 64 + 0.75 / 8)
    assert first.alone == pytest.approx((1 / 8, 1 / 2))
    assert first.ratio.value == 2  # the seed without a ratio is left out


def test_conditions_of_equal_seeds_share_their_start() -> None:
    """The share 0 of a short ladder and of a long one begin with the same ECS."""
    names = [part_name(ladder.name, 0.0, 8) for ladder in TINY.rates.ladders]
    first, second = (TINY.rates.part(name, CPU) for name in names)
    assert [row["ratio"] for row in first["seeds"]] == [row["ratio"] for row in second["seeds"]]
    assert first["seeds"] != second["seeds"]


def test_unimodal_training_first_learns_more_classes_in_both_modalities() -> None:
    ladder = replace(LADDER, classes=(8, 10), shares=(0.0, 0.75), steps=150, seeds=3)
    study = RateStudy((ladder,), judged_share=0.75, test_samples=8192)
    joint, shaped = (study.part(part_name("first", share, 8), CPU) for share in (0.0, 0.75))
    for key, better in (("both_learned", 1), ("wrong", -1)):
        gap = sum(row[key] for row in shaped["seeds"]) - sum(row[key] for row in joint["seeds"])
        assert better * gap > 0, key
    assert shaped["unimodal_steps"] == 112


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": (8,)}, r"classes=\(8,\); expected two or more, ascending"),
        ({"classes": (16, 8)}, r"classes=\(16, 8\); expected two or more, ascending"),
        ({"shares": (0.5,)}, r"shares=\(0.5,\); expected shares in \[0, 1\], 0 among them"),
        ({"seeds": 1}, "seeds=1; expected a step or more, and two seeds"),
    ],
)
def test_ladders_that_cannot_be_fitted_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LADDER, **change)


def test_the_judged_share_must_be_computed() -> None:
    ladder: Ladder = LADDER
    with pytest.raises(ValueError, match=r"judged_share=0.3; expected one of the shares above 0"):
        RateStudy((ladder,), judged_share=0.3, test_samples=10)
