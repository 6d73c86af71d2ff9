"""The probe: embeddings to information with error bars."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fusion_sched.pid import FastPID
from fusion_sched.probe import KMeansProbe, PredictionsProbe, PublishedProbe, diagnose
from fusion_sched.probe.assemble import error_quadrants
from fusion_sched.probe.kmeans import cluster_all, pick_clusters, warm_kmeans
from fusion_sched.runlog import diagnosis_fields, diagnosis_from
from fusion_sched.types import Diagnosis, Estimate, ProbeInputs

SOLVER = FastPID(tol=1e-4)
FEW: dict[str, Any] = {"resamples": 20, "shuffles": 5}


def embedded(symbols: np.ndarray, seed: int, noise: float = 0.01) -> Tensor:
    """Return well separated vectors, one direction per symbol."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(int(symbols.max()) + 1, 8))
    return torch.as_tensor(centres[symbols] + noise * rng.normal(size=(len(symbols), 8)))


def bits(samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 2, (2, samples))
    return a, b


def probed(embeddings: dict[str, Tensor], y: np.ndarray, **knobs: Any) -> Diagnosis:
    probe = KMeansProbe(**{"clusters": 2, **FEW, **knobs})
    return probe.diagnose(ProbeInputs(embeddings, {}, torch.as_tensor(y)), SOLVER, {})[0]


def value(measure: Estimate | None) -> float:
    assert measure is not None
    return measure.value


def test_gates_come_out_of_embeddings() -> None:
    """XOR is synergy, a copy is redundancy, one bit in one modality is its uniqueness."""
    a, b = bits(4000)
    views = {"a": embedded(a, 1), "b": embedded(b, 2)}
    xor = probed(views, a ^ b)
    assert value(xor.synergy) == pytest.approx(1.0, abs=0.01)
    assert max(u.value for u in xor.unique.values()) < 0.01
    assert xor.winner is None
    copy = probed({"a": embedded(a, 1), "b": embedded(a, 3)}, a)
    assert value(copy.redundancy) == pytest.approx(1.0, abs=0.01)
    one = probed(views, b)
    assert one.unique["b"].value == pytest.approx(1.0, abs=0.01)
    assert one.unique["a"].value == pytest.approx(0.0, abs=0.01)
    assert one.ecs["b"].value == pytest.approx(1.0, abs=0.01)
    assert one.winner == "b"
    assert one.log_ratio_of("b", "a").low > 0
    assert one.log_ratio_of("a", "b").high < 0
    assert one.difference["a/b"].value == pytest.approx(-1.0, abs=0.02)
    assert one.difference["a/b"].high < 0
    assert one.ecs_log_ratio["a/b"].high < 0


def test_atoms_sum_to_the_informations() -> None:
    a, b = bits(500)
    y = (2 * a + b) % 3
    found = probed({"a": embedded(a, 1, 0.5), "b": embedded(b, 2, 0.5)}, y, clusters=4)
    for name in ("a", "b"):
        both = value(found.redundancy) + found.unique[name].value
        assert both == pytest.approx(found.mi[name].value, abs=1e-9)
    total = (
        value(found.redundancy) + value(found.synergy) + sum(u.value for u in found.unique.values())
    )
    assert total == pytest.approx(found.joint_mi.value, abs=1e-9)


def test_swapping_modalities_swaps_their_uniquenesses() -> None:
    a, b = bits(600)
    y = np.where(a == 1, 2, b)
    views = {"a": embedded(a, 1), "b": embedded(b, 2)}
    one, other = probed(views, y), probed(dict(reversed(views.items())), y)
    for m in ("a", "b"):
        assert one.unique[m].value == pytest.approx(other.unique[m].value, abs=1e-3)
    assert value(one.synergy) == pytest.approx(value(other.synergy), abs=1e-3)


def test_three_modalities_each_against_the_rest() -> None:
    """The label is (a, b xor c): a is unique, b and c tell their part only together."""
    rng = np.random.default_rng(0)
    a, b, c = rng.integers(0, 2, (3, 4000))
    views = {m: embedded(s, i) for i, (m, s) in enumerate({"a": a, "b": b, "c": c}.items())}
    found = probed(views, 2 * a + (b ^ c), clusters=4)
    assert list(found.unique) == ["a", "b", "c"]
    assert [round(u.value, 1) for u in found.unique.values()] == [1.0, 0.0, 0.0]
    assert found.joint_mi.value == pytest.approx(2.0, abs=0.02)
    # b against the rest, and c alike, has one bit of synergy; a has none: the mean is 2/3
    assert value(found.synergy) == pytest.approx(2 / 3, abs=0.02)
    assert found.pairs["b/c"]["synergy"].value == pytest.approx(1.0, abs=0.02)
    assert found.pairs["a/b"]["synergy"].value == pytest.approx(0.0, abs=0.02)
    assert found.union_mi == pytest.approx(1.0, abs=0.02)
    assert set(found.log_ratio) == set(found.difference) == {"a/b", "a/c", "b/c"}
    assert found.difference["a/b"].low > 0.9
    assert all(abs(r.low) < 8 and abs(r.high) < 8 for r in found.log_ratio.values())
    assert found.winner == "a"


def test_two_modalities_as_pair_or_with_an_empty_third() -> None:
    """One against the rest reduces to the bivariate decomposition."""
    a, b = bits(3000)
    y = a & b
    pair = diagnose({"a": a, "b": b}, y, **FEW)
    with_third = diagnose({"a": a, "b": b, "none": np.zeros(3000, int)}, y, **FEW)
    for m in ("a", "b"):
        assert with_third.unique[m].value == pytest.approx(pair.unique[m].value, abs=0.01)
    assert with_third.unique["none"].value == pytest.approx(0.0, abs=0.01)
    assert with_third.pairs["a/b"]["redundancy"].value == pytest.approx(
        value(pair.redundancy), abs=0.01
    )


def test_one_modality_has_uniqueness_only() -> None:
    a, _ = bits(500)
    found = probed({"a": embedded(a, 1)}, a)
    assert (found.redundancy, found.synergy) == (None, None)
    assert found.unique["a"].value == pytest.approx(found.mi["a"].value)
    assert found.mi["a"].value == pytest.approx(1.0, abs=0.02)


def test_noise_is_not_taken_for_information() -> None:
    """Embeddings without a word of the label: the histogram's bits are not reported."""
    rng = np.random.default_rng(0)
    views = {m: torch.as_tensor(rng.normal(size=(1280, 16))) for m in ("a", "b")}
    y = rng.integers(0, 6, 1280)
    found = probed(views, y, clusters="auto", resamples=100, shuffles=20)
    plain = probed(views, y, clusters="auto", bias="none")
    assert value(plain.synergy) > 0.1
    assert abs(value(found.synergy)) < 0.05
    assert found.synergy is not None
    assert found.synergy.low == 0.0
    assert found.synergy.p is not None
    assert found.synergy.p > 0.05
    assert found.winner is None


def test_a_class_that_is_absent_and_constant_embeddings() -> None:
    a, _ = bits(300)
    y = np.where(a == 1, 5, 2)
    found = probed({"a": embedded(a, 1), "b": torch.zeros(300, 8)}, y)
    assert found.unique["a"].value == pytest.approx(found.label_entropy, abs=0.02)
    assert found.mi["b"].value == pytest.approx(0.0, abs=1e-9)
    assert found.clusters["b"] == 1
    assert set(found.class_unique["a"]) == {"2", "5"}


def test_one_class_carries_no_information() -> None:
    a, b = bits(100)
    found = probed({"a": embedded(a, 1), "b": embedded(b, 2)}, np.zeros(100, int))
    assert found.joint_mi.value == pytest.approx(0.0, abs=1e-9)
    assert found.ecs["a"].value == 0.0


def test_it_is_reproducible_and_survives_the_trace() -> None:
    a, b = bits(400)
    views = {"a": embedded(a, 1, 0.8), "b": embedded(b, 2, 0.8)}
    seen = ProbeInputs(
        views, {"a": torch.as_tensor(a), "b": torch.as_tensor(b)}, torch.as_tensor(a ^ b)
    )
    probe = KMeansProbe(clusters=6, **FEW)
    first, memory = probe.diagnose(seen, SOLVER, {})
    second, _ = probe.diagnose(seen, SOLVER, {})
    timeless = {k: v for k, v in diagnosis_fields(first).items() if k != "seconds"}
    assert timeless == {k: v for k, v in diagnosis_fields(second).items() if k != "seconds"}
    later, _ = probe.diagnose(seen, SOLVER, memory)
    assert later.change["synergy"].value == pytest.approx(0.0, abs=1e-6)
    assert later.change["unique b"].low <= 0 <= later.change["unique b"].high
    assert diagnosis_from(diagnosis_fields(later)) == later


def test_class_uniqueness_adds_up_to_the_histograms() -> None:
    a, b = bits(2000)
    y = np.where(a == 1, 2, b)
    found = probed({"a": embedded(a, 1), "b": embedded(b, 2)}, y, bias="none")
    for m in ("a", "b"):
        parts = [found.class_unique[m][str(c)] * (y == c).mean() for c in (0, 1, 2)]
        assert sum(parts) == pytest.approx(found.unique[m].value, abs=1e-3)


def test_error_quadrants_by_hand() -> None:
    y = torch.tensor([0, 1, 1, 0])
    right_first = torch.tensor([0, 1, 0, 1])
    right_last = torch.tensor([0, 0, 1, 1])
    assert error_quadrants({"a": right_first, "b": right_last}, y) == {
        "all": 0.25, "only a": 0.25, "only b": 0.25, "none": 0.25,
    }  # fmt: skip
    three = error_quadrants({"a": y, "b": y, "c": 1 - y}, y)
    assert three == {"all": 0, "only a": 0, "only b": 0, "only c": 0, "some": 1, "none": 0}


def test_as_many_clusters_as_the_samples_carry() -> None:
    assert pick_clusters("auto", 1280, 6, 20) == 8  # 1280 / (8 · 8 · 6) = 3.3 per cell
    assert pick_clusters("auto", 6698, 6, 20) == 19
    assert pick_clusters("auto", 1077, 10, 20) == 10  # as many as classes, at one per cell
    assert pick_clusters("auto", 1280, 28, 20) == 6  # not below one per cell for it
    assert pick_clusters("auto", 100_000, 6, 20) == 20
    assert pick_clusters(7, 1280, 6, 20) == 7
    with pytest.raises(ValueError, match="4 samples cannot form 5 clusters"):
        pick_clusters(5, 4, 2, 20)


def test_too_few_samples_per_cell_are_said() -> None:
    a, b = bits(200)
    found = probed({"a": embedded(a, 1, 1.0), "b": embedded(b, 2, 1.0)}, a, clusters=12)
    assert len(found.warnings) == 1
    assert "200 samples" in found.warnings[0]
    assert "12 x 12" in found.warnings[0]


def test_fewer_clusters_than_classes_are_said() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 28, 1280)
    views = {"a": embedded(y, 1, 0.5), "b": embedded(y, 2, 0.5)}
    found = probed(views, y, clusters="auto")
    assert found.clusters == {"a": 6, "b": 6}
    assert len(found.warnings) == 1
    assert "6 clusters" in found.warnings[0]
    assert "21,952 samples" in found.warnings[0]
    assert probed(views, y % 6, clusters="auto").warnings == ()


def test_warm_starts_keep_the_clustering_where_nothing_moves() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(400, 6))
    ids, centres = warm_kmeans(rows, 8, "auto", 0, None, 1)
    again, _ = warm_kmeans(rows, 8, "auto", 99, centres, 1)
    inertia = [
        sum(((rows[c == k] - rows[c == k].mean(0)) ** 2).sum() for k in range(8))
        for c in (ids, again)
    ]
    assert inertia[1] <= inertia[0] + 1e-9  # the same partition, or a tighter one


def test_labels_are_clusters_as_they_are() -> None:
    a, b = bits(300)
    c = (a + 3) * 10
    clustered, memory = cluster_all({"a": c, "b": b, "c": a}, 5, "auto", 0, {})
    assert set(clustered.own["a"]) == {0, 1}
    assert int(clustered.rest["b"].max()) == 1  # a and c are the same thing
    assert int(clustered.rest["a"].max()) == 3
    assert memory == {}


def test_predictions_are_their_own_clusters() -> None:
    a, b = bits(2000)
    seen = ProbeInputs(
        {"a": torch.zeros(2000, 3), "b": torch.zeros(2000, 3)},
        {"a": torch.as_tensor(a), "b": torch.as_tensor(b)}, torch.as_tensor(a ^ b),
    )  # fmt: skip
    found, _ = PredictionsProbe(**FEW).diagnose(seen, SOLVER, {})
    assert value(found.synergy) == pytest.approx(1.0, abs=0.01)


def test_the_published_probe_takes_noise_for_synergy() -> None:
    """About 1.0 bit for six classes on 1,280 samples that hold no information."""
    rng = np.random.default_rng(0)
    views = {m: torch.as_tensor(rng.normal(size=(1280, 64))) for m in ("a", "b")}
    seen = ProbeInputs(views, {}, torch.as_tensor(rng.integers(0, 6, 1280)))
    found, _ = PublishedProbe(resamples=2).diagnose(seen, SOLVER, {})
    assert 0.9 < value(found.synergy) < 1.15
    assert found.clusters == {"a": 20, "b": 20}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"a": torch.zeros(9, 3)}, r"'a' have shape \(9, 3\), expected \(10, features\)"),
        ({"a": torch.zeros(10, 2, 2)}, r"'a' have shape \(10, 2, 2\)"),
        ({"b": torch.full((10, 3), torch.nan)}, r"'b' hold NaN or infinity in 10 row"),
    ],
)
def test_unusable_embeddings_are_named(change: dict[str, Tensor], words: str) -> None:
    views = {"a": torch.zeros(10, 3), "b": torch.zeros(10, 3), **change}
    with pytest.raises(ValueError, match=words):
        probed(views, np.arange(10) % 2)


@pytest.mark.parametrize(
    ("modalities", "y", "words"),
    [
        ({}, [0, 1], "no modality"),
        ({"a/b": [0, 1]}, [0, 1], "slash"),
        ({"a": [0, 1, 0]}, [0, 1], "a has 3 rows but y has 2 labels"),
        ({"a": [0, -1]}, [0, 1], r"a\[1\] is -1"),
        ({"a": [0.5, 1.5]}, [0, 1], "got 2 samples; expected at least 12"),
        ({"a": [0, 1]}, [0.1, 1.0], "y has shape .* float64"),
        ({"a": [0]}, [0], "at least two"),
        ({"a": [["x"], ["y"]]}, [0, 1], "a has shape"),
    ],
)
def test_arrays_that_cannot_be_diagnosed_are_named(
    modalities: dict[str, Any], y: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        diagnose(modalities, y)
