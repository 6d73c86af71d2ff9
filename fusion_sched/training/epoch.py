"""Plain functions over a model and batches on its device: train an epoch, evaluate, embed."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from fusion_sched.data.loading import Loader
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.runtime.distributed import SINGLE_PROCESS, Processes
from fusion_sched.types import Batch, Predictions, ProbeInputs, Stage, StepOutput, losses_of

LABELS = "y"
"""Under this name labels travel among predictions; "fused" is not a modality's name either."""


@dataclass
class EpochLog:
    """Mean training loss and accuracy by modality or ``fused``, and the samples seen."""

    loss: dict[str, float]
    accuracy: dict[str, float]
    samples: int


Backward = Callable[[MultimodalNetwork, Batch], StepOutput]
"""Puts a batch's gradients into the parameters and returns what it saw."""


def train_epoch(
    model: MultimodalNetwork,
    loader: Iterable[Batch],
    optimizer: Optimizer,
    stage: Stage,
    backward: Backward,
    processes: Processes = SINGLE_PROCESS,
) -> EpochLog:
    """Take one optimizer step per batch, along the gradients of ``backward``.

    With several processes, along their mean; the log is that of all samples.

    Raises:
        FloatingPointError: a loss that is NaN or infinite.
    """
    model.train_only(stage.active, stage.joint)
    loss_sums: dict[str, Tensor] = {}
    correct: dict[str, Tensor] = {}
    samples = 0
    for batch in loader:
        optimizer.zero_grad(set_to_none=True)
        seen = backward(model, batch)
        processes.average_gradients(model.parameters(), len(batch.y))
        optimizer.step()
        samples += len(batch.y)
        for name, loss in seen.losses.items():
            right = (seen.logits[name].argmax(dim=1) == batch.y).sum()
            correct[name] = correct.get(name, 0) + right
            loss_sums[name] = loss_sums.get(name, 0) + loss * len(batch.y)
    processes.average_buffers(model.buffers())
    # One device sync per epoch: a broken loss stays broken in the sum.
    sums = torch.stack([*loss_sums.values(), *correct.values()]).double()
    totals = processes.add_up(torch.cat([sums, sums.new_tensor([samples])])).tolist()
    samples = round(totals[-1])
    mean_loss = {name: total / samples for name, total in zip(loss_sums, totals, strict=False)}
    check_finite(mean_loss)
    right_counts = totals[len(loss_sums) : -1]
    accuracy = {name: n / samples for name, n in zip(correct, right_counts, strict=True)}
    return EpochLog(mean_loss, accuracy, samples)


def unimodal_backward(
    model: MultimodalNetwork, batch: Batch, active: Collection[str]
) -> StepOutput:
    """Descend each active modality's own cross-entropy; the others are not run at all."""
    logits = model.unimodal_logits(model.encode({m: batch.inputs[m] for m in active}))
    losses = losses_of(logits, batch.y)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    return StepOutput.of(logits, losses)


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

    def confusion(self) -> dict[str, list[list[int]]]:
        """Return, by modality or ``fused``, [true class, predicted class, samples] where any is."""
        return {m: confusion(p, self.y) for m, p in self.predictions.items()}


def macro_f1(predicted: Tensor, y: Tensor) -> float:
    """Return F1 averaged over every class that occurs in ``y`` or is predicted."""
    scores = []
    for label in torch.unique(torch.cat([predicted, y])):
        true_positive = ((predicted == label) & (y == label)).sum()
        scores.append(2 * true_positive / ((predicted == label).sum() + (y == label).sum()))
    return float(torch.stack(scores).double().mean())


def confusion(predicted: Tensor, y: Tensor) -> list[list[int]]:
    """Return the cells of the confusion matrix that hold any sample, row by row."""
    pairs = torch.stack([y, predicted], dim=1)
    cells, counts = torch.unique(pairs, dim=0, return_counts=True)
    found: list[list[int]] = torch.cat([cells, counts[:, None]], dim=1).tolist()
    return found


@torch.no_grad()
def evaluate(model: nn.Module, loader: Loader) -> Evaluation:
    """Predict every sample with every head, in evaluation mode."""
    model.eval()
    found: dict[str, list[Tensor]] = {}
    index = []
    for batch in loader:
        outputs = model(batch.inputs)
        for name, logits in outputs.by_head().items():
            found.setdefault(name, []).append(logits.argmax(dim=1))
        found.setdefault(LABELS, []).append(batch.y)
        index.append(batch.index)
    predictions = loader.collect(found, index)
    return Evaluation(y=predictions.pop(LABELS), predictions=predictions)


@torch.no_grad()
def predict(model: nn.Module, loader: Loader) -> Predictions:
    """Return every sample's logits and embeddings, in evaluation mode."""
    model.eval()
    logits: dict[str, list[Tensor]] = {}
    embeddings: dict[str, list[Tensor]] = {}
    index = []
    for batch in loader:
        outputs = model(batch.inputs)
        for name, values in outputs.embeddings.items():
            embeddings.setdefault(name, []).append(values)
        for name, values in outputs.by_head().items():
            logits.setdefault(name, []).append(values)
        logits.setdefault(LABELS, []).append(batch.y)
        index.append(batch.index)
    found = loader.collect(logits, index)
    return Predictions(
        y=found.pop(LABELS), logits=found, embeddings=loader.collect(embeddings, index)
    )


def embed(model: nn.Module, loader: Loader) -> ProbeInputs:
    """Return every sample's embeddings and unimodal predictions, in evaluation mode."""
    seen = predict(model, loader)
    predictions = {m: seen.logits[m].argmax(dim=1) for m in seen.embeddings}
    return ProbeInputs(seen.embeddings, predictions, seen.y)
