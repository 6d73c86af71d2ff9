"""Synthetic data: the stated decomposition is that of the samples."""

import numpy as np
import pytest
import torch

from fusion_sched.data.synthetic import Synthetic
from fusion_sched.pid import decompose, joint_from_labels

MANY = 100_000


@pytest.mark.parametrize(
    ("redundancy", "unique", "synergy"),
    [(1.0, (0.0, 0.0), 0.0), (0.0, (0.0, 0.0), 0.7), (0.5, (0.5, 0.25), 0.5), (0.3, (0.0, 0.9), 0)],
)
def test_atoms_are_those_of_the_solver(
    redundancy: float, unique: tuple[float, float], synergy: float
) -> None:
    """The exact solver on very many samples is an independent oracle for the stated bits."""
    data = Synthetic(redundancy=redundancy, unique=unique, synergy=synergy, samples=MANY)
    symbols, labels = data.symbols()
    x1, x2 = (np.unique(column, return_inverse=True)[1] for column in symbols.T)
    y = np.unique(labels, return_inverse=True)[1]
    found = decompose(joint_from_labels(x1, x2, y))
    facts = data.facts()
    assert float(found.redundancy) == pytest.approx(facts["redundancy_bits"], abs=0.01)
    assert float(found.synergy) == pytest.approx(facts["synergy_bits"], abs=0.01)
    assert float(found.unique1) == pytest.approx(unique[0], abs=0.01)
    assert float(found.unique2) == pytest.approx(unique[1], abs=0.01)
    assert float(found.joint_mi) == pytest.approx(facts["joint_mi_bits"], abs=0.01)


def test_three_modalities_each_against_the_rest() -> None:
    data = Synthetic(redundancy=0.5, unique=(0.5, 0.25, 0.0), synergy=0.4, samples=MANY)
    symbols, labels = data.symbols()
    y = np.unique(labels, return_inverse=True)[1]
    for m, name in enumerate(data.modalities):
        mine = np.unique(symbols[:, m], return_inverse=True)[1]
        rest = np.unique(np.delete(symbols, m, axis=1), axis=0, return_inverse=True)[1]
        found = decompose(joint_from_labels(mine, rest.ravel(), y))
        assert float(found.unique1) == pytest.approx(data.facts()["unique_bits"][name], abs=0.01)
        assert float(found.synergy) == pytest.approx(0.4, abs=0.01)
        assert float(found.redundancy) == pytest.approx(0.5, abs=0.01)


def test_vectors_show_their_symbols() -> None:
    """Without noise, equal symbols give equal vectors and different ones different vectors."""
    data = Synthetic(samples=500, noise=0.0)
    splits = data.load()
    parts = [splits.train, splits.validation, splits.test]
    vectors = torch.cat([part.inputs["x1"] for part in parts])  # type: ignore[attr-defined]
    symbols, _ = data.symbols()
    assert len(torch.unique(vectors, dim=0)) == len(np.unique(symbols[:, 0]))


@pytest.mark.parametrize(
    ("knobs", "word"),
    [({"unique": (0.5,)}, "2 or 3"), ({"redundancy": 1.5}, "redundancy is 1.5"),
     ({"unique": (0.5, -0.1)}, r"unique\[1\]"), ({"samples": 0}, "samples=0"),
     ({"redundancy": 0, "unique": (0, 0), "synergy": 0}, "constant")],
)  # fmt: skip
def test_impossible_parameters_are_named(knobs: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Synthetic(**knobs)  # type: ignore[arg-type]
