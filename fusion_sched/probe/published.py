"""The probe of the code published with arXiv 2509.20840, as a reference implementation."""

import time
from dataclasses import dataclass
from typing import ClassVar

from threadpoolctl import threadpool_limits

from fusion_sched.estimation import Settings
from fusion_sched.pid import Solver
from fusion_sched.probe.cells import ProbeState, diagnose_cells
from fusion_sched.probe.checks import check_embeddings, check_schedule
from fusion_sched.probe.kmeans import cluster_all
from fusion_sched.types import Diagnosis, ProbeInputs


@dataclass(frozen=True)
class PublishedProbe:
    """The probe of the code published with arXiv 2509.20840, kept as a reference.

    The first ``samples`` of the train split in its own order, but without the augmentation that the
    published code leaves on; rows scaled to unit length, 5 principal components, k-means with 20
    clusters fitted anew at each probe (seed 42, one start); the histogram as it is, without any
    correction. Labels are renumbered, where the published code fails on a class that is absent.
    The intervals are ours.
    """

    on_device: ClassVar[bool] = False
    last_epoch: ClassVar[bool] = False

    every: int = 5
    joint_every: int = 5
    samples: int = 1280
    source: str = "prefix"
    resamples: int = 20
    shuffles: int = 1

    def __post_init__(self) -> None:
        if self.source != "prefix":
            raise ValueError(
                f"source is {self.source!r}, expected 'prefix': the published probe takes the "
                "first samples of train; set probe.source=prefix"
            )
        check_schedule(self.every, self.joint_every, self.samples, "train")
        Settings("none", self.resamples, self.shuffles)

    def diagnose(
        self, inputs: ProbeInputs, solver: Solver, state: ProbeState
    ) -> tuple[Diagnosis, ProbeState]:
        """Plug-in (maximum-likelihood) estimate of the 20 × 20 clusters and the label."""
        check_embeddings(inputs.embeddings, inputs.y)
        with threadpool_limits(1):
            started = time.perf_counter()
            arrays = {m: e.numpy() for m, e in inputs.embeddings.items()}
            clustered, _ = cluster_all(arrays, 20, 5, 42, {}, starts=1)
            settings = Settings("none", self.resamples, self.shuffles)
            return diagnose_cells(clustered, inputs, settings, solver, 42, state, {}, started)
