"""Embeddings → cluster labels → joint distribution → Diagnosis. Never sees a model."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits
from torch import Tensor

from fusion_sched.pid import Decomposition, decompose, entropy, joint_from_labels
from fusion_sched.pid.problem import Solver
from fusion_sched.types import Diagnosis

SAMPLES_PER_CELL = 3.0
"""Fewer samples per cell of the joint histogram bias its information by more than 0.03 bit."""


@dataclass(frozen=True)
class KMeansProbe:
    """Clusters each modality's embeddings and decomposes the histogram of clusters and label.

    Rows are scaled to unit length, reduced to ``components`` principal components and clustered by
    k-means (the recipe of Liang et al. 2023 and arXiv 2509.20840). ``clusters`` is the number of
    clusters per modality, or ``auto``: as many as leave about three samples per cell, and no
    fewer than there are classes, up to ``max_clusters``. The histogram is taken as it is: with few
    samples per cell its information, above all its synergy, is too high (plug-in bias).

    With three or more modalities each one is held against all others clustered together: its
    uniqueness comes from that pair, while redundancy, synergy and joint information are the means
    over the pairs. With two modalities that is the bivariate decomposition itself; with one,
    uniqueness is its information, and there is no redundancy or synergy.

    ``every``: epochs between two diagnoses. ``samples``: at most that many samples, a fixed
    class-stratified choice. ``source``: ``train`` (without augmentation) or ``validation``.
    """

    every: int = 1
    samples: int = 1280
    source: str = "train"
    clusters: int | str = "auto"
    max_clusters: int = 20
    components: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.every < 1 or self.samples < 2:
            raise ValueError(
                f"every={self.every}, samples={self.samples}: expected a diagnosis every 1 or more "
                "epochs from at least 2 samples"
            )
        if self.source not in ("train", "validation"):
            raise ValueError(f"source is {self.source!r}, expected 'train' or 'validation'")
        if self.clusters != "auto" and not (isinstance(self.clusters, int) and self.clusters >= 2):
            raise ValueError(
                f"clusters is {self.clusters!r}, expected 'auto' or a number of at least 2: one "
                "cluster carries no information"
            )
        if self.max_clusters < 2 or self.components < 1:
            raise ValueError(
                f"max_clusters={self.max_clusters}, components={self.components}: expected at "
                "least 2 clusters and 1 component"
            )

    def diagnose(self, embeddings: Mapping[str, Tensor], y: Tensor, solver: Solver) -> Diagnosis:
        """Estimate the information, in bits, that embeddings ``(N, size)`` carry about ``y`` (N,).

        Raises:
            ValueError: arrays of different length, NaN, or fewer samples than clusters.
        """
        check_embeddings(embeddings, y)
        # Two OpenMP threads that contend for cores make k-means and PCA twenty times slower.
        with threadpool_limits(1):
            return self._diagnose(embeddings, y, solver)

    def _diagnose(self, embeddings: Mapping[str, Tensor], y: Tensor, solver: Solver) -> Diagnosis:
        started = time.perf_counter()
        labels = np.unique(y.numpy(), return_inverse=True)[1]
        count = self.pick_clusters(len(y), int(labels.max()) + 1)
        views = {m: reduced(e.double().numpy(), self.components) for m, e in embeddings.items()}
        clusters = {m: self.cluster(v, count) for m, v in views.items()}
        rest = {m: self.cluster_rest(m, views, clusters, count) for m in embeddings}
        clustered = time.perf_counter()
        pairs = pair_decompositions(clusters, rest, labels, count, solver)
        solved = time.perf_counter()
        return diagnosis_from_pairs(
            pairs, labels, {m: int(c.max()) + 1 for m, c in clusters.items()},
            {"cluster": clustered - started, "solve": solved - clustered},
        )  # fmt: skip

    def pick_clusters(self, samples: int, classes: int) -> int:
        """Return the number of clusters per modality for this many samples and classes."""
        if isinstance(self.clusters, int):
            count = self.clusters
        else:
            affordable = int(np.sqrt(samples / (SAMPLES_PER_CELL * classes)))
            count = min(max(affordable, classes), self.max_clusters)
        if samples < count:
            raise ValueError(
                f"{samples} samples cannot form {count} clusters; lower probe.clusters or raise "
                "probe.samples"
            )
        return count

    def cluster(self, view: np.ndarray, count: int) -> np.ndarray:
        """Return cluster ids ``(N,)`` of a view ``(N, components)``."""
        distinct = len(np.unique(view, axis=0))
        ids = KMeans(min(count, distinct), random_state=self.seed, n_init=1).fit_predict(view)
        return np.unique(ids, return_inverse=True)[1]

    def cluster_rest(
        self,
        modality: str,
        views: Mapping[str, np.ndarray],
        clusters: Mapping[str, np.ndarray],
        count: int,
    ) -> np.ndarray:
        """Return one clustering of all modalities but this one."""
        others = [m for m in views if m != modality]
        if not others:
            return np.zeros(len(views[modality]), dtype=np.int64)
        if len(others) == 1:
            return clusters[others[0]]
        return self.cluster(np.concatenate([views[m] for m in others], axis=1), count)


def check_embeddings(embeddings: Mapping[str, Tensor], y: Tensor) -> None:
    """Raise where the arrays do not fit together."""
    for name, values in embeddings.items():
        if values.ndim != 2 or len(values) != len(y):
            raise ValueError(
                f"embeddings of {name!r} have shape {tuple(values.shape)}, expected "
                f"({len(y)}, features): one row per label"
            )
        broken = ~torch.isfinite(values).all(dim=1)
        if broken.any():
            raise ValueError(
                f"embeddings of {name!r} hold NaN or infinity in {int(broken.sum())} row(s), first "
                f"in row {int(broken.int().argmax())}"
            )


def reduced(values: np.ndarray, components: int) -> np.ndarray:
    """Return rows of unit length in their first principal components."""
    rows = normalize(values)
    if np.ptp(rows, axis=0).max() == 0:  # constant: there is no component to find
        return rows[:, :1]
    keep = min(components, *rows.shape)
    return np.asarray(PCA(keep, svd_solver="full").fit_transform(rows))


def pair_decompositions(
    clusters: Mapping[str, np.ndarray],
    rest: Mapping[str, np.ndarray],
    labels: np.ndarray,
    count: int,
    solver: Solver,
) -> Decomposition:
    """Decompose each modality against the rest, as one batch ``(modalities,)``.

    Two modalities are each other's rest: one pair ``(1,)`` tells all.
    """
    sizes = (count, count, int(labels.max()) + 1)
    names = list(clusters)
    wanted = names if len(names) != 2 else names[:1]
    joints = [joint_from_labels(clusters[m], rest[m], labels, sizes=sizes) for m in wanted]
    return decompose(torch.stack(joints), solver)


def diagnosis_from_pairs(
    pairs: Decomposition,
    labels: np.ndarray,
    clusters: Mapping[str, int],
    seconds: Mapping[str, float],
) -> Diagnosis:
    """Gather the pairs' atoms into one diagnosis."""
    unique, mi = pairs.unique1.tolist(), pairs.mi1.tolist()
    if len(clusters) == 2:
        unique, mi = unique + pairs.unique2.tolist(), mi + pairs.mi2.tolist()
    mi_bits = dict(zip(clusters, mi, strict=True))
    label_entropy = float(entropy(torch.as_tensor(np.bincount(labels) / len(labels))))
    several = len(clusters) > 1
    return Diagnosis(
        unique=dict(zip(clusters, unique, strict=True)),
        mi=mi_bits,
        ecs=competitive_strength(mi_bits, label_entropy),
        joint_mi=float(pairs.joint_mi.mean()),
        label_entropy=label_entropy,
        samples=len(labels),
        clusters=clusters,
        redundancy=float(pairs.redundancy.mean()) if several else None,
        synergy=float(pairs.synergy.mean()) if several else None,
        gap=float(pairs.solution.gap.max()),
        seconds=dict(seconds),
    )


def competitive_strength(mi: Mapping[str, float], label_entropy: float) -> dict[str, float]:
    """Return the proxy of each modality's effective competitive strength (ECS), between 0 and 1.

    arXiv 2509.20840 proves mutual information a proxy for ECS, which cannot be computed in deep
    networks. Dividing I(X_m; Y) by H(Y) is our choice, so that tasks with different numbers of
    classes can be compared; it changes no order and no ratio.
    """
    if label_entropy == 0:
        return dict.fromkeys(mi, 0.0)
    return {m: value / label_entropy for m, value in mi.items()}
