"""Cells by k-means on the embeddings; centres are kept from one diagnosis to the next."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isqrt
from typing import ClassVar

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from fusion_sched.estimation import Settings, clusters_for
from fusion_sched.pid import Solver
from fusion_sched.probe.cells import (
    Clustered,
    ProbeState,
    contiguous_codes,
    diagnose_cells,
    joint_codes,
)
from fusion_sched.probe.checks import check_embeddings, check_schedule, check_seed
from fusion_sched.types import Diagnosis, ProbeInputs

FRESH_STARTS = 5
"""Starts of k-means besides the last diagnosis's centres."""


@dataclass(frozen=True)
class KMeansProbe:
    """Clusters each modality's embeddings by k-means and estimates the information they carry.

    ``every``: epochs between two diagnoses in stage 1; ``joint_every``: in stage 2, where they
    steer nothing. ``samples``: at most that many, a fixed
    class-stratified choice. ``source``: ``train`` (without augmentation), ``held_out`` (a slice of
    train that is not trained on), ``validation`` or ``both`` (``train``, and ``validation`` beside
    it). ``clusters``: a number, or ``auto``
    (`pick_clusters`), at most ``max_clusters``. ``components``: principal components
    before k-means. ``bias``, ``resamples``, ``shuffles``: see ``estimation.Settings``.
    """

    on_device: ClassVar[bool] = False
    last_epoch: ClassVar[bool] = True

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

    def check_sizes(self, sizes: Mapping[str, int]) -> None:
        """Raise where more principal components are asked for than any embedding has."""
        if isinstance(self.components, int) and self.components > max(sizes.values()):
            raise ValueError(
                f"probe.components is {self.components}, but the embeddings have only {sizes} "
                "features; set it to at most as many, or to auto"
            )

    def diagnose(
        self, inputs: ProbeInputs, solver: Solver, state: ProbeState
    ) -> tuple[Diagnosis, ProbeState]:
        """Estimate, in bits, what the embeddings say of the label; remember centres and errors.

        Raises:
            ValueError: arrays of different length, NaN, or fewer samples than clusters.
        """
        check_embeddings(inputs.embeddings, inputs.y)
        # Two OpenMP threads that contend for cores make k-means and PCA twenty times slower.
        with threadpool_limits(1):
            started = time.perf_counter()
            labels = contiguous_codes(inputs.y.numpy())
            classes = int(labels.max()) + 1
            count = pick_clusters(self.clusters, len(labels), classes, self.max_clusters)
            arrays = {m: e.numpy() for m, e in inputs.embeddings.items()}
            clustered, centres = cluster_all(arrays, count, self.components, self.seed, state)
            settings = Settings(self.bias, self.resamples, self.shuffles)
            diagnosis, state = diagnose_cells(
                clustered, inputs, settings, solver, self.seed, state, centres, started
            )
            chosen = self.clusters == "auto" and any(a.ndim == 2 for a in arrays.values())
            notes = coarseness(count, len(labels), classes) if chosen else ()
            return replace(diagnosis, warnings=(*diagnosis.warnings, *notes)), state


def pick_clusters(clusters: int | str, samples: int, classes: int, most: int) -> int:
    """Return the number of clusters per modality.

    ``auto``: as many as leave three samples per cell of the table clusters × clusters × classes.
    Fewer clusters than classes cannot tell all classes apart, so up to the number of classes it
    goes down to one sample per cell; never above ``most``.

    Raises:
        ValueError: fewer samples than clusters.
    """
    if clusters == "auto":
        scarce = isqrt(samples // classes)
        count = min(max(clusters_for(samples, classes, most), min(classes, scarce)), most)
    else:
        count = int(clusters)
    if samples < count:
        raise ValueError(
            f"{samples} samples cannot form {count} clusters; lower clusters or raise samples"
        )
    return count


def coarseness(count: int, samples: int, classes: int) -> tuple[str, ...]:
    """Return a warning where the samples allow fewer clusters than there are classes."""
    if count >= classes:
        return ()
    return (
        f"{samples} samples allow {count} clusters per modality for {classes} classes, which "
        f"cannot tell all of them apart: information is a coarse lower bound; about "
        f"{classes**3:,} samples would allow {classes} clusters",
    )


def cluster_all(
    embeddings: Mapping[str, np.ndarray],
    count: int,
    components: int | str,
    seed: int,
    state: ProbeState,
    starts: int = FRESH_STARTS,
) -> tuple[Clustered, ProbeState]:
    """Cluster each modality's embeddings ``(N, size)``, and the others' side by side.

    Labels ``(N,)`` of integers in place of embeddings are taken as clusters as they are.
    """
    rows = {m: unit_rows(e) if e.ndim == 2 else e for m, e in embeddings.items()}
    remembered: ProbeState = {}

    def clusters_of(key: str, values: np.ndarray) -> np.ndarray:
        if values.ndim == 1:
            return contiguous_codes(values)
        ids, remembered[key] = warm_kmeans(values, count, components, seed, state.get(key), starts)
        return ids

    own = {m: clusters_of(m, r) for m, r in rows.items()}
    rest = {}
    for m in rows:
        others = [o for o in rows if o != m]
        if not others:
            rest[m] = np.zeros_like(own[m])
        elif len(others) == 1:
            rest[m] = own[others[0]]
        elif all(rows[o].ndim == 2 for o in others):
            side_by_side = np.concatenate([rows[o] for o in others], axis=1)
            rest[m] = clusters_of(f"all but {m}", side_by_side)
        else:
            rest[m] = joint_codes([own[o] for o in others])
    return Clustered(own, rest), remembered


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Return rows of unit length; rows of zeros stay."""
    from sklearn.preprocessing import normalize  # only this probe needs scikit-learn

    return np.asarray(normalize(values.astype(np.float64)))


def warm_kmeans(
    rows: np.ndarray,
    count: int,
    components: int | str,
    seed: int,
    centres: Tensor | None,
    starts: int,
) -> tuple[np.ndarray, Tensor]:
    """Return cluster ids ``(N,)`` and centres ``(clusters, size)`` of rows ``(N, size)``.

    K-means in the first principal components: the recipe of Liang et al. 2023 and arXiv
    2509.20840, who take 5; ``auto`` takes as many as the clusters can span, count - 1, and no
    fewer than 5. Of several starts the tightest clustering is kept; one start is the last probe's
    centres, so that a trace does not jump between local optima that are as good.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    if len(np.unique(rows, axis=0)) == 1:
        return np.zeros(len(rows), dtype=np.int64), torch.as_tensor(rows[:1])
    wanted = max(5, count - 1) if components == "auto" else int(components)
    pca = PCA(min(wanted, *rows.shape), svd_solver="full").fit(rows)
    view = pca.transform(rows)
    count = min(count, len(np.unique(view, axis=0)))
    fit = KMeans(count, random_state=seed, n_init=starts).fit(view)
    if centres is not None and tuple(centres.shape) == (count, rows.shape[1]):
        warm = KMeans(count, init=pca.transform(centres.numpy()), n_init=1).fit(view)
        fit = min(warm, fit, key=lambda one: float(one.inertia_))
    ids = contiguous_codes(fit.labels_)
    means = np.stack([rows[ids == k].mean(axis=0) for k in range(int(ids.max()) + 1)])
    return ids, torch.as_tensor(means)


def check_clusters(clusters: int | str, most: int) -> None:
    """Raise where a number of clusters carries no information."""
    if clusters != "auto" and not (isinstance(clusters, int) and clusters >= 2):
        raise ValueError(
            f"clusters is {clusters!r}, expected 'auto' or a number of at least 2: one cluster "
            "carries no information"
        )
    if most < 2:
        raise ValueError(f"max_clusters is {most}, expected at least 2")
