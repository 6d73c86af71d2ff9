"""Plain functions over a model and batches on its device: train an epoch, evaluate, embed."""

import inspect
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from fusion_sched.data.loading import Loader
from fusion_sched.evaluation.metrics import Evaluation
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.training.gradients import GradientStep
from fusion_sched.types import Batch, Predictions, ProbeInputs, Stage, StepOutput, losses_of

LABELS = "y"
"""Key of the labels among predictions. No modality may be called "y" or "fused"."""


@dataclass
class EpochLog:
    """Mean training loss and accuracy by modality or `fused`, and the number of samples."""

    loss: dict[str, float]
    accuracy: dict[str, float]
    samples: int


Backward = Callable[[MultimodalNetwork, Batch], StepOutput]
"""Puts a batch's gradients into the parameters and returns its logits and losses."""


def train_epoch(
    model: MultimodalNetwork,
    loader: Iterable[Batch],
    step: GradientStep,
    stage: Stage,
    backward: Backward,
) -> EpochLog:
    """Take one optimizer step per batch, or per several, along the gradients of `backward`.

    With several processes, along their mean; the log is that of all samples.

    Raises
    ------
    FloatingPointError
        A loss that is NaN or infinite.
    """
    model.train_only(stage.active, stage.joint)
    loss_sums: dict[str, Tensor] = {}
    correct: dict[str, Tensor] = {}
    samples = 0
    for batch in loader:
        step.optimizer.zero_grad(set_to_none=True)
        output = backward(model, batch)
        step.add(len(batch.y))
        samples += len(batch.y)
        for name, loss in output.losses.items():
            right = (output.logits[name].argmax(dim=1) == batch.y).sum()
            correct[name] = correct.get(name, 0) + right
            loss_sums[name] = loss_sums.get(name, 0) + loss * len(batch.y)
    step.take()  # the last batches, where they are fewer than a step wants
    step.processes.average_buffers(model.buffers())
    # One device sync per epoch: a broken loss stays broken in the sum.
    sums = torch.stack([*loss_sums.values(), *correct.values()]).double()
    totals = step.processes.add_up(torch.cat([sums, sums.new_tensor([samples])])).tolist()
    samples = round(totals[-1])
    mean_loss = {name: total / samples for name, total in zip(loss_sums, totals, strict=False)}
    _check_losses(mean_loss)
    right_counts = totals[len(loss_sums) : -1]
    accuracy = {name: n / samples for name, n in zip(correct, right_counts, strict=True)}
    return EpochLog(mean_loss, accuracy, samples)


def unimodal_backward(
    model: MultimodalNetwork, batch: Batch, active: Collection[str]
) -> StepOutput:
    """Descend each active modality's own cross-entropy; the others are not run at all."""
    logits = model.unimodal_logits(model.encode({m: batch.inputs[m] for m in active}))
    losses = losses_of(logits, batch.targets)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    return StepOutput.of(logits, losses)


def _check_losses(loss: Mapping[str, float]) -> None:
    broken = {name: value for name, value in loss.items() if not math.isfinite(value)}
    if broken:
        raise FloatingPointError(
            f"training loss is not finite: {broken}; lower the learning rate "
            "(stage1.optimizer.lr, stage2.optimizer.lr) or look for extreme values in the data"
        )


def step_scheduler(scheduler: LRScheduler, loss: float) -> None:
    """Go on with the learning rate; a scheduler that watches a value gets the training loss."""
    watched = [loss] if "metrics" in inspect.signature(scheduler.step).parameters else []
    scheduler.step(*watched)  # type: ignore[arg-type]


@torch.no_grad()
def evaluate(model: nn.Module, loader: Loader) -> Evaluation:
    """Predict every sample with every head, in evaluation mode."""
    model.eval()
    predicted: dict[str, list[Tensor]] = {}
    index = []
    for batch in loader:
        outputs = model(batch.inputs)
        for name, logits in outputs.by_head().items():
            predicted.setdefault(name, []).append(logits.argmax(dim=1))
        predicted.setdefault(LABELS, []).append(batch.y)
        index.append(batch.index)
    predictions = loader.collect(predicted, index)
    return Evaluation(y=predictions.pop(LABELS), predictions=predictions)


@torch.no_grad()
def predict(model: nn.Module, loader: Loader, on_device: bool = False) -> Predictions:
    """Return every sample's logits and embeddings, in evaluation mode; on the CPU by default."""
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
    collected = loader.collect(logits, index, on_device)
    return Predictions(
        y=collected.pop(LABELS),
        logits=collected,
        embeddings=loader.collect(embeddings, index, on_device),
    )


def embed(model: nn.Module, loader: Loader, on_device: bool = False) -> ProbeInputs:
    """Return every sample's embeddings and unimodal predictions, in evaluation mode."""
    logits, embeddings, y = predict(model, loader, on_device)
    return ProbeInputs(embeddings, {m: logits[m].argmax(dim=1) for m in embeddings}, y)
