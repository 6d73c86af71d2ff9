"""What is timed: embeddings with so much information, and the published diagnosis of them."""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from fusion_sched.pid import Decomposition, decompose, joint_from_labels
from fusion_sched.pid.fastpid_published import PublishedFastPID
from fusion_sched.probe.kmeans import cluster_all
from fusion_sched.types import ProbeInputs

SAMPLES, FEATURES, CLASSES = 1280, 64, 6


def embeddings(spread: float) -> ProbeInputs:
    """Class centres at unit distance with this much noise; infinite: noise alone."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, SAMPLES)
    values = {}
    for name in ("first", "second"):
        noise = rng.normal(size=(SAMPLES, FEATURES))
        centres = rng.normal(size=(CLASSES, FEATURES))
        values[name] = torch.as_tensor(noise if np.isinf(spread) else centres[y] + spread * noise)
    return ProbeInputs(values, {}, torch.as_tensor(y))


def published(seen: ProbeInputs) -> Decomposition:
    """Cluster and decompose once, as the published code does."""
    with threadpool_limits(1):
        arrays = {m: e.numpy() for m, e in seen.embeddings.items()}
        clustered, _ = cluster_all(arrays, 20, 5, 42, {}, starts=1)
        p = joint_from_labels(*clustered.own.values(), seen.y.numpy())
        return decompose(p, PublishedFastPID())


def median_seconds(call: Callable[[], object], runs: int) -> float:
    call()
    seconds = []
    for _ in range(runs):
        started = time.process_time()
        call()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)
