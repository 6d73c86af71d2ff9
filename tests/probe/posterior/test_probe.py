"""The probe fills a Diagnosis, and its memory holds tensors that make a change of it."""

import pytest
import torch

from fusion_sched.probe.posterior import PosteriorProbe
from fusion_sched.types import ProbeInputs
from tests.probe.posterior.test_estimate import bits, coded


def embedded(count=300, names="ba"):
    z = bits(count, len(names))
    values = {m: coded(z[k], seed=k) for k, m in enumerate(names)}
    return ProbeInputs(values, {}, z[0] ^ z[1])


def test_two_modalities_fill_a_diagnosis():
    probe = PosteriorProbe()
    diagnosis, memory = probe.diagnose(embedded(), None, {})
    assert list(diagnosis.unique) == ["b", "a"]
    assert diagnosis.synergy.value == pytest.approx(1, abs=0.05)
    assert set(diagnosis.log_ratio) == set(diagnosis.difference) == {"b/a"}
    assert diagnosis.change == {}
    assert diagnosis.winner is None
    again, _ = probe.diagnose(embedded(), None, memory)
    assert set(again.change) == {"unique a", "unique b", "redundancy", "synergy", "joint_mi",
                                 "log_ratio"}  # fmt: skip
    assert again.change["synergy"].low <= 0 <= again.change["synergy"].high
    assert all(isinstance(value, torch.Tensor) for value in memory.values())


def test_three_modalities_have_pairs():
    diagnosis, _ = PosteriorProbe().diagnose(embedded(names="cab"), None, {})
    assert set(diagnosis.pairs) == set(diagnosis.difference) == {"c/a", "c/b", "a/b"}
    assert diagnosis.pairs["c/a"]["synergy"].value == pytest.approx(1, abs=0.05)


def test_one_modality_wins_alone():
    y = bits(200, 1)[0]
    seen = ProbeInputs({"only": coded(y)}, {}, y)
    diagnosis, _ = PosteriorProbe().diagnose(seen, None, {})
    assert diagnosis.winner == "only"
    assert diagnosis.synergy is None
    assert diagnosis.ecs["only"].value == pytest.approx(1, abs=0.05)


def test_impossible_schedules_are_refused():
    with pytest.raises(ValueError, match="samples=5"):
        PosteriorProbe(samples=5)
    with pytest.raises(ValueError, match="source is 'test'"):
        PosteriorProbe(source="test")
