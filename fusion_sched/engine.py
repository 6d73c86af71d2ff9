"""Plain functions over a model and a loader: train an epoch, evaluate, embed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Sampler

from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.runtime import seed_for
from fusion_sched.types import FUSED, Batch, Embedded, Samples, Stage

Loader = DataLoader[Batch]


class EpochOrder(Collection[int]):
    """These positions in an order that depends on (seed, epoch) alone."""

    def __init__(self, positions: Sequence[int], seed: int) -> None:
        self.positions, self.seed, self.epoch = positions, seed, 0

    def __len__(self) -> int:
        return len(self.positions)

    def __contains__(self, position: object) -> bool:
        return position in self.positions

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(seed_for(self.seed, "order", self.epoch))
        for place in torch.randperm(len(self.positions), generator=generator).tolist():
            yield self.positions[place]


class Batches(Sampler[list[int]]):
    """The positions of an order, ``size`` at a time; a last one alone joins the batch before it.

    BatchNorm cannot train on a single sample, and no sample should be left out for it.
    """

    def __init__(self, order: Collection[int], size: int) -> None:
        self.order, self.size = order, size

    def __len__(self) -> int:
        count, rest = divmod(len(self.order), self.size)
        return count + (rest > 1 or (rest == 1 and count == 0))

    def __iter__(self) -> Iterator[list[int]]:
        positions = list(self.order)
        batches = len(self)
        for number in range(batches):
            end = len(positions) if number == batches - 1 else (number + 1) * self.size
            yield positions[number * self.size : end]


def make_loader(samples: Samples, batch_size: int, order: Collection[int] | None = None) -> Loader:
    """Return a loader of batches, in the given order or in the split's own."""
    return DataLoader(
        samples,  # type: ignore[arg-type]
        batch_sampler=Batches(range(len(samples)) if order is None else order, batch_size),
        collate_fn=as_is,  # type: ignore[arg-type]
        generator=torch.Generator().manual_seed(0),
    )


def as_is(batch: Batch) -> Batch:
    """Pass on what ``Samples.__getitems__`` has already made a batch."""
    return batch


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Move a batch."""
    inputs = {m: x.to(device, non_blocking=True) for m, x in batch.inputs.items()}
    return Batch(inputs, batch.y.to(device, non_blocking=True), batch.index)


@dataclass
class EpochLog:
    """Mean training loss and accuracy by modality or ``fused``, and the samples seen."""

    loss: dict[str, float]
    accuracy: dict[str, float]
    samples: int


def train_epoch(
    model: MultimodalNetwork,
    loader: Loader,
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
    device = next(model.parameters()).device
    model.train_only(stage.active, stage.joint)
    loss_sums: dict[str, Tensor] = {}
    correct: dict[str, Tensor] = {}
    samples = 0
    for batch in loader:
        batch = to_device(batch, device)
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
def evaluate(model: nn.Module, loader: Loader) -> Evaluation:
    """Predict every sample with every head, in evaluation mode."""
    device = next(model.parameters()).device
    model.eval()
    predictions: dict[str, list[Tensor]] = {}
    labels = []
    for batch in loader:
        outputs = model(to_device(batch, device).inputs)
        for name, logits in {**outputs.unimodal, FUSED: outputs.logits}.items():
            predictions.setdefault(name, []).append(logits.argmax(dim=1).cpu())
        labels.append(batch.y)
    return Evaluation({m: torch.cat(parts) for m, parts in predictions.items()}, torch.cat(labels))


@torch.no_grad()
def embed(model: nn.Module, loader: Loader) -> Embedded:
    """Return every sample's embeddings and unimodal predictions, in evaluation mode."""
    device = next(model.parameters()).device
    model.eval()
    embeddings: dict[str, list[Tensor]] = {}
    predictions: dict[str, list[Tensor]] = {}
    labels = []
    for batch in loader:
        outputs = model(to_device(batch, device).inputs)
        for name, values in outputs.embeddings.items():
            embeddings.setdefault(name, []).append(values.cpu())
            predictions.setdefault(name, []).append(outputs.unimodal[name].argmax(dim=1).cpu())
        labels.append(batch.y)
    return Embedded(
        {m: torch.cat(parts) for m, parts in embeddings.items()},
        {m: torch.cat(parts) for m, parts in predictions.items()},
        torch.cat(labels),
    )
