"""From embeddings and labels to a `Diagnosis`; a probe never sees a model."""

from collections.abc import Mapping
from typing import Any

import torch

from fusion_sched.estimation import Settings
from fusion_sched.pid import FastPID, Solver
from fusion_sched.probe.checks import checked_array, checked_labels
from fusion_sched.probe.kmeans import KMeansProbe
from fusion_sched.probe.posterior import PosteriorProbe
from fusion_sched.probe.predictions import PredictionsProbe
from fusion_sched.probe.published import PublishedProbe
from fusion_sched.types import Diagnosis, ProbeInputs

__all__ = ["KMeansProbe", "PosteriorProbe", "PredictionsProbe", "PublishedProbe", "diagnose"]


def diagnose(
    modalities: Mapping[str, Any],
    y: Any,
    *,
    clusters: int | str = "auto",
    bias: str = Settings.bias,
    resamples: int = 100,
    shuffles: int = 20,
    solver: Solver | None = None,
    seed: int = 0,
) -> Diagnosis:
    """Diagnose your own arrays: what does each modality say of the label, in bits?

    Args:
        modalities: name → float embeddings ``(N, features)``, clustered here, or integer labels
            ``(N,)``, taken as they are. Any number of modalities.
        y: integer labels ``(N,)``.
        clusters: number of clusters per modality of embeddings, or ``"auto"``.
        bias: correction, see ``estimation.Settings``.
        resamples: draws behind the intervals.
        shuffles: label permutations behind the null levels and p-values.
        solver: solver of the decomposition; ``FastPID()`` by default.
        seed: of k-means and of all draws.

    Raises:
        ValueError: arrays of different length, NaN, negative or non-integer labels.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.integers(0, 2, (2, 2000))
        >>> diagnosis = diagnose({"a": a, "b": b}, a ^ b)
        >>> round(diagnosis.synergy.value, 1), round(diagnosis.unique["a"].high, 1)
        (1.0, 0.0)
    """
    if not modalities:
        raise ValueError("no modality was given, expected at least one array besides y")
    if any("/" in name for name in modalities):
        raise ValueError(f"modalities are called {list(modalities)}; names must not hold a slash")
    target = checked_labels("y", y)
    arrays = {m: checked_array(m, v, len(target)) for m, v in modalities.items()}
    probe = KMeansProbe(
        clusters=clusters, bias=bias, resamples=resamples, shuffles=shuffles, seed=seed
    )
    inputs = ProbeInputs(
        {m: torch.as_tensor(v) for m, v in arrays.items()}, {}, torch.as_tensor(target)
    )
    return probe.diagnose(inputs, solver or FastPID(), {})[0]
