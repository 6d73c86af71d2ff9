"""Diagnosing and re-learning: encoders that overfit go part of the way back to where they began."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import tanh

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.preprocessing import minmax_scale
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from fusion_sched.balancers import BalancerState, EvalPasses
from fusion_sched.balancers.contributions import check_untrained
from fusion_sched.balancers.weighted import Weighted
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED, Batch, Predictions, StepOutput


@dataclass(frozen=True)
class Relearning:
    """Diagnosing and re-learning (Wei et al., ECCV 2024, and the authors' code).

    Every `every` joint epochs, `times` times at most, diagnose each modality by its purity gap
    g_m = |P_m(train) - P_m(validation)|: P is the purity of as many k-means clusters of a split's
    embeddings as there are classes, that is, the share of samples that belong to the most frequent
    class of their cluster. A wide gap is a sign of overfitting. Then let its encoder learn anew:

        θ_m ← w_m θ_m(initial) + (1 - w_m) θ_m   with   w_m = tanh(`strength` g_m).

    In between descend `fused_weight` times the fused loss plus `unimodal_weight` times each
    modality's own, as `Weighted`; in the paper there is only the fused one.

    The initial weights are those at the beginning of joint training. With `controller=joint`
    these are the random or pretrained ones, as in the paper. After a unimodal stage they are what
    it has shaped: going back further would undo it.

    Only parameters are mixed, as in the authors' code. Statistics of BatchNorm stay and are learnt
    anew by the next epoch's batches, and so does the optimizer's momentum. Validation labels steer
    the training: a run's validation accuracy is no clean estimate here, test is untouched.

    Where we differ: the diagnosis comes before the joint epochs `every`, 2 `every`, ..., which
    the authors' code reaches one epoch later; training samples are embedded without augmentation,
    theirs with it; k-means takes the best of ten starts, as scikit-learn did by default when that
    code was written. The defaults are the authors', who train for 90 epochs by SGD at a constant
    rate of 0.002, and choose the epoch on test samples, which no run here does.
    """

    every: int = 20
    times: int = 3
    strength: float = 3.0
    fused_weight: float = 1.0
    unimodal_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.every < 1 or self.times < 0 or self.strength < 0:
            raise ValueError(
                f"every={self.every}, times={self.times}, strength={self.strength}: expected at "
                "least 1 epoch, and 0 or more times and strength"
            )
        self.weighted()

    def weighted(self) -> Weighted:
        return Weighted(self.fused_weight, self.unimodal_weight)

    def check(self, model: MultimodalNetwork) -> None:
        """Refuse a fusion that would stay untrained, where there is no fused loss."""
        if not self.fused_weight:
            check_untrained(model.fusion, "relearning")

    def start_epoch(
        self, model: MultimodalNetwork, passes: EvalPasses, state: BalancerState
    ) -> BalancerState:
        """Remember the weights before the first epoch; diagnose and mix where it is time to."""
        if not state:
            initial = {m: copied(encoder) for m, encoder in model.encoders.items()}
            return {"epoch": 0, "initial": initial}
        epoch = state["epoch"] + 1
        if epoch % self.every == 0 and epoch // self.every <= self.times:
            for name, gap in purity_gaps(passes.train(), passes.validation()).items():
                mix(model.encoders[name], state["initial"][name], tanh(self.strength * gap))
        return {**state, "epoch": epoch}

    def backward(self, model: MultimodalNetwork, batch: Batch, state: BalancerState) -> StepOutput:
        return self.weighted().backward(model, batch, state)


def copied(encoder: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in encoder.named_parameters()}


@torch.no_grad()
def mix(encoder: nn.Module, initial: Mapping[str, Tensor], weight: float) -> None:
    """Take the parameters this share of the way back to the initial ones."""
    for name, parameter in encoder.named_parameters():
        parameter.lerp_(initial[name], weight)


def purity_gaps(train: Predictions, validation: Predictions) -> dict[str, float]:
    """Return how far each modality's purities on the two splits are apart."""
    classes = train.logits[FUSED].shape[1]
    return {
        m: abs(
            purity(train.embeddings[m].numpy(), train.y.numpy(), classes)
            - purity(validation.embeddings[m].numpy(), validation.y.numpy(), classes)
        )
        for m in train.embeddings
    }


def purity(embeddings: np.ndarray, y: np.ndarray, classes: int) -> float:
    """Return the purity of `classes` clusters of embeddings `(N, size)` with labels `(N,)`.

    As in the authors' code, every feature is scaled to [-1, 1] before.
    """
    if len(y) < classes:
        raise ValueError(
            f"a split of {len(y)} samples cannot form {classes} clusters, one for each class; "
            "balancer=relearning needs that many in train and in validation"
        )
    with threadpool_limits(1):
        scaled = minmax_scale(embeddings, (-1, 1))
        clustering = KMeans(classes, n_init=10, random_state=0).fit(scaled)
    return majority(clustering.labels_, y)


def majority(clusters: np.ndarray, y: np.ndarray) -> float:
    """Return the share of samples whose class is the most frequent one of their cluster."""
    counts = np.zeros((clusters.max() + 1, y.max() + 1))
    np.add.at(counts, (clusters, y), 1)
    return float(counts.max(axis=1).sum() / len(y))
