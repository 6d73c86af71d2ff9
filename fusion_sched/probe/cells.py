"""From cells (cluster ids) of each modality to a diagnosis; all pairs are one batch."""

import time
from itertools import combinations
from typing import NamedTuple

import numpy as np
from torch import Tensor

from fusion_sched.estimation import Settings, estimate_pairs
from fusion_sched.pid import Solver
from fusion_sched.probe.assemble import assemble
from fusion_sched.types import Diagnosis, ProbeInputs

ProbeState = dict[str, Tensor]
"""What a probe remembers until the next one: tensors only, so that it checkpoints."""


class Clustered(NamedTuple):
    """Cluster ids ``(N,)`` of each modality, and of all others together."""

    own: dict[str, np.ndarray]
    rest: dict[str, np.ndarray]


def joint_codes(columns: list[np.ndarray]) -> np.ndarray:
    """Return one id per combination of ids that occurs ``(N,)``."""
    return contiguous_codes(
        np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)[1].ravel()
    )


def contiguous_codes(ids: np.ndarray) -> np.ndarray:
    """Return the ids as 0, 1, … without gaps."""
    return np.asarray(np.unique(ids, return_inverse=True)[1])


def diagnose_cells(
    clustered: Clustered,
    inputs: ProbeInputs,
    settings: Settings,
    solver: Solver,
    seed: int,
    state: ProbeState,
    centres: ProbeState,
    started: float,
) -> tuple[Diagnosis, ProbeState]:
    """Estimate all pairs as one batch and gather them into a diagnosis."""
    clustered_at = time.perf_counter()
    names = list(clustered.own)
    labels = contiguous_codes(inputs.y.numpy())
    # Two modalities are each other's rest: one pair tells all.
    against_rest = names if len(names) != 2 else names[:1]
    sources = {m: (clustered.own[m], clustered.rest[m]) for m in against_rest}
    if len(names) > 2:
        sources |= {
            f"{a}/{b}": (clustered.own[a], clustered.own[b]) for a, b in combinations(names, 2)
        }
    estimates = dict(
        zip(sources, estimate_pairs(list(sources.values()), labels, settings, solver, seed),
            strict=True)
    )  # fmt: skip
    seconds = {
        "cluster": clustered_at - started,
        "solve": time.perf_counter() - clustered_at,
    }
    diagnosis, errors = assemble(estimates, clustered.own, labels, inputs, state, seconds)
    return diagnosis, centres | errors
