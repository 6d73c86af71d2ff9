"""Batches in chunks: bounded memory, and the chunks in parallel on the processor's threads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import torch

from fusion_sched.pid.problem import Duals, Solver, SolverOutput

CHUNK_BYTES = {"cpu": 2**24, "cuda": 2**31}  # working memory of one chunk; on CPU it fits the cache
PROBLEM_BYTES = 2**32  # limit for one problem
LARGE_BYTES = 2**25  # from here on several threads pay within one problem
MAX_CELLS = 100_000  # n1 ... nM ny, for three or more sources


def solve_in_chunks(solver: Solver, marginals: Duals) -> SolverOutput:
    """Solve as many problems at a time as `CHUNK_BYTES` allows.

    On a CPU each chunk runs on one thread, because the matrices of a problem are too small for
    several. Chunks run in parallel on at most `torch.get_num_threads()` threads.
    """
    need = _bytes_per_problem(solver, marginals)
    device = marginals[0].device.type
    size = max(1, CHUNK_BYTES.get(device, CHUNK_BYTES["cpu"]) // need)
    chunks = list(zip(*(torch.split(m, size) for m in marginals), strict=True))
    threads = min(torch.get_num_threads(), len(chunks))
    if device != "cpu" or (need > LARGE_BYTES and threads == 1):
        return SolverOutput.concatenate([solver.solve(chunk) for chunk in chunks])
    with _one_thread_each():
        if threads == 1:
            return SolverOutput.concatenate([solver.solve(chunk) for chunk in chunks])
        with ThreadPoolExecutor(threads) as pool:
            parts = pool.map(partial(_in_worker, solver), chunks)
            return SolverOutput.concatenate(list(parts))


def _bytes_per_problem(solver: Solver, marginals: Duals) -> int:
    sizes = (*(m.shape[1] for m in marginals), marginals[0].shape[2])
    if len(sizes) > 3 and math.prod(sizes) > MAX_CELLS:
        raise ValueError(
            f"a joint of shape {sizes} has {math.prod(sizes):,} cells; three or more sources are "
            f"solved up to {MAX_CELLS:,}: merge symbols"
        )
    need = solver.bytes_per_problem(sizes)
    if need > PROBLEM_BYTES:
        raise ValueError(
            f"one joint of shape {sizes} needs {need / 2**30:.1f} GiB with {solver}; the limit is "
            f"{PROBLEM_BYTES / 2**30:.0f} GiB: merge symbols or use Scaling"
        )
    return need


@contextmanager
def _one_thread_each() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _in_worker(solver: Solver, chunk: Duals) -> SolverOutput:
    """Solve on a thread of the pool: thread count and gradient mode are set per thread."""
    torch.set_num_threads(1)
    with torch.no_grad():
        return solver.solve(chunk)
