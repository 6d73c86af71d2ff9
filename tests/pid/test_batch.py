"""Batches: the same answers as one by one, whatever is mixed, within a stated memory."""

import numpy as np
import pytest
import torch

from fusion_sched.pid import FastPID, NotConverged, Status, chunks, decompose
from fusion_sched.pid.scaling import Scaling
from tests.pid.problems import GATES, counts, dirichlet


def mixed(shape: tuple[int, int, int] = (6, 5, 4)) -> torch.Tensor:
    """Easy and hard joints, with different supports."""
    parts = [
        dirichlet(*shape, seed=1),
        dirichlet(*shape, seed=2, alpha=0.03),
        counts(*shape, seed=3, samples=30),
        counts(*shape, seed=4, samples=300, informative=1.0),
        torch.full(shape, 1.0 / np.prod(shape), dtype=torch.float64),
    ]
    hollow = dirichlet(*shape, seed=5)
    hollow[2], hollow[:, 1], hollow[..., 3] = 0, 0, 0
    point = torch.zeros(shape, dtype=torch.float64)
    point[1, 2, 3] = 1
    return torch.stack([p / p.sum() for p in (*parts, hollow, point)])


def same(whole: object, part: object, index: int, atol: float) -> None:
    for name in ("redundancy", "unique1", "unique2", "synergy", "mi1", "mi2", "joint_mi"):
        assert float(getattr(whole, name)[index]) == pytest.approx(
            float(getattr(part, name)), abs=atol
        )


@pytest.mark.parametrize("solver", [FastPID(tol=1e-9), Scaling(tol=1e-3)])
@pytest.mark.parametrize("shape", [(6, 5, 4), (5, 6, 30)])
def test_batch_equals_one_by_one(solver: FastPID | Scaling, shape) -> None:
    p = mixed(shape)
    whole = decompose(p, solver)
    for index, one in enumerate(p):
        same(whole, decompose(one, solver), index, 2 * solver.tol)


def test_results_carry_the_batch_shape() -> None:
    p = mixed()[:6].reshape(3, 1, 2, 6, 5, 4)
    d = decompose(p)
    assert d.redundancy.shape == d.joint_mi.shape == d.solution.gap.shape == (3, 1, 2)
    assert d.solution.q.shape == p.shape
    assert d.solution.dual1.shape == (3, 1, 2, 6, 4)
    assert d.solution.dual2.shape == (3, 1, 2, 5, 4)
    assert d.solution.status.shape == d.solution.iterations.shape == (3, 1, 2)
    assert d.solution.converged.all()


def test_other_layouts_and_precisions() -> None:
    p = mixed()
    exact = decompose(p)
    strided = p.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    assert not strided.is_contiguous()
    torch.testing.assert_close(decompose(strided).synergy, exact.synergy)
    torch.testing.assert_close(decompose(p.numpy()).synergy, exact.synergy)
    single = decompose(p.float())
    assert single.synergy.dtype == torch.float64
    torch.testing.assert_close(single.synergy, exact.synergy, atol=1e-4, rtol=0)
    nested = decompose(GATES["xor"][0].tolist())
    assert float(nested.synergy) == pytest.approx(1.0, abs=1e-6)


def test_ten_thousand_tiny_problems() -> None:
    p = dirichlet(2, 2, 2, seed=6, batch=(10_000,))
    d = decompose(p)
    assert d.solution.converged.all()
    assert float(d.solution.gap.max()) <= 1e-6
    assert float(d.solution.marginal_error.max()) <= 1e-12


def test_chunks_stay_within_the_stated_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """No chunk is larger than the limit allows, and chunks change no answer."""
    solver, p = FastPID(tol=1e-9), dirichlet(6, 5, 4, seed=7, batch=(23,))
    whole = decompose(p, solver)
    limit = 5 * solver.bytes_per_problem((6, 5, 4))
    monkeypatch.setitem(chunks.CHUNK_BYTES, "cpu", limit)
    seen: list[int] = []

    class Watched:
        bytes_per_problem = staticmethod(solver.bytes_per_problem)

        @staticmethod
        def solve(marginals):
            seen.append(len(marginals[0]))
            return solver.solve(marginals)

    chunked = decompose(p, Watched())
    assert seen == [5, 5, 5, 5, 3]
    torch.testing.assert_close(chunked.synergy, whole.synergy, atol=2e-9, rtol=0)
    torch.testing.assert_close(chunked.solution.q.sum((1, 2)), p.sum((1, 2)))


def test_the_estimate_of_memory_is_an_upper_bound() -> None:
    """What torch allocates at one time, measured by its profiler, against bytes_per_problem."""
    solver, batch = FastPID(), 8
    for shape in ((12, 11, 6), (6, 5, 40)):
        p = dirichlet(*shape, seed=8, batch=(batch,))
        marginals = (p.sum(2), p.sum(1))
        with torch.profiler.profile(profile_memory=True) as profile:
            solver.solve(marginals)
        level = peak = 0
        for event in profile.profiler.kineto_results.events():
            if event.name() == "[memory]":
                level += event.nbytes()
                peak = max(peak, level)
        assert 0 < peak <= 1.5 * batch * solver.bytes_per_problem(shape)


def test_a_problem_beyond_the_limit_is_refused() -> None:
    p = torch.ones(100, 100, 100)
    with pytest.raises(ValueError, match=r"needs .* GiB with FastPID.*limit is 4 GiB"):
        decompose(p / p.sum())


def test_not_converged_raises_or_reports() -> None:
    p = torch.stack([torch.full((20, 20, 6), 1 / 2400.0).double(), counts(20, 20, 6, seed=9)])
    solver = FastPID(tol=1e-9, max_iterations=2)
    with pytest.raises(
        NotConverged, match=r"p\[1\]: certified gap .* bits after 2 iterations .*max_iterations=2"
    ):
        decompose(p, solver)
    d = decompose(p, solver, throw=False)
    assert d.solution.status.tolist() == [Status.SOLVED, Status.ITERATION_LIMIT]
    exact = decompose(p)
    assert 1e-9 < float(d.solution.gap[1]) < 1
    error = float((d.synergy - exact.synergy)[1].abs())
    assert error <= float(d.solution.gap[1])
    with pytest.raises(NotConverged, match="after 50 iterations of Scaling"):
        decompose(p[1], Scaling(tol=1e-6, max_iterations=50))


def test_threads_share_the_chunks_and_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    p = dirichlet(6, 5, 4, seed=10, batch=(24,))
    whole = decompose(p)
    monkeypatch.setitem(chunks.CHUNK_BYTES, "cpu", 4 * FastPID().bytes_per_problem((6, 5, 4)))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        shared = decompose(p)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(shared.synergy, whole.synergy, atol=2e-6, rtol=0)


def test_a_breakdown_is_not_reported_as_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first run that ends in NaN gives way to the second."""

    solve, calls = FastPID._iterate, []

    def broken_once(self, system, warm_steps, limit):
        calls.append(limit)
        output = solve(self, system, warm_steps, 0 if len(calls) == 1 else limit)
        if len(calls) == 1:
            output.gap.fill_(float("nan"))
        return output

    monkeypatch.setattr(FastPID, "_iterate", broken_once)
    assert decompose(dirichlet(4, 4, 3)).solution.converged
    assert len(calls) == 2


def test_hard_problems_get_a_second_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first run, a better start on the Schur path."""
    from fusion_sched.pid import fastpid

    monkeypatch.setattr(fastpid, "FIRST_RUN", 1)
    d = decompose(mixed((5, 6, 30)), FastPID(tol=1e-9))
    assert d.solution.converged.all()
    assert int(d.solution.iterations.max()) > 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("shape", [(6, 5, 4), (5, 6, 30)])
def test_cuda_agrees(shape) -> None:
    p = mixed(shape)
    here, there = decompose(p), decompose(p.cuda())
    assert there.synergy.is_cuda
    torch.testing.assert_close(there.synergy.cpu(), here.synergy, atol=2e-6, rtol=0)
