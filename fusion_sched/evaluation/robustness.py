"""Examine a trained network: every question about it is asked of the same batches."""

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from fusion_sched.data.loading import Loader
from fusion_sched.evaluation.calibration import Calibration, calibration_of
from fusion_sched.evaluation.contribution import Contribution, coalitions_of, contribution_of
from fusion_sched.evaluation.noise import Noise, noises_for
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Batch

LABELS = "y"
"""Under this name labels travel among logits."""

Embeddings = Mapping[str, Tensor]


@dataclass(frozen=True)
class NoiseCurve:
    """Fused accuracy by level of noise in one modality; `kind` says what a level is.

    `"gaussian"`: standard deviations of the modality's values; `"tokens"`: share replaced.
    """

    kind: str
    accuracy: dict[str, float]


@dataclass(frozen=True)
class Robustness:
    """Fused accuracies by the modality that is missing or noisy, calibration and contributions.

    `missing_zeros`: its input is zero; `missing_mean`: its embedding is the training mean.
    `contribution` is `None` with more than five modalities.
    """

    missing_zeros: dict[str, float]
    missing_mean: dict[str, float]
    noise: dict[str, NoiseCurve]
    calibration: Calibration
    contribution: Contribution | None

    def fields(self) -> dict[str, Any]:
        """Return JSON values; what does not apply is absent."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@torch.no_grad()
def mean_embeddings(model: MultimodalNetwork, loader: Loader) -> dict[str, Tensor]:
    """Return each modality's mean embedding `(size,)` over a split, in evaluation mode."""
    model.eval()
    sums: dict[str, Tensor] = {}
    for batch in loader:
        for m, embedding in model.encode(batch.inputs).items():
            sums[m] = sums.get(m, 0) + embedding.double().sum(dim=0)
    totals = {m: loader.processes.add_up(total) for m, total in sums.items()}
    return {m: (total / len(loader.order)).float() for m, total in totals.items()}


@torch.no_grad()
def evaluate_robustness(
    model: MultimodalNetwork, loader: Loader, means: Embeddings, seed: int
) -> Robustness:
    """Examine a network on a split, in evaluation mode.

    `means` are the `mean_embeddings` of the training split; `seed` is that of the noise. The
    split is read twice: noise is measured against the spread of its values.
    """
    model.eval()
    noises = noises_for(loader, seed)
    right: dict[Hashable, Tensor] = {}
    logits: dict[str, list[Tensor]] = {}
    index = []
    for batch in loader:
        plain = model.encode(batch.inputs)
        for name, values in {**model.fuse(plain).by_head(), LABELS: batch.y}.items():
            logits.setdefault(name, []).append(values)
        index.append(batch.index)
        for question, embeddings in _questions(model, batch, plain, means, noises):
            answers = _predicted(model.fuse(embeddings).logits)
            right[question] = right.get(question, 0) + (answers == batch.y).sum()
    collected = loader.collect(logits, index)
    y = collected.pop(LABELS)
    # One device sync for all questions.
    counts = loader.processes.add_up(torch.stack(list(right.values())).double()).tolist()
    accuracy = {key: count / len(loader.order) for key, count in zip(right, counts, strict=True)}
    return _robustness(model.modalities, noises, accuracy, calibration_of(collected, y))


def _questions(
    model: MultimodalNetwork,
    batch: Batch,
    plain: Embeddings,
    means: Embeddings,
    noises: Mapping[str, Noise],
) -> Iterator[tuple[Hashable, Embeddings]]:
    """Yield what the fused head is asked of a batch, and the embeddings to ask it with.

    `plain` are those of the batch itself; where an input changes, its encoder alone runs again.
    """
    for present in coalitions_of(model.modalities):
        masked = {m: e if m in present else means[m].to(e).expand_as(e) for m, e in plain.items()}
        yield present, masked
    for m in model.modalities:
        x = batch.inputs[m]
        yield ("zeros", m), {**plain, **model.encode({m: torch.zeros_like(x)})}
        for level, noisy in noises[m].draw(x, batch.index):
            yield (m, level), {**plain, **model.encode({m: noisy})}


def _robustness(
    names: Collection[str],
    noises: Mapping[str, Noise],
    accuracy: Mapping[Hashable, float],
    calibration: Calibration,
) -> Robustness:
    everyone = frozenset(names)
    curves = {
        m: NoiseCurve(noise.kind, {f"{level:g}": accuracy[m, level] for level in noise.levels})
        for m, noise in noises.items()
    }
    return Robustness(
        missing_zeros={m: accuracy["zeros", m] for m in names},
        missing_mean={m: accuracy[everyone - {m}] for m in names},
        noise={m: curves[m] for m in names},
        calibration=calibration,
        contribution=contribution_of(names, {s: accuracy[s] for s in coalitions_of(names)}),
    )


def _predicted(logits: Tensor) -> Tensor:
    """Return class ids `(B,)`; -1, which is never right, where a logit is not finite."""
    return logits.argmax(dim=1).where(logits.isfinite().all(dim=1), -1)
