"""Cells by the classes that the unimodal heads predict."""

import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fusion_sched.estimation import Settings
from fusion_sched.pid import Solver
from fusion_sched.probe.cells import (
    Clustered,
    ProbeState,
    contiguous_codes,
    diagnose_cells,
    joint_codes,
)
from fusion_sched.probe.checks import check_schedule, check_seed
from fusion_sched.types import Diagnosis, ProbeInputs


@dataclass(frozen=True)
class PredictionsProbe:
    """Takes as a modality's cluster the class that its own head predicts.

    As many clusters as classes, and nothing to choose; it sees only what the head has learned, so
    nothing of an untrained head. The other knobs are those of ``KMeansProbe``.
    """

    on_device: ClassVar[bool] = False
    last_epoch: ClassVar[bool] = True

    every: int = 1
    joint_every: int = 1
    samples: int = 1280
    source: str = "train"
    bias: str = Settings.bias
    resamples: int = 100
    shuffles: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        check_schedule(self.every, self.joint_every, self.samples, self.source)
        check_seed(self.seed)
        Settings(self.bias, self.resamples, self.shuffles)

    def diagnose(
        self, inputs: ProbeInputs, solver: Solver, state: ProbeState
    ) -> tuple[Diagnosis, ProbeState]:
        """Estimate, in bits, what the heads' predictions say of the label."""
        started = time.perf_counter()
        own = {m: contiguous_codes(p.numpy()) for m, p in inputs.predictions.items()}
        rest = {}
        for m in own:
            others = [own[o] for o in own if o != m]
            rest[m] = joint_codes(others) if others else np.zeros_like(own[m])
        settings = Settings(self.bias, self.resamples, self.shuffles)
        clustered = Clustered(own, rest)
        return diagnose_cells(clustered, inputs, settings, solver, self.seed, state, {}, started)
