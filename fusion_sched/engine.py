"""Plain functions over a model and batches on its device: train an epoch, evaluate, embed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED, Batch, Embedded, Stage


@dataclass
class EpochLog:
    """Mean training loss and accuracy by modality or ``fused``, and the samples seen."""

    loss: dict[str, float]
    accuracy: dict[str, float]
    samples: int


def train_epoch(
    model: MultimodalNetwork,
    loader: Iterable[Batch],
    optimizer: Optimizer,
    stage: Stage,
    unimodal_weight: float,
) -> EpochLog:
    """Take one optimizer step per batch.

    Unimodal stage: the sum of the active modalities' cross-entropies. Joint stage: the fused
    cross-entropy plus ``unimodal_weight`` times the sum of all modalities'.

    Raises:
        FloatingPointError: a loss that is NaN or infinite.
    """
    model.train_only(stage.active, stage.joint)
    loss_sums: dict[str, Tensor] = {}
    correct: dict[str, Tensor] = {}
    samples = 0
    for batch in loader:
        logits = stage_logits(model, batch, stage)
        losses = {name: cross_entropy(out, batch.y) for name, out in logits.items()}
        total = weighted_sum(losses, unimodal_weight if stage.joint else 1.0)
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        samples += len(batch.y)
        for name, loss in losses.items():
            right = (logits[name].argmax(dim=1) == batch.y).sum()
            correct[name] = correct.get(name, 0) + right
            loss_sums[name] = loss_sums.get(name, 0) + loss.detach() * len(batch.y)
    # One device sync per epoch: a broken loss stays broken in the sum.
    mean_loss = {name: float(value) / samples for name, value in loss_sums.items()}
    check_finite(mean_loss)
    accuracy = {name: float(value) / samples for name, value in correct.items()}
    return EpochLog(mean_loss, accuracy, samples)


def stage_logits(model: MultimodalNetwork, batch: Batch, stage: Stage) -> dict[str, Tensor]:
    """Return the logits that the stage trains, by modality or ``fused``."""
    if not stage.joint:
        return {m: model.unimodal_logits(batch.inputs, m) for m in stage.active}
    outputs = model(batch.inputs)
    return {**outputs.unimodal, FUSED: outputs.logits}


def weighted_sum(losses: Mapping[str, Tensor], unimodal_weight: float) -> Tensor:
    """Return the fused loss, if there is one, plus the weighted unimodal losses."""
    parts = [loss if m == FUSED else unimodal_weight * loss for m, loss in losses.items()]
    return torch.stack(parts).sum()


def check_finite(loss: Mapping[str, float]) -> None:
    """Raise where a loss is NaN or infinite."""
    broken = {
        name: value for name, value in loss.items() if not torch.isfinite(torch.tensor(value))
    }
    if broken:
        raise FloatingPointError(
            f"training loss is not finite: {broken}; lower the learning rate "
            "(stage1.optimizer.lr, stage2.optimizer.lr) or look for extreme values in the data"
        )


@dataclass
class Evaluation:
    """Predicted classes by modality or ``fused``, each ``(N,)``, and labels ``(N,)``."""

    predictions: dict[str, Tensor]
    y: Tensor

    def accuracy(self) -> dict[str, float]:
        """Return the share of right answers by modality or ``fused``."""
        return {m: float((p == self.y).double().mean()) for m, p in self.predictions.items()}

    def macro_f1(self) -> dict[str, float]:
        """Return the mean over the classes present of 2 TP / (2 TP + FP + FN)."""
        return {m: macro_f1(p, self.y) for m, p in self.predictions.items()}


def macro_f1(predicted: Tensor, y: Tensor) -> float:
    """Return F1 averaged over every class that occurs in ``y`` or is predicted."""
    scores = []
    for label in torch.unique(torch.cat([predicted, y])):
        true_positive = ((predicted == label) & (y == label)).sum()
        scores.append(2 * true_positive / ((predicted == label).sum() + (y == label).sum()))
    return float(torch.stack(scores).double().mean())


@torch.no_grad()
def evaluate(model: nn.Module, loader: Iterable[Batch]) -> Evaluation:
    """Predict every sample with every head, in evaluation mode."""
    model.eval()
    predictions: dict[str, list[Tensor]] = {}
    labels = []
    for batch in loader:
        outputs = model(batch.inputs)
        for name, logits in {**outputs.unimodal, FUSED: outputs.logits}.items():
            predictions.setdefault(name, []).append(logits.argmax(dim=1))
        labels.append(batch.y)
    # The one device sync: nothing is copied before the last batch is under way.
    return Evaluation(joined(predictions), torch.cat(labels).cpu())


@torch.no_grad()
def embed(model: nn.Module, loader: Iterable[Batch]) -> Embedded:
    """Return every sample's embeddings and unimodal predictions, in evaluation mode."""
    model.eval()
    embeddings: dict[str, list[Tensor]] = {}
    predictions: dict[str, list[Tensor]] = {}
    labels = []
    for batch in loader:
        outputs = model(batch.inputs)
        for name, values in outputs.embeddings.items():
            embeddings.setdefault(name, []).append(values)
            predictions.setdefault(name, []).append(outputs.unimodal[name].argmax(dim=1))
        labels.append(batch.y)
    return Embedded(joined(embeddings), joined(predictions), torch.cat(labels).cpu())


def joined(parts: Mapping[str, list[Tensor]]) -> dict[str, Tensor]:
    """Join each name's batches, on the CPU."""
    return {name: torch.cat(values).cpu() for name, values in parts.items()}
