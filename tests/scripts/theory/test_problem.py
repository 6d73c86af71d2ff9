from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.studies.theory.problem import (
    LEAST,
    NOISE,
    OFF_CLASS,
    OFF_CLASS_FEATURES,
    WEAK,
    Setting,
    draw,
    generator_for,
)
from tests.scripts.theory.tiny import SETTING


@settings(max_examples=40, deadline=None)
@given(
    classes=st.integers(4, 20),
    mu=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
    strongest=st.tuples(st.floats(1, 4), st.floats(1, 4)),
    seed=st.integers(0, 1000),
)
def test_strengths_have_the_support_of_the_model(
    classes: int, mu: tuple[float, float], strongest: tuple[float, float], seed: int
) -> None:
    setting = Setting(classes, mu, strongest, initial_scale=0.01)
    samples = draw(setting, 200, generator_for(setting, seed, "test"))
    own = torch.nn.functional.one_hot(samples.y, classes).bool()[0]
    for r in range(2):
        z, weak = samples.z[0, r], samples.insufficient[0, r]
        sufficient, insufficient, others = z[own][~weak], z[own][weak], z[~own]
        assert ((sufficient >= LEAST) & (sufficient <= strongest[r] * 1.000001)).all()
        assert ((insufficient >= WEAK / 2) & (insufficient <= WEAK)).all()
        present = others[others > 0]
        assert ((present >= OFF_CLASS / 2) & (present <= OFF_CLASS)).all()
        assert (others >= 0).all()


def test_frequencies_are_those_of_the_model() -> None:
    setting = replace(SETTING, classes=12, insufficient=(0.3, 0.1), strongest=(2.0, 1.5))
    samples = draw(setting, 20_000, generator_for(setting, 0, "test"))
    for r, mu in enumerate(setting.insufficient):
        own = samples.z[0, r].gather(1, samples.y[0][:, None])[:, 0]
        weak = samples.insufficient[0, r]
        off = (samples.z[0, r] > 0).sum() - len(own)
        assert weak.float().mean().item() == pytest.approx(mu, abs=0.01)
        assert own[~weak].mean().item() == pytest.approx((1 + setting.strongest[r]) / 2, abs=0.01)
        assert off.item() / len(own) / 11 == pytest.approx(OFF_CLASS_FEATURES / 12, abs=0.005)
    noise = samples.x[..., 12:]
    assert noise.std().item() == pytest.approx(NOISE, rel=0.02)
    torch.testing.assert_close(
        (samples.x[..., :12] - samples.z).std(), torch.tensor(NOISE), rtol=0.02, atol=0
    )
    both = (samples.insufficient[0, 0] & samples.insufficient[0, 1]).float().mean().item()
    assert both == pytest.approx(0.03, abs=0.005)
    assert torch.bincount(samples.y[0]).min() > 1500


def test_a_seed_and_purpose_decide_the_draws() -> None:
    def first(seed: int, purpose: str) -> float:
        return draw(SETTING, 1, generator_for(SETTING, seed, purpose)).x[0, 0, 0, 0].item()

    assert first(1, "train") == first(1, "train")
    assert len({first(1, "train"), first(2, "train"), first(1, "test")}) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": 2}, "classes=2; expected 4 or more"),
        ({"power": 2}, "power=2; expected 3 or more"),
        ({"initial_scale": 0.0}, "initial_scale=0.0; expected a number above 0"),
        ({"insufficient": (0.1, 1.0)}, r"insufficient=\(0.1, 1.0\); expected two shares"),
        ({"strongest": (0.5, 2.0)}, r"strongest=\(0.5, 2.0\); expected two numbers of 1.0"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SETTING, **change)
