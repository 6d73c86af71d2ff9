import numpy as np

from fusion_sched.estimation.boundary import boundary_weights, towards_boundary
from fusion_sched.estimation.entropies import plug_in
from fusion_sched.estimation.informations import informations, solved, union_of
from fusion_sched.estimation.smoothing import smoothed
from fusion_sched.estimation.tables import drawn_tables
from fusion_sched.pid.scaling import Scaling


def sources(noise1: float, noise2: float, clusters: int = 4, classes: int = 4) -> np.ndarray:
    channels = [(1 - a) * np.eye(clusters) + a / clusters for a in (noise1, noise2)]
    return np.einsum("iy,jy->ijy", *channels) / classes


def test_a_smoothed_table_is_a_joint_on_the_symbols_that_occur() -> None:
    counts = np.zeros((2, 4, 3, 5))
    counts[:, :3, :2, :4] = np.random.default_rng(0).integers(0, 4, (2, 3, 2, 4))
    p = smoothed(counts)
    np.testing.assert_allclose(p.sum((1, 2, 3)), 1)
    assert (p >= 0).all()
    assert (p[:, 3] == 0).all()
    assert (p[:, :, 2] == 0).all()
    assert (p[:, :3, :2, :4][counts[:, :3, :2, :4] > 0] > 0).all()


def test_smoothing_is_nearer_the_truth_than_the_table() -> None:
    truth = sources(0.5, 0.6)
    counts = drawn_tables(truth, 300, 20, np.random.default_rng(1))

    def distance(p: np.ndarray) -> float:
        return float(np.abs(p - truth).sum((1, 2, 3)).mean())

    assert distance(smoothed(counts)) < 0.9 * distance(counts / 300)


def test_beliefs_tell_an_own_part_from_none() -> None:
    rng = np.random.default_rng(2)
    counts = np.concatenate(
        [drawn_tables(sources(*noise), 1000, 10, rng) for noise in ((0.5, 0.5), (0.3, 0.7))]
    )
    coupling = solved(counts, Scaling(tol=1e-3)).solution.q.sum(-1).numpy()
    first, second = boundary_weights(counts, coupling)
    assert (first[:10] > 0.5).mean() > 0.7
    assert (second[:10] > 0.5).mean() > 0.7
    assert (first[10:] < 0.1).all()
    assert (second[10:] > 0.9).all()


def test_believed_worlds_lie_near_the_boundary_and_others_stay() -> None:
    counts = drawn_tables(sources(0.5, 0.5), 1000, 6, np.random.default_rng(3))
    found = solved(counts, Scaling(tol=1e-3))
    coupling = found.solution.q.sum(-1).numpy()
    base = smoothed(counts)
    one, zero = np.ones(6), np.zeros(6)
    near = solved(towards_boundary(base, counts, coupling, (one, one)), Scaling(tol=1e-3))
    assert float(near.unique1.mean()) < 0.4 * float(found.unique1.mean())
    stays = towards_boundary(base, counts, coupling, (zero, zero))
    np.testing.assert_allclose(stays.sum(2), counts.sum(2) / 1000, atol=1e-6)
    np.testing.assert_allclose(stays.sum(1), counts.sum(1) / 1000, atol=1e-6)


def test_informations_agree_with_the_solver_package() -> None:
    counts = np.random.default_rng(4).integers(0, 6, (5, 3, 4, 2)).astype(float)
    found = solved(counts, Scaling(tol=1e-3))
    mine = informations(counts, union_of(found), plug_in)
    for place, name in enumerate(("mi1", "mi2", "joint_mi")):
        np.testing.assert_allclose(mine[:, place], getattr(found, name).numpy(), atol=1e-12)
