"""Embeddings to cluster labels: k-means that remembers its centres from probe to probe."""

from collections.abc import Mapping
from math import isqrt
from typing import NamedTuple

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from torch import Tensor

from fusion_sched.estimation import clusters_for

FRESH_STARTS = 5
"""Starts of k-means besides the last probe's centres."""

ProbeState = dict[str, Tensor]
"""What a probe remembers until the next one: tensors only, so that it checkpoints."""


class Clustered(NamedTuple):
    """Cluster ids ``(N,)`` of each modality, and of all others together."""

    own: dict[str, np.ndarray]
    rest: dict[str, np.ndarray]


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
    memory: ProbeState,
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
        ids, remembered[key] = warm_kmeans(values, count, components, seed, memory.get(key), starts)
        return ids

    own = {m: clusters_of(m, r) for m, r in rows.items()}
    rest = {}
    for m in rows:
        others = [o for o in rows if o != m]
        if not others:
            rest[m] = zeros_like(own[m])
        elif len(others) == 1:
            rest[m] = own[others[0]]
        elif all(rows[o].ndim == 2 for o in others):
            side_by_side = np.concatenate([rows[o] for o in others], axis=1)
            rest[m] = clusters_of(f"all but {m}", side_by_side)
        else:
            rest[m] = joint_codes([own[o] for o in others])
    return Clustered(own, rest), remembered


def zeros_like(ids: np.ndarray) -> np.ndarray:
    """Return one cluster for all: what "all others" are to a single modality."""
    return np.zeros_like(ids)


def joint_codes(columns: list[np.ndarray]) -> np.ndarray:
    """Return one id per combination of ids that occurs ``(N,)``."""
    return contiguous_codes(
        np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)[1].ravel()
    )


def contiguous_codes(ids: np.ndarray) -> np.ndarray:
    """Return the ids as 0, 1, … without gaps."""
    return np.asarray(np.unique(ids, return_inverse=True)[1])


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Return rows of unit length; rows of zeros stay."""
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
    if len(np.unique(rows, axis=0)) == 1:
        return np.zeros(len(rows), dtype=np.int64), torch.as_tensor(rows[:1])
    wanted = max(5, count - 1) if components == "auto" else int(components)
    pca = PCA(min(wanted, *rows.shape), svd_solver="full").fit(rows)
    view = pca.transform(rows)
    count = min(count, len(np.unique(view, axis=0)))
    found = KMeans(count, random_state=seed, n_init=starts).fit(view)
    if centres is not None and tuple(centres.shape) == (count, rows.shape[1]):
        warm = KMeans(count, init=pca.transform(centres.numpy()), n_init=1).fit(view)
        found = min(warm, found, key=lambda fit: float(fit.inertia_))
    ids = contiguous_codes(found.labels_)
    means = np.stack([rows[ids == k].mean(axis=0) for k in range(int(ids.max()) + 1)])
    return ids, torch.as_tensor(means)
