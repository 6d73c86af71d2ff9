"""Ensembles: fusion modules whose few parameters are fitted to validation logits, not trained.

They combine the modalities' own logits. Every number they fit is a buffer, so that it is part of
the network's state; no gradient of a training loss reaches it.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from math import log
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fusion_sched.models.fitting import fit_temperature, minimise, score_of
from fusion_sched.models.fusion import Tensors
from fusion_sched.types import FUSED

FOLDS = 5
LARGEST_WEIGHT = 20.0


@runtime_checkable
class FittedFusion(Protocol):
    """A fusion module that is fitted to validation logits; the trainer calls `fit`."""

    def head_logits(self, embeddings: Tensors, logits: Tensors) -> dict[str, Tensor]:
        """Return the logits that `combine` and `fit` take, by head."""

    def combine(self, logits: Tensors) -> Tensor:
        """Return fused logits `(B, classes)`."""

    def fit(self, logits: Tensors, y: Tensor) -> None:
        """Set the buffers from logits `(N, classes)` by head and class ids `(N,)`."""

    def fitted_values(self) -> dict[str, dict[str, float]]:
        """Return what `fit` has set, by name and then by head, for the trace."""


class Ensemble(nn.Module, ABC):
    """Combines the calibrated log-probabilities of the modalities' own heads.

    `temperatures` `(heads,)` divide the logits of each head; `included` `(heads,)` says which heads
    take part. `modalities` are those that take part at first, all where it is empty.
    """

    temperatures: Tensor
    included: Tensor

    def __init__(
        self, sizes: Mapping[str, int], classes: int, modalities: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.names, self.classes = tuple(sizes), classes
        self.register_buffer("temperatures", torch.ones(len(self.names)))
        self.register_buffer("included", torch.ones(len(self.names), dtype=torch.bool))
        unknown = set(modalities) - set(self.names)
        if unknown:
            raise ValueError(
                f"modalities names {sorted(unknown)}, expected some of {list(self.names)}"
            )
        if modalities:
            self.leave_out(set(self.names) - set(modalities))

    def leave_out(self, names: Collection[str]) -> None:
        """Combine without these heads from now on; `fit` has to follow.

        Raises
        ------
        ValueError
            All heads would be left out.
        """
        included = [name not in names for name in self.names]
        if not any(included):
            raise ValueError(f"all of {list(self.names)} would be left out, expected one to stay")
        self.included.copy_(torch.tensor(included))

    def forward(self, embeddings: Tensors, logits: Tensors) -> Tensor:
        return self.combine(self.head_logits(embeddings, logits))

    def head_logits(self, embeddings: Tensors, logits: Tensors) -> dict[str, Tensor]:
        """Return the modalities' own logits."""
        return {name: logits[name] for name in self.names}

    @abstractmethod
    def combine(self, logits: Tensors) -> Tensor:
        """Return fused logits `(B, classes)`."""

    @abstractmethod
    def fit(self, logits: Tensors, y: Tensor) -> None:
        """Set the buffers from logits `(N, classes)` by head and class ids `(N,)`."""

    def fitted_values(self) -> dict[str, dict[str, float]]:
        """Return temperatures, and weights where there are some, of the heads that take part."""
        kept = self.included.tolist()
        return {
            key: {
                name: value
                for name, value, keep in zip(self.names, values.tolist(), kept, strict=True)
                if keep
            }
            for key, values in self.named_buffers()
            if key in ("temperatures", "weights")
        }

    def mean_weights(self) -> Tensor:
        """Return the same weight for each head that takes part; they sum to 1."""
        return self.included / self.included.sum()

    def log_probabilities(self, logits: Tensors) -> Tensor:
        """Return `(heads, B, classes)`; 0 for a head that is left out."""
        scaled = torch.stack([logits[name] for name in self.names]) / _per_head(self.temperatures)
        return scaled.log_softmax(dim=-1).where(_per_head(self.included), 0)

    def fit_temperatures(self, logits: Tensors, y: Tensor) -> None:
        """Set the temperature of each head that takes part."""
        values = [
            fit_temperature(logits[name], y) if keep else 1.0
            for name, keep in zip(self.names, self.included.tolist(), strict=True)
        ]
        self.temperatures.copy_(torch.tensor(values))


class LogLinearPool(Ensemble):
    """A sum of the heads' log-probabilities, weighted by `weights` `(heads,)`.

    Until they are fitted they are those of the mean.
    """

    weights: Tensor

    def __init__(
        self, sizes: Mapping[str, int], classes: int, modalities: Sequence[str] = ()
    ) -> None:
        super().__init__(sizes, classes, modalities)
        self.register_buffer("weights", self.mean_weights())

    def combine(self, logits: Tensors) -> Tensor:
        return _weighted_sum(self.weights, self.log_probabilities(logits))


class CalibratedEnsemble(LogLinearPool):
    """The mean of the heads' log-probabilities, with one temperature per head."""

    def fit(self, logits: Tensors, y: Tensor) -> None:
        self.fit_temperatures(logits, y)
        self.weights.copy_(self.mean_weights())


class WeightedEnsemble(LogLinearPool):
    """The calibrated heads, weighted on validation.

    The weights, 0 or more, minimise the cross-entropy; they need not sum to 1, so that the pool
    is calibrated too.
    """

    def fit(self, logits: Tensors, y: Tensor) -> None:
        self.fit_temperatures(logits, y)
        logs, labels = self.log_probabilities(logits).double().cpu(), y.cpu()
        bounds = [(0.0, LARGEST_WEIGHT if keep else 0.0) for keep in self.included.tolist()]

        def loss(weights: Tensor) -> Tensor:
            return cross_entropy(_weighted_sum(weights, logs), labels)

        self.weights.copy_(minimise(loss, self.mean_weights().double().cpu(), bounds))


class PooledEnsemble(nn.Module):
    """The mean of the probabilities that its members predict, each an ensemble of some heads."""

    def __init__(self, members: Mapping[str, WeightedEnsemble]) -> None:
        super().__init__()
        self.members = nn.ModuleDict(members)

    def forward(self, embeddings: Tensors, logits: Tensors) -> Tensor:
        return self.combine(logits)

    def combine(self, logits: Tensors) -> Tensor:
        """Return log-probabilities `(B, classes)`."""
        return mean_probability([member.combine(logits) for member in self._ensembles()])

    def fit(self, logits: Tensors, y: Tensor) -> None:
        """Fit each member to logits `(N, classes)` by head and class ids `(N,)`."""
        for member in self._ensembles():
            member.fit(logits, y)

    def _ensembles(self) -> list[WeightedEnsemble]:
        return [cast(WeightedEnsemble, member) for member in self.members.values()]


class StackedEnsemble(Ensemble):
    """Stacking: multinomial logistic regression on the heads' log-probabilities.

    The heads were trained on other samples than those that it is fitted to, so their predictions
    are out of sample. The coefficients are shrunk towards the calibrated mean: `penalty` is the
    weight of half their squared distance to it, against the sum of the samples' cross-entropies.
    `temperatures` are here the standard deviations of the logits, which put all heads on one scale:
    a head that is wrong in a regular way has a high fitted temperature, yet tells the label.
    """

    coefficients: Tensor
    bias: Tensor

    def __init__(
        self,
        sizes: Mapping[str, int],
        classes: int,
        modalities: Sequence[str] = (),
        penalty: float = 10.0,
    ) -> None:
        super().__init__(sizes, classes, modalities)
        if penalty <= 0:
            raise ValueError(f"penalty is {penalty}, expected more than 0")
        self.penalty = penalty
        self.register_buffer("coefficients", self._mean_coefficients())
        self.register_buffer("bias", torch.zeros(classes))

    def combine(self, logits: Tensors) -> Tensor:
        return _regression(self.coefficients, self.bias, self.log_probabilities(logits))

    def fit(self, logits: Tensors, y: Tensor) -> None:
        self.fit_temperatures(logits, y)
        scales = torch.stack([_spread(logits[name]) for name in self.names])
        slopes = (scales / self.temperatures).where(self.included, 1)
        self.temperatures.copy_(scales.where(self.included, 1))
        logs, labels = self.log_probabilities(logits).double().cpu(), y.cpu()
        mean = (_per_head(slopes) * self._mean_coefficients()).double().cpu()
        centre = torch.cat([mean.flatten(), torch.zeros(self.classes, dtype=torch.float64)])

        def loss(values: Tensor) -> Tensor:
            coefficients = values[: -self.classes].view_as(mean)
            fitted = cross_entropy(_regression(coefficients, values[-self.classes :], logs), labels)
            return fitted + self.penalty / (2 * len(labels)) * (values - centre).square().sum()

        values = minimise(loss, centre)
        self.coefficients.copy_(values[: -self.classes].view_as(mean))
        self.bias.copy_(values[-self.classes :])

    def _mean_coefficients(self) -> Tensor:
        identity = torch.eye(self.classes, device=self.included.device)
        return _per_head(self.mean_weights()) * identity


class BestSingle(LogLinearPool):
    """The one head with the best accuracy; of equal ones, that with the lowest cross-entropy."""

    def fit(self, logits: Tensors, y: Tensor) -> None:
        best = max(
            (m for m, keep in zip(self.names, self.included.tolist(), strict=True) if keep),
            key=lambda m: score_of(logits[m], y),
        )
        self.weights.copy_(torch.tensor([float(m == best) for m in self.names]))


class FusionWithHeads(nn.Module):
    """A trained fusion, in evaluation mode combined with the modalities' own heads.

    Then it is the `CalibratedEnsemble` of all of them, the fusion being one head. In training mode
    it is the fusion alone, so that the training loss is that of the fusion alone. `fusion` is
    called with `sizes` and `classes`.
    """

    def __init__(
        self, sizes: Mapping[str, int], classes: int, fusion: Callable[..., nn.Module]
    ) -> None:
        super().__init__()
        self.fusion = fusion(sizes=sizes, classes=classes)
        self.ensemble = CalibratedEnsemble({**sizes, FUSED: classes}, classes)

    def forward(self, embeddings: Tensors, logits: Tensors) -> Tensor:
        if self.training:
            fused: Tensor = self.fusion(embeddings, logits)
            return fused
        return self.combine(self.head_logits(embeddings, logits))

    def head_logits(self, embeddings: Tensors, logits: Tensors) -> dict[str, Tensor]:
        """Return the modalities' own logits and those of the fusion, as `fused`."""
        own = {name: logits[name] for name in self.ensemble.names if name != FUSED}
        return {**own, FUSED: self.fusion(embeddings, logits)}

    def combine(self, logits: Tensors) -> Tensor:
        return self.ensemble.combine(logits)

    def fit(self, logits: Tensors, y: Tensor) -> None:
        self.ensemble.fit(logits, y)

    def fitted_values(self) -> dict[str, dict[str, float]]:
        return self.ensemble.fitted_values()


def mean_probability(logits: Sequence[Tensor]) -> Tensor:
    """Return the logarithm of the mean of predicted probabilities, all `(N, classes)`."""
    return torch.stack([z.log_softmax(dim=1) for z in logits]).logsumexp(dim=0) - log(len(logits))


def out_of_fold(fusion: FittedFusion, logits: Tensors, y: Tensor) -> Tensor:
    """Return fused logits `(N, classes)`, each sample's from a fit to the other four fifths.

    `logits` are those of `head_logits`. So an accuracy on the samples that the fusion is fitted
    to is that on new ones. `fusion` stays as it is.
    """
    folds = min(FOLDS, len(y))
    fold = torch.empty_like(y)
    fold[y.argsort(stable=True)] = torch.arange(len(y), device=y.device) % folds
    trial = copy.deepcopy(fusion)
    combined = torch.empty_like(next(iter(logits.values())))
    for number in range(folds):
        inside = fold == number
        trial.fit({m: values[~inside] for m, values in logits.items()}, y[~inside])
        combined[inside] = trial.combine({m: values[inside] for m, values in logits.items()})
    return combined


def _spread(logits: Tensor) -> Tensor:
    """Return the standard deviation of logits around their sample's mean; above 0."""
    spread = (logits - logits.mean(dim=1, keepdim=True)).square().mean().sqrt()
    return spread.clamp_min(torch.finfo(spread.dtype).tiny)


def _per_head(values: Tensor) -> Tensor:
    return values[:, None, None]


def _weighted_sum(weights: Tensor, logs: Tensor) -> Tensor:
    return (_per_head(weights) * logs).sum(dim=0)


def _regression(coefficients: Tensor, bias: Tensor, logs: Tensor) -> Tensor:
    return torch.einsum("mij,mbj->bi", coefficients, logs) + bias
