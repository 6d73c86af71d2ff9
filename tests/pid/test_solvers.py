"""The other solvers, three or more sources, configurations and former names."""

from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import get_object

from fusion_sched import pid
from fusion_sched.config.build import make
from fusion_sched.pid import FastPID, Status, decompose
from fusion_sched.pid.decomposition import decompose_sources
from fusion_sched.pid.fastpid_published import PublishedFastPID
from fusion_sched.pid.proxy import Proxy, conditionally_independent
from fusion_sched.pid.scaling import Scaling, scale_steps
from tests.pid.problems import GATES, check_certificate, counts, dirichlet, gate

ATOMS = ("redundancy", "unique1", "unique2", "synergy")
CONFIGURATIONS = Path(__file__).parents[2] / "conf" / "solver"


@pytest.mark.parametrize(
    "solver", [Proxy(), PublishedFastPID(max_iterations=60), Scaling(tol=1e-3)]
)
@pytest.mark.parametrize("seed", range(3))
def test_every_error_bar_holds(solver: object, seed: int) -> None:
    p = counts(8, 7, 4, seed=seed, samples=400)
    exact, d = decompose(p, FastPID(tol=1e-9)), decompose(p, solver)
    for name in ATOMS:
        off = abs(float(getattr(d, name) - getattr(exact, name)))
        assert off <= float(d.solution.gap) + 2e-9


def test_scaling_meets_loose_tolerances_on_any_problem_of_a_batch() -> None:
    p = torch.stack([dirichlet(20, 20, 6), counts(20, 20, 6), counts(20, 20, 6, informative=1.0)])
    d = decompose(p, Scaling(tol=1e-3))
    assert float(d.solution.gap.max()) <= 1e-3
    assert d.solution.converged.all()


@pytest.mark.parametrize("name", ["xor", "unique", "redundant", "copy", "redundant_xor"])
def test_proxy_is_exact_on_gates_of_independent_or_equal_sources(name: str) -> None:
    p, *expected = GATES[name]
    d = decompose(p, Proxy())
    assert [float(getattr(d, atom)) for atom in ATOMS] == pytest.approx(expected, abs=1e-12)
    assert d.solution.status == Status.UNCONTROLLED


def test_proxy_on_and_is_off_as_measured() -> None:
    """Known: (.082, .230, .230, .270) where (.311, 0, 0, .5) is right."""
    d = decompose(GATES["and"][0], Proxy())
    values = [float(getattr(d, atom)) for atom in ATOMS]
    assert values == pytest.approx([0.082, 0.230, 0.230, 0.270], abs=1e-3)
    assert 0.229 < float(d.solution.gap) < 0.25


def test_published_behaves_as_published() -> None:
    """The released code on AND: R .3079 U1 .0033 U2 .0009 S .4991 after 104 iterations."""
    d = decompose(GATES["and"][0], PublishedFastPID())
    values = [float(getattr(d, atom)) for atom in ATOMS]
    assert values == pytest.approx([0.3079, 0.0033, 0.0009, 0.4991], abs=1e-3)
    assert int(d.solution.iterations) == pytest.approx(104, abs=10)


def test_published_loses_the_second_source() -> None:
    """The defect of the released code: axis 2 loses its unique information, also when swapped."""
    p = counts(20, 20, 6, seed=4, informative=0.3)
    for x in (p, p.transpose(0, 1)):
        exact, d = decompose(x), decompose(x, PublishedFastPID(max_iterations=400))
        assert float(d.unique2) < 0.5 * float(exact.unique2)
        assert float(d.solution.marginal_error) > 0.1


def test_three_sources_with_a_constant_one_are_two() -> None:
    p = dirichlet(4, 3, 5, seed=5)
    two = decompose(p, FastPID(tol=1e-9))
    for axis in range(3):
        three = decompose_sources(p.unsqueeze(axis), 3, FastPID(tol=1e-9))
        assert float(three.union) == pytest.approx(float(two.mi1 + two.unique2), abs=2e-9)
        assert float(three.synergy) == pytest.approx(float(two.synergy), abs=2e-9)


def test_parity_of_three_is_all_synergy() -> None:
    p = gate(lambda a, b, c: (a, b, (c, a ^ b ^ c)), 2, 2, 2)  # the third source is (c, parity)
    parity = torch.zeros(2, 2, 2, 2, dtype=torch.float64)
    for cell in range(8):
        a, b, c = cell >> 2, cell >> 1 & 1, cell & 1
        parity[a, b, c, a ^ b ^ c] = 0.125
    d = decompose_sources(parity, 3)
    assert float(d.union) == pytest.approx(0, abs=1e-6)
    assert float(d.synergy) == pytest.approx(1, abs=1e-6)
    assert p.shape == (2, 2, 4)


@pytest.mark.parametrize("shape", [(3, 4, 2, 5), (2, 3, 2, 2, 3)])
@pytest.mark.parametrize("alpha", [1.0, 0.1])
def test_many_sources_are_certified(shape: tuple[int, ...], alpha: float) -> None:
    p = dirichlet(*shape, seed=6, alpha=alpha, batch=(3,))
    p[1].select(1, 1).zero_()
    p = p / p.flatten(1).sum(1).reshape(-1, *[1] * len(shape))
    d = decompose_sources(p, len(shape) - 1, FastPID(tol=1e-9))
    assert d.mi.shape == (3, len(shape) - 1)
    assert float(d.solution.gap.max()) <= 1e-9
    for k in range(3):
        duals = [dual[k].numpy() for dual in d.solution.duals]
        q, gap = d.solution.q[k].numpy(), float(d.solution.gap[k])
        union = check_certificate(p[k].numpy(), q, duals, gap)
        assert float(d.union[k]) == pytest.approx(union, abs=1e-12)
        assert float(d.mi[k].max()) <= union + 1e-9
        assert union <= float(d.joint_mi[k]) + 1e-9


def test_limits_of_many_sources() -> None:
    p = torch.full((30, 30, 20, 6), 1 / 108_000, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"108,000 cells; three or more sources .* up to 100,000"):
        decompose_sources(p, 3)
    with pytest.raises(ValueError, match="Scaling solves two sources, got 3; use FastPID"):
        decompose_sources(p[:2, :2, :2] * 2250, 3, Scaling())
    with pytest.raises(ValueError, match="PublishedFastPID solves two sources, got 3"):
        decompose_sources(p[:2, :2, :2] * 2250, 3, PublishedFastPID())


@pytest.mark.parametrize("p", [dirichlet(5, 4, 3, seed=8), counts(5, 4, 3, seed=8, samples=20)])
def test_the_first_scaling_step_gives_the_closed_form_proxy(p: torch.Tensor) -> None:
    """FastPID and Scaling start from P(x1, y) P(x2, y) / P(y)."""
    a, b = p.sum(1)[None], p.sum(0)[None]
    r = a.sum(2).unsqueeze(2) * b.sum(2).unsqueeze(1)
    u, v, r, _ = scale_steps((a, b), r, torch.ones_like(b), 1)
    q = r.unsqueeze(-1) * u.unsqueeze(2) * v.unsqueeze(1)
    torch.testing.assert_close(q, conditionally_independent((a, b)))


@pytest.mark.parametrize("name", ["fastpid", "fastpid_published", "proxy", "scaling"])
def test_configurations_name_every_solver_with_its_own_defaults(name: str) -> None:
    text = (CONFIGURATIONS / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    settings = yaml.safe_load(text)
    target = get_object(settings.pop("_target_"))
    assert target(**settings) == target()
    assert any(solver is target for solver in (FastPID, PublishedFastPID, Proxy, Scaling))


@pytest.mark.parametrize(
    ("former", "solver"),
    [
        ("InteriorPoint", FastPID),
        ("Proxy", Proxy),
        ("Published", PublishedFastPID),
        ("Scaling", Scaling),
    ],
)
def test_former_class_paths_resolve_with_a_note(former: str, solver: type) -> None:
    with pytest.warns(FutureWarning, match=rf"fusion_sched\.pid\.{former} is now .*solver="):
        assert get_object(f"fusion_sched.pid.{former}") is solver


@pytest.mark.parametrize(
    ("former", "name"), [("interior_point", "fastpid"), ("published", "fastpid_published")]
)
def test_former_choices_build_the_same_solver_with_a_note(former: str, name: str) -> None:
    with initialize_config_dir(str(CONFIGURATIONS.parent), version_base="1.3"):
        before, after = (compose(overrides=[f"+solver={choice}"]) for choice in (former, name))
    with pytest.warns(FutureWarning, match=rf"\(solver={name}\)"):
        assert make(before, "solver") == make(after, "solver")


def test_other_names_are_unknown() -> None:
    with pytest.raises(AttributeError, match=r"'fusion_sched.pid' has no attribute 'Interior'"):
        pid.__getattr__("Interior")
