"""Embeddings → cluster labels → information with error bars → Diagnosis. Never sees a model."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from fusion_sched.estimation import Settings, estimate_pairs
from fusion_sched.pid import FastPID, Solver
from fusion_sched.probe.assemble import assemble
from fusion_sched.probe.clustering import (
    Clustered,
    ProbeState,
    cluster_all,
    coarseness,
    contiguous_codes,
    joint_codes,
    pick_clusters,
    zeros_like,
)
from fusion_sched.types import Diagnosis, ProbeInputs

SOURCES = ("train", "held_out", "validation")


@dataclass(frozen=True)
class KMeansProbe:
    """Clusters each modality's embeddings by k-means and estimates the information they carry.

    ``every``: epochs between two diagnoses in stage 1; ``joint_every``: in stage 2, where they
    steer nothing. ``samples``: at most that many, a fixed
    class-stratified choice. ``source``: ``train`` (without augmentation), ``held_out`` (a slice of
    train that is not trained on) or ``validation``. ``clusters``: a number, or ``auto``
    (``clustering.pick_clusters``), at most ``max_clusters``. ``components``: principal components
    before k-means. ``bias``, ``resamples``, ``shuffles``: see ``estimation.Settings``.
    """

    every: int = 1
    joint_every: int = 1
    samples: int = 1280
    source: str = "train"
    clusters: int | str = "auto"
    max_clusters: int = 20
    components: int | str = "auto"
    bias: str = Settings.bias
    resamples: int = 100
    shuffles: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        check_schedule(self.every, self.joint_every, self.samples, self.source)
        check_clusters(self.clusters, self.max_clusters)
        if self.components != "auto" and not (isinstance(self.components, int) and
                                              self.components >= 1):  # fmt: skip
            raise ValueError(
                f"components is {self.components!r}, expected 'auto' or a number of at least 1"
            )
        check_seed(self.seed)
        Settings(self.bias, self.resamples, self.shuffles)

    def diagnose(
        self, seen: ProbeInputs, solver: Solver, memory: ProbeState
    ) -> tuple[Diagnosis, ProbeState]:
        """Estimate, in bits, what the embeddings say of the label; remember centres and errors.

        Raises:
            ValueError: arrays of different length, NaN, or fewer samples than clusters.
        """
        check_embeddings(seen.embeddings, seen.y)
        # Two OpenMP threads that contend for cores make k-means and PCA twenty times slower.
        with threadpool_limits(1):
            started = time.perf_counter()
            labels = contiguous_codes(seen.y.numpy())
            classes = int(labels.max()) + 1
            count = pick_clusters(self.clusters, len(labels), classes, self.max_clusters)
            arrays = {m: e.numpy() for m, e in seen.embeddings.items()}
            clustered, centres = cluster_all(arrays, count, self.components, self.seed, memory)
            settings = Settings(self.bias, self.resamples, self.shuffles)
            diagnosis, memory = measured(
                clustered, seen, settings, solver, self.seed, memory, centres, started
            )
            notes = coarseness(count, len(labels), classes) if self.clusters == "auto" else ()
            return replace(diagnosis, warnings=(*diagnosis.warnings, *notes)), memory


@dataclass(frozen=True)
class PredictionsProbe:
    """Takes as a modality's cluster the class that its own head predicts.

    As many clusters as classes, and nothing to choose; it sees only what the head has learned, so
    nothing of an untrained head. The other knobs are those of ``KMeansProbe``.
    """

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
        self, seen: ProbeInputs, solver: Solver, memory: ProbeState
    ) -> tuple[Diagnosis, ProbeState]:
        """Estimate, in bits, what the heads' predictions say of the label."""
        started = time.perf_counter()
        own = {m: contiguous_codes(p.numpy()) for m, p in seen.predictions.items()}
        rest = {}
        for m in own:
            others = [own[o] for o in own if o != m]
            rest[m] = joint_codes(others) if others else zeros_like(own[m])
        settings = Settings(self.bias, self.resamples, self.shuffles)
        clustered = Clustered(own, rest)
        return measured(clustered, seen, settings, solver, self.seed, memory, {}, started)


@dataclass(frozen=True)
class PublishedProbe:
    """The probe of the code published with arXiv 2509.20840, kept as a peer.

    The first ``samples`` of the train split in its own order, but without the augmentation that the
    published code leaves on; rows scaled to unit length, 5 principal components, k-means with 20
    clusters fitted anew at each probe (seed 42, one start); the histogram as it is, without any
    correction. Labels are renumbered, where the published code fails on a class that is absent.
    The intervals are ours.
    """

    every: int = 5
    joint_every: int = 5
    samples: int = 1280
    source: str = "prefix"
    resamples: int = 20
    shuffles: int = 1

    def __post_init__(self) -> None:
        if self.source != "prefix":
            raise ValueError(f"source is {self.source!r}, expected 'prefix': it is what this is")
        check_schedule(self.every, self.joint_every, self.samples, "train")
        Settings("none", self.resamples, self.shuffles)

    def diagnose(
        self, seen: ProbeInputs, solver: Solver, memory: ProbeState
    ) -> tuple[Diagnosis, ProbeState]:
        """Take the histogram of 20 × 20 clusters and the label at its word."""
        check_embeddings(seen.embeddings, seen.y)
        with threadpool_limits(1):
            started = time.perf_counter()
            arrays = {m: e.numpy() for m, e in seen.embeddings.items()}
            clustered, _ = cluster_all(arrays, 20, 5, 42, {}, starts=1)
            settings = Settings("none", self.resamples, self.shuffles)
            return measured(clustered, seen, settings, solver, 42, memory, {}, started)


def measured(
    clustered: Clustered,
    seen: ProbeInputs,
    settings: Settings,
    solver: Solver,
    seed: int,
    memory: ProbeState,
    centres: ProbeState,
    started: float,
) -> tuple[Diagnosis, ProbeState]:
    """Estimate all pairs as one batch and gather them into a diagnosis."""
    clustered_at = time.perf_counter()
    names = list(clustered.own)
    labels = contiguous_codes(seen.y.numpy())
    # Two modalities are each other's rest: one pair tells all.
    against_rest = names if len(names) != 2 else names[:1]
    sources = {m: (clustered.own[m], clustered.rest[m]) for m in against_rest}
    if len(names) > 2:
        sources |= {
            f"{a}/{b}": (clustered.own[a], clustered.own[b]) for a, b in combinations(names, 2)
        }
    found = dict(
        zip(sources, estimate_pairs(list(sources.values()), labels, settings, solver, seed),
            strict=True)
    )  # fmt: skip
    seconds = {
        "cluster": clustered_at - started,
        "solve": time.perf_counter() - clustered_at,
    }
    diagnosis, errors = assemble(found, clustered.own, labels, seen, memory, seconds)
    return diagnosis, centres | errors


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
        >>> found = diagnose({"a": a, "b": b}, a ^ b)
        >>> round(found.synergy.value, 1), round(found.unique["a"].high, 1)
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
    seen = ProbeInputs(
        {m: torch.as_tensor(v) for m, v in arrays.items()}, {}, torch.as_tensor(target)
    )
    return probe.diagnose(seen, solver or FastPID(), {})[0]


def checked_labels(name: str, values: Any) -> np.ndarray:
    """Return integer labels ``(N,)`` or say what came instead."""
    labels = np.asarray(values)
    if labels.ndim != 1 or len(labels) < 2 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{name} has shape {labels.shape} and dtype {labels.dtype}, expected at least two "
            "integer labels in one dimension; number the classes"
        )
    if labels.min() < 0:
        raise ValueError(
            f"{name}[{int(labels.argmin())}] is {labels.min()}, expected 0 or more; number the "
            "classes from 0, and drop samples without a label"
        )
    return labels.astype(np.int64)


def checked_array(name: str, values: Any, samples: int) -> np.ndarray:
    """Return labels ``(N,)`` or embeddings ``(N, features)``, one row per sample."""
    array = np.asarray(values)
    if array.ndim == 1:
        array = checked_labels(name, array)
    elif array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f"{name} has shape {array.shape} and dtype {array.dtype}, expected integer labels (N,) "
            "or float embeddings (N, features)"
        )
    if len(array) != samples:
        raise ValueError(f"{name} has {len(array)} rows but y has {samples} labels")
    return array


def check_embeddings(embeddings: Mapping[str, Tensor], y: Tensor) -> None:
    """Raise where the arrays do not fit together."""
    for name, values in embeddings.items():
        if values.ndim not in (1, 2) or len(values) != len(y):
            raise ValueError(
                f"embeddings of {name!r} have shape {tuple(values.shape)}, expected "
                f"({len(y)}, features): one row per label"
            )
        broken = ~torch.isfinite(values.reshape(len(values), -1)).all(dim=1)
        if broken.any():
            raise ValueError(
                f"embeddings of {name!r} hold NaN or infinity in {int(broken.sum())} row(s), first "
                f"in row {int(broken.int().argmax())}"
            )


def check_schedule(every: int, joint_every: int, samples: int, source: str) -> None:
    """Raise where a probe's schedule or samples are impossible."""
    if every < 1 or joint_every < 1 or samples < 2:
        raise ValueError(
            f"every={every}, joint_every={joint_every}, samples={samples}: expected a diagnosis "
            "every 1 or more epochs from at least 2 samples"
        )
    if source not in SOURCES:
        raise ValueError(f"source is {source!r}, expected one of {list(SOURCES)}")


def check_seed(seed: int) -> None:
    """Raise where k-means cannot take the seed."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed}, expected 0 or more and below 2^32")


def check_clusters(clusters: int | str, most: int) -> None:
    """Raise where a number of clusters carries no information."""
    if clusters != "auto" and not (isinstance(clusters, int) and clusters >= 2):
        raise ValueError(
            f"clusters is {clusters!r}, expected 'auto' or a number of at least 2: one cluster "
            "carries no information"
        )
    if most < 2:
        raise ValueError(f"max_clusters is {most}, expected at least 2")
