"""Cases run by each probe: values, intervals and CPU seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits
from torch import Tensor

from benchmarks.diagnosis.cases import Case
from fusion_sched.pid import Decomposition, FastPID, decompose, joint_from_labels
from fusion_sched.pid.fastpid_published import PublishedFastPID
from fusion_sched.probe import KMeansProbe
from fusion_sched.probe.kmeans import cluster_all
from fusion_sched.probe.posterior import estimate
from fusion_sched.types import Estimate, ProbeInputs

SAMPLES = 1280
Atoms = tuple[Estimate, Estimate, Estimate, Estimate]
Diagnose = Callable[[dict[str, Tensor], Tensor], Atoms]


def k_means(embeddings: dict[str, Tensor], y: Tensor) -> Atoms:
    """Redundancy, unique informations and synergy by the k-means probe."""
    found, _ = KMeansProbe().diagnose(ProbeInputs(embeddings, {}, y), FastPID(), {})
    assert found.redundancy is not None
    assert found.synergy is not None
    return found.redundancy, found.unique["a"], found.unique["b"], found.synergy


def posterior(embeddings: dict[str, Tensor], y: Tensor) -> Atoms:
    """The same by cross-fitted posteriors."""
    pair = estimate(embeddings, y).against_rest["a"]
    return pair["redundancy"], pair["unique1"], pair["unique2"], pair["synergy"]


def as_published(embeddings: dict[str, Tensor], y: Tensor) -> Decomposition:
    """Cluster and decompose once, without intervals, as the published code does."""
    with threadpool_limits(1):
        arrays = {m: e.numpy() for m, e in embeddings.items()}
        clustered, _ = cluster_all(arrays, 20, 5, 42, {}, starts=1)
        joint = joint_from_labels(*clustered.own.values(), y.numpy())
        return decompose(joint, PublishedFastPID())


@dataclass(frozen=True)
class Trial:
    """One sample of a case: truth and estimate of the four atoms."""

    case: Case
    atoms: Atoms

    @property
    def errors(self) -> np.ndarray:
        values = np.array([m.value for m in self.atoms])
        return values - np.array(self.case.truth)

    @property
    def worst(self) -> float:
        return float(np.abs(self.errors).max())

    @property
    def covered(self) -> np.ndarray:
        """Whether each interval holds the truth, to 0.001 bit."""
        return np.array(
            [
                m.low - 1e-3 <= truth <= m.high + 1e-3
                for m, truth in zip(self.atoms, self.case.truth, strict=True)
            ]
        )


def run(case: Case, diagnose: Diagnose, seed: int, samples: int = SAMPLES) -> Trial:
    """Draw the samples of this seed and diagnose them."""
    return Trial(case, diagnose(*case.samples(samples, seed)))


def seconds(call: Callable[[], object], runs: int = 3) -> float:
    """Median CPU seconds after one call that warms up."""
    call()
    taken = []
    for _ in range(runs):
        started = time.process_time()
        call()
        taken.append(time.process_time() - started)
    return float(np.median(taken))
