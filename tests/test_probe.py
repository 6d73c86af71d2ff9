"""The probe: embeddings to information."""

import numpy as np
import pytest
import torch
from torch import Tensor

from fusion_sched.pid import InteriorPoint
from fusion_sched.probe import KMeansProbe, competitive_strength

SOLVER = InteriorPoint()


def embedded(symbols: np.ndarray, seed: int, noise: float = 0.01) -> Tensor:
    """Return well separated vectors, one direction per symbol."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(int(symbols.max()) + 1, 8))
    return torch.as_tensor(centres[symbols] + noise * rng.normal(size=(len(symbols), 8)))


def bits(samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 2, (2, samples))
    return a, b


def diagnose(embeddings: dict[str, Tensor], y: np.ndarray, **knobs: object):  # type: ignore[no-untyped-def]
    probe = KMeansProbe(**{"clusters": 2, **knobs})  # type: ignore[arg-type]
    return probe.diagnose(embeddings, torch.as_tensor(y), SOLVER)


def test_gates_come_out_of_embeddings() -> None:
    """XOR is synergy, a copy is redundancy, one bit in one modality is its uniqueness."""
    a, b = bits(4000)
    views = {"a": embedded(a, 1), "b": embedded(b, 2)}
    xor = diagnose(views, a ^ b)
    assert xor.synergy == pytest.approx(1.0, abs=0.01)
    assert max(xor.unique.values()) < 0.01
    copy = diagnose({"a": embedded(a, 1), "b": embedded(a, 3)}, a)
    assert copy.redundancy == pytest.approx(1.0, abs=0.01)
    one = diagnose(views, b)
    assert one.unique["b"] == pytest.approx(1.0, abs=0.01)
    assert one.unique["a"] == pytest.approx(0.0, abs=0.01)
    assert one.ecs["b"] == pytest.approx(1.0, abs=0.01)


def test_atoms_sum_to_the_informations() -> None:
    a, b = bits(500)
    y = (2 * a + b) % 3
    found = diagnose({"a": embedded(a, 1, 0.5), "b": embedded(b, 2, 0.5)}, y, clusters=4)
    assert found.redundancy is not None
    assert found.synergy is not None
    for name in ("a", "b"):
        assert found.redundancy + found.unique[name] == pytest.approx(found.mi[name], abs=1e-9)
    total = found.redundancy + found.synergy + sum(found.unique.values())
    assert total == pytest.approx(found.joint_mi, abs=1e-9)
    assert found.label_entropy <= np.log2(3) + 1e-9


def test_swapping_modalities_swaps_their_uniquenesses() -> None:
    a, b = bits(600)
    y = np.where(a == 1, 2, b)
    views = {"a": embedded(a, 1), "b": embedded(b, 2)}
    one, other = diagnose(views, y), diagnose(dict(reversed(views.items())), y)
    assert one.unique == pytest.approx(other.unique, abs=1e-6)
    assert one.synergy == pytest.approx(other.synergy, abs=1e-6)


def test_three_modalities_each_against_the_rest() -> None:
    """The label is (a, a xor c): a is unique, c gives its part only together with a."""
    rng = np.random.default_rng(0)
    a, b, c = rng.integers(0, 2, (3, 4000))
    views = {m: embedded(s, i) for i, (m, s) in enumerate({"a": a, "b": b, "c": c}.items())}
    found = diagnose(views, 2 * a + (a ^ c), clusters=4)
    assert list(found.unique) == ["a", "b", "c"]
    assert found.unique["a"] == pytest.approx(1.0, abs=0.02)
    assert found.unique["b"] == pytest.approx(0.0, abs=0.02)
    assert found.joint_mi == pytest.approx(2.0 * 2 / 3 + 2.0 / 3, abs=0.02)


def test_one_modality_has_uniqueness_only() -> None:
    a, _ = bits(500)
    found = diagnose({"a": embedded(a, 1)}, a)
    assert (found.redundancy, found.synergy) == (None, None)
    assert found.unique["a"] == pytest.approx(found.mi["a"]) == pytest.approx(1.0, abs=0.01)


def test_a_class_that_is_absent_and_constant_embeddings() -> None:
    a, _ = bits(300)
    y = np.where(a == 1, 5, 2)
    found = diagnose({"a": embedded(a, 1), "b": torch.zeros(300, 8)}, y)
    assert found.unique["a"] == pytest.approx(found.label_entropy, abs=1e-6)
    assert found.mi["b"] == pytest.approx(0.0, abs=1e-9)
    assert found.clusters["b"] == 1


def test_one_class_carries_no_information() -> None:
    a, b = bits(100)
    found = diagnose({"a": embedded(a, 1), "b": embedded(b, 2)}, np.zeros(100, int))
    assert found.joint_mi == pytest.approx(0.0, abs=1e-9)
    assert found.ecs == {"a": 0.0, "b": 0.0}


def test_it_is_reproducible() -> None:
    a, b = bits(400)
    views = {"a": embedded(a, 1, 0.8), "b": embedded(b, 2, 0.8)}
    one, other = (diagnose(views, a ^ b, clusters=6) for _ in range(2))
    assert (one.unique, one.synergy) == (other.unique, other.synergy)


def test_as_many_clusters_as_the_samples_carry() -> None:
    probe = KMeansProbe()
    assert probe.pick_clusters(1280, 6) == 8  # 1280 / (8 · 8 · 6) = 3.3 per cell
    assert probe.pick_clusters(6698, 6) == 19
    assert probe.pick_clusters(1077, 10) == 10  # no fewer than classes
    assert probe.pick_clusters(100_000, 6) == 20
    assert KMeansProbe(clusters=7).pick_clusters(1280, 6) == 7


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"a": torch.zeros(9, 3)}, r"'a' have shape \(9, 3\), expected \(10, features\)"),
        ({"a": torch.zeros(10)}, r"'a' have shape \(10,\)"),
        ({"b": torch.full((10, 3), torch.nan)}, r"'b' hold NaN or infinity in 10 row"),
    ],
)
def test_unusable_embeddings_are_named(change: dict[str, Tensor], words: str) -> None:
    views = {"a": torch.zeros(10, 3), "b": torch.zeros(10, 3), **change}
    with pytest.raises(ValueError, match=words):
        diagnose(views, np.arange(10) % 2)


def test_fewer_samples_than_clusters_is_named() -> None:
    with pytest.raises(ValueError, match="4 samples cannot form 5 clusters"):
        diagnose({"a": torch.randn(4, 3)}, np.arange(4) % 2, clusters=5)


def test_competitive_strength_is_a_share_of_the_label_entropy() -> None:
    assert competitive_strength({"a": 1.0, "b": 0.5}, 2.0) == {"a": 0.5, "b": 0.25}
