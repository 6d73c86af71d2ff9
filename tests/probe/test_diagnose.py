"""diagnose: symbols, measurements and mixtures, from arrays of any kind."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from fusion_sched.probe import diagnose
from fusion_sched.probe.arrays import diagnose_arrays, one_hot
from fusion_sched.probe.kmeans import KMeansProbe
from fusion_sched.types import Diagnosis


def bits(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.random.default_rng(0).integers(0, 2, (2, count))
    return a, b


def blurred(symbols: np.ndarray, seed: int = 0) -> np.ndarray:
    return symbols + 0.1 * np.random.default_rng(seed).normal(size=len(symbols))


def synergy(diagnosis: Diagnosis) -> float:
    assert diagnosis.synergy is not None
    return diagnosis.synergy.value


def test_a_float_column_is_one_dimension() -> None:
    a, b = bits()
    found = diagnose({"a": blurred(a, 1), "b": blurred(b, 2)}, a ^ b)
    assert synergy(found) == pytest.approx(1.0, abs=0.1)
    assert set(found.models) >= {"a", "b", "all"}
    assert found.joint_mi.value <= found.label_entropy
    assert found.lower["all"] <= found.joint_mi.value


def test_symbols_and_measurements_together() -> None:
    a, b = bits()
    found = diagnose({"word": np.array(["no", "yes"])[a], "level": blurred(b)}, a ^ b)
    assert synergy(found) == pytest.approx(1.0, abs=0.1)


def test_symbols_alone_are_a_table_and_their_names_do_not_matter() -> None:
    a, b = bits()
    by_number = diagnose({"a": a, "b": b}, a & b, resamples=10, shuffles=5)
    by_name = diagnose(
        {"a": pd.Series(["n", "y"])[a].to_list(), "b": b.astype(bool)},
        pd.Series(a & b, dtype="category"), resamples=10, shuffles=5,
    )  # fmt: skip
    assert by_number.models == {}
    assert by_name.unique == by_number.unique
    assert by_name.clusters == {"a": 2, "b": 2}


def test_a_sparse_table_of_symbols_has_no_more_information_than_held_out_samples() -> None:
    """As a table, 30 x 30 symbols of noise tell 1 bit of 1.6."""
    rng = np.random.default_rng(0)
    a, b, y = rng.integers(0, 30, 60), rng.integers(0, 30, 60), rng.integers(0, 3, 60)
    found = diagnose({"a": a, "b": b}, y)
    assert found.joint_mi.value < 0.3
    tables = diagnose({"a": a, "b": b}, y, probe="kmeans", resamples=5, shuffles=2)
    assert tables.joint_mi.value > 0.8


def test_classes_without_any_spread_are_told_apart() -> None:
    """The covariance within classes is then a rounding error, of either sign."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 6, 120)
    found = diagnose({"exact": y / 3, "near": y + 1e-12 * rng.normal(size=120)}, y)
    assert found.redundancy is not None
    assert found.redundancy.value == pytest.approx(found.label_entropy, abs=0.01)


def test_names_of_the_samples_tell_nothing() -> None:
    y = bits(100)[0]
    found = diagnose({"file": [f"{k}.wav" for k in range(100)]}, y)
    assert found.mi["file"].value < 0.1
    assert "every value of file occurs once" in found.warnings[0]


def test_symbols_are_not_called_coarse_clusters() -> None:
    rng = np.random.default_rng(0)
    a, b, y = rng.integers(0, 8, (3, 300))
    found = diagnose({"a": a, "b": b}, y, resamples=5, shuffles=2)
    assert not any("coarse" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    "kind", [np.asarray, torch.as_tensor, lambda v: pd.Series(v, index=range(9, 409)), list]
)
def test_arrays_of_every_kind_give_the_same(kind: Any) -> None:
    a, b = bits()
    level = blurred(b)
    expected = diagnose({"a": a, "b": level}, a ^ b)
    found = diagnose({"a": kind(a), "b": kind(level)}, kind(a ^ b))
    assert found.mi == expected.mi


def test_groups_are_held_out_whole() -> None:
    """A voice that gives away the speaker tells nothing of a speaker's label to come."""
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(40), 10)
    y = rng.integers(0, 2, 40)[speaker]
    voice = rng.normal(size=(40, 8))[speaker] + 0.05 * rng.normal(size=(400, 8))
    names = np.array([f"speaker {s}" for s in range(40)])[speaker]
    alone = diagnose({"voice": voice}, y)
    grouped = diagnose({"voice": voice}, y, groups=names)
    assert alone.mi["voice"].value > 0.5
    assert grouped.mi["voice"].value < 0.2
    assert diagnose({"who": speaker}, y).mi["who"].value > 0.5  # a table does not know of speakers
    by_group = diagnose({"who": speaker}, y, groups=names)
    assert by_group.lower["who"] < 0.05
    assert by_group.mi["who"].low == 0


def test_distinct_integers_are_measurements_and_that_is_said() -> None:
    rng = np.random.default_rng(0)
    found = diagnose({"id": rng.permutation(300)}, rng.integers(0, 3, 300))
    assert found.mi["id"].value < 0.1
    assert "id are all distinct" in found.warnings[0]


def test_many_samples_are_shortened_to_a_fixed_choice() -> None:
    a, b = bits(900)
    knobs: dict[str, Any] = {"probe": "posterior", "samples": 300, "tables": KMeansProbe(seed=3)}
    found = diagnose_arrays({"a": blurred(a)}, b, **knobs)
    again = diagnose_arrays({"a": blurred(a)}, b, **knobs)
    assert found.diagnosis.samples == len(found.rows) == 300
    assert torch.equal(found.rows, again.rows)
    assert abs(b[found.rows].mean() - b.mean()) < 0.01
    assert "300 of 900 samples" in found.diagnosis.warnings[0]
    groups = np.arange(900) // 9
    grouped = diagnose_arrays({"a": blurred(a)}, b, groups, **knobs)
    counts = np.bincount(groups[grouped.rows], minlength=100)
    assert set(counts) == {0, 9}
    assert 300 <= counts.sum() < 309


def test_rare_symbols_share_an_indicator() -> None:
    codes = torch.cat([torch.arange(300), torch.arange(255)])
    indicators = one_hot(codes)
    assert indicators.shape == (555, 256)
    assert indicators.sum(1).eq(1).all()
    assert indicators.sum(0).sort().values[-1] == 45


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"probe": "neural"}, "neural"),
        ({"samples": 3}, "samples is 3"),
        ({"clusters": 3}, "probe='kmeans'"),
        ({"probe": "kmeans"}, "one number per sample"),
        ({"probe": "kmeans", "groups": [0] * 20}, "groups"),
        ({"groups": [0] * 19}, "groups has 19 ids but y has 20"),
        ({"groups": [0] * 20}, "groups holds 1 different ids"),
        ({"y": ["a", None] * 10}, r"y has no value in 10 row\(s\), counted from 0: 1, 3"),
    ],
)
def test_what_cannot_be_done_is_named(arguments: dict[str, Any], words: str) -> None:
    y = arguments.pop("y", np.arange(20) % 2)
    with pytest.raises(ValueError, match=words):
        diagnose({"a": np.linspace(0, 1, 20)}, y, **arguments)
