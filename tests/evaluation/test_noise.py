"""Noise: its size, its draws, and what it leaves as it is."""

import numpy as np
import pytest
import torch

from fusion_sched.data.loading import Loader
from fusion_sched.data.memory import InMemory
from fusion_sched.evaluation import Gaussian, Replaced, noises_for


def test_noise_is_measured_by_the_modality_itself_and_grows_along_one_draw() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = {m: torch.randn(400, 5, generator=generator) for m in ("a", "b")}
    split = InMemory({"a": inputs["a"], "b": 100 + 7 * inputs["b"]}, torch.arange(400) % 3)
    noises = noises_for(Loader(split, 64), seed=0)
    for m, noise in noises.items():
        assert isinstance(noise, Gaussian)
        values = split.inputs[m].double().numpy()
        assert noise.deviation == pytest.approx(values.std(), rel=1e-6)
        added = {
            level: noisy.double().numpy() - values
            for level, noisy in noise.draw(split.inputs[m], torch.arange(400))
        }
        assert list(added) == [0.25, 0.5, 1.0, 2.0]
        for level, difference in added.items():
            np.testing.assert_allclose(difference, level * added[1.0], atol=1e-4)
        assert added[1.0].std() == pytest.approx(values.std(), rel=0.05)
        assert abs(added[1.0].mean()) < 0.1 * values.std()
    first, second = (next(n.draw(split.inputs["a"], torch.arange(400)))[1] for n in noises.values())
    shares = [(x - split.inputs["a"]).flatten().numpy() for x in (first, second)]
    assert abs(np.corrcoef(shares)[0, 1]) < 0.1, "modalities have noise of their own"


def test_tokens_are_replaced_by_those_of_other_samples_at_their_position() -> None:
    """Each id tells its sample and position; a mask, the second row, comes along."""
    count, length = 300, 20
    ids = torch.arange(count * length).reshape(count, length)
    pool = torch.stack([ids, -ids], dim=1)
    drawn = dict(Replaced(pool, seed=0).draw(pool, torch.arange(count)))
    before = torch.zeros_like(ids, dtype=torch.bool)
    for level, noisy in drawn.items():
        assert noisy.dtype == pool.dtype
        assert torch.equal(noisy[:, 0] % length, ids % length), "the position stays"
        assert torch.equal(noisy[:, 1], -noisy[:, 0]), "the mask comes along"
        changed = noisy[:, 0] != ids
        assert float(changed.float().mean()) == pytest.approx(level, abs=0.02)
        assert bool((changed | ~before).all()), "a higher level replaces more"
        before = changed
    assert list(drawn) == [0.1, 0.25, 0.5, 0.75]
    half = Replaced(pool, seed=0).draw(pool[100:150], torch.arange(100, 150))
    assert all(torch.equal(noisy, drawn[level][100:150]) for level, noisy in half)
