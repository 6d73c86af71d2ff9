"""Values: golden gates, invariances, bounds, and a certificate checked from outside."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion_sched.pid import Decomposition, FastPID, Status, decompose
from fusion_sched.pid.information import mutual_information
from fusion_sched.pid.scaling import Scaling
from tests.pid.problems import GATES, check_certificate, counts, dirichlet

TIGHT = FastPID(tol=1e-9)
ATOMS = ("redundancy", "unique1", "unique2", "synergy")


def atoms(p: torch.Tensor, solver: FastPID = TIGHT) -> np.ndarray:
    d = decompose(p, solver)
    return np.stack([getattr(d, name).numpy() for name in ATOMS], axis=-1)


def verify(p: torch.Tensor, d: Decomposition) -> None:
    """The certificate of one joint, and the atoms that follow from it."""
    s = d.solution
    gap = float(s.gap)
    information = check_certificate(p.numpy(), s.q.numpy(), [x.numpy() for x in s.duals], gap)
    assert float(d.unique1 + d.mi2) == pytest.approx(information, abs=1e-12)
    assert float(d.unique2 + d.mi1) == pytest.approx(information, abs=1e-12)
    assert float(d.joint_mi - d.synergy) == pytest.approx(information, abs=1e-12)
    assert float(d.redundancy + d.unique1) == pytest.approx(float(d.mi1), abs=1e-12)
    assert float(s.marginal_error) <= 1e-12
    assert min(float(getattr(d, name)) for name in ATOMS) >= -gap - 1e-12


@pytest.mark.parametrize("name", GATES)
def test_gates(name: str) -> None:
    p, *expected = GATES[name]
    d = decompose(p, FastPID(tol=1e-10))
    np.testing.assert_allclose(atoms(p, FastPID(tol=1e-10)), expected, atol=1e-9)
    verify(p, d)


@pytest.mark.parametrize("name", GATES)
def test_gates_within_the_default_gap(name: str) -> None:
    p, *expected = GATES[name]
    d = decompose(p)
    assert float(d.solution.gap) <= 1e-6
    np.testing.assert_allclose(atoms(p, FastPID()), expected, atol=float(d.solution.gap))


@pytest.mark.parametrize("path", [(7, 6, 3), (4, 5, 40)], ids=["schur", "woodbury"])
def test_relabelling_and_swapping(path: tuple[int, int, int]) -> None:
    p = dirichlet(*path, seed=1, alpha=0.3)
    base = atoms(p)
    for axis in range(3):
        order = torch.randperm(p.shape[axis], generator=torch.Generator().manual_seed(axis))
        np.testing.assert_allclose(atoms(p.index_select(axis, order)), base, atol=2e-9)
    swapped = atoms(p.transpose(0, 1))
    np.testing.assert_allclose(swapped, base[[0, 2, 1, 3]], atol=2e-9)


def test_splitting_a_symbol_changes_nothing() -> None:
    p = counts(6, 5, 4, seed=2, samples=200)
    split = torch.cat((p, 0.25 * p[2:3]))
    split[2] *= 0.75
    np.testing.assert_allclose(atoms(split), atoms(p), atol=2e-9)


def test_function_of_one_source_and_independent_product() -> None:
    """Y = f(X1): no unique2 and no synergy. (X1, Y) independent of X2: all of it is unique1."""
    pair = dirichlet(5, 4, seed=3)
    y_of_x1 = torch.zeros(5, 4, 3, dtype=torch.float64)
    for x1 in range(5):
        y_of_x1[x1, :, x1 % 3] = pair[x1]
    d = decompose(y_of_x1, TIGHT)
    assert float(d.unique2) == pytest.approx(0, abs=2e-9)
    assert float(d.synergy) == pytest.approx(0, abs=2e-9)
    product = pair[:, None, :] * torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)[None, :, None]
    information = float(mutual_information(pair))
    np.testing.assert_allclose(atoms(product), [0, information, 0, 0], atol=2e-9)


@pytest.mark.parametrize("shape", [(20, 20, 6), (11, 3, 9), (3, 11, 2), (20, 20, 28), (6, 5, 70)])
@pytest.mark.parametrize("kind", ["dense", "sparse", "counts"])
@pytest.mark.parametrize("tol", [1e-6, 1e-9])
def test_certificates_by_size(shape: tuple[int, int, int], kind: str, tol: float) -> None:
    p = {
        "dense": lambda: dirichlet(*shape, seed=4),
        "sparse": lambda: dirichlet(*shape, seed=5, alpha=0.05),
        "counts": lambda: counts(*shape, seed=6),
    }[kind]()
    d = decompose(p / p.sum(), FastPID(tol=tol))
    assert float(d.solution.gap) <= tol
    verify(p / p.sum(), d)


@st.composite
def joints(draw: st.DrawFn) -> torch.Tensor:
    """Sizes 1 to 11; Dirichlet 0.03 to 5, counts, masses down to 1e-14, empty symbols."""
    shape = tuple(draw(st.integers(1, 11)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cells = int(np.prod(shape))
    kind = draw(st.sampled_from(["dirichlet", "counts", "tiny", "sparse"]))
    if kind == "dirichlet":
        alpha = draw(st.floats(0.03, 5.0))
        p = rng.dirichlet(np.full(cells, alpha))
    elif kind == "counts":
        p = np.bincount(rng.integers(cells, size=60), minlength=cells).astype(float)
    elif kind == "tiny":
        p = 10.0 ** rng.uniform(-14, 0, size=cells)
    else:
        p = rng.random(cells) * (rng.random(cells) < 0.2)
        p[rng.integers(cells)] = 1.0
    p = p.reshape(shape)
    for axis in range(3):  # an empty cluster or an absent class
        if shape[axis] > 1 and draw(st.booleans()):
            np.moveaxis(p, axis, 0)[rng.integers(shape[axis])] = 0.0
    if not p.sum() > 0:
        p[...] = 1.0
    return torch.from_numpy(p / p.sum())


@settings(max_examples=250, deadline=None, derandomize=True)
@given(joints())
def test_any_joint_is_certified(p: torch.Tensor) -> None:
    d = decompose(p, TIGHT)
    assert float(d.solution.gap) <= 1e-9
    verify(p, d)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(joints())
def test_scaling_is_certified_too(p: torch.Tensor) -> None:
    d = decompose(p, Scaling(tol=1e-2))
    verify(p, d)
    exact = atoms(p)
    np.testing.assert_allclose(atoms(p, Scaling(tol=1e-2)), exact, atol=float(d.solution.gap))


def test_one_symbol_axes() -> None:
    p = dirichlet(1, 5, 4, seed=7)
    np.testing.assert_allclose(atoms(p), [0, 0, float(mutual_information(p.sum(0))), 0], atol=1e-12)
    np.testing.assert_allclose(atoms(dirichlet(4, 5, 1, seed=8)), np.zeros(4), atol=1e-12)


def test_masses_of_1e_minus_14() -> None:
    """Nearly empty cells on an AND gate move nothing."""
    p, *expected = GATES["and"]
    p = torch.where(p > 0, p, 1e-14)
    np.testing.assert_allclose(atoms(p / p.sum()), expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_sparse_counts_of_many_classes(seed: int) -> None:
    """The many-classes path at its hardest: most class blocks fall apart."""
    rng = np.random.default_rng(seed)
    shape = (*rng.integers(3, 12, size=2), int(rng.integers(40, 60)))
    p = counts(*map(int, shape), seed=seed, samples=300, informative=float(rng.random()))
    d = decompose(p, TIGHT)
    assert float(d.solution.gap) <= 1e-9
    verify(p, d)


def test_thousands_of_joints_with_masses_over_sixteen_decades() -> None:
    p = dirichlet(3, 3, 3, seed=9, alpha=0.05, batch=(4000,))
    d = decompose(p)
    assert float(d.solution.gap.max()) <= 1e-6
    assert float(d.solution.marginal_error.max()) <= 1e-12


@pytest.mark.parametrize("tol", [1e-3, 1e-6])
def test_a_table_of_late_training_that_jams_the_newton_steps(tol: float) -> None:
    """Drawn from a probe of a run on spoken digits: classes nearly pure, masses down to 1e-16."""
    path = Path(__file__).with_name("faint_cells.json")
    marginals = [torch.tensor(m, dtype=torch.float64)[None] for m in json.loads(path.read_text())]
    output = FastPID(tol=tol).solve(tuple(marginals))
    assert output.status.tolist() == [Status.SOLVED]
    assert float(output.gap) <= tol
    for axis, marginal in zip((2, 1), marginals, strict=True):
        assert float((output.q.sum(axis) - marginal).abs().max()) < 1e-12


def test_what_breaks_down_never_replaces_what_did_not() -> None:
    """A second table of that run: there, scaling ends in NaN, and the Newton steps at 0.0055."""
    path = Path(__file__).with_name("fainter_cells.json")
    marginals = [torch.tensor(m, dtype=torch.float64)[None] for m in json.loads(path.read_text())]
    output = FastPID(tol=1e-3).solve(tuple(marginals))
    assert 0 < float(output.gap) < 0.01
    assert bool(output.q.isfinite().all())


def test_nearly_pure_joints_with_faint_cells_converge() -> None:
    """Each class in one cell, and noise over sixteen decades: what late training looks like."""
    generator = torch.Generator().manual_seed(0)
    joints = []
    for _ in range(200):
        symbols = int(torch.randint(3, 11, (1,), generator=generator))
        places = torch.randint(0, symbols, (2, 10), generator=generator)
        joint = torch.zeros(10, 10, 10, dtype=torch.float64)
        joint[places[0], places[1], torch.arange(10)] = torch.rand(10, generator=generator).double()
        bend = float(torch.rand(1, generator=generator))
        faint = 10 ** (-16 * torch.rand(10, 10, 10, generator=generator).double() ** bend)
        present = torch.rand(10, 10, 10, generator=generator) < 0.4
        joints.append(joint + 0.05 * faint * present)
    d = decompose(torch.stack(joints), normalise=True)  # raises where one does not converge
    assert float(d.solution.gap.max()) <= 1e-6
    assert float(d.solution.marginal_error.max()) < 1e-12
