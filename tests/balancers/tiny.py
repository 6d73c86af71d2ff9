"""A network small enough to work out by hand, and what balancers' tests do with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fusion_sched.balancers import Balancer, BalancerState, EvalPasses
from fusion_sched.models.fusion import Concat
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.runtime import checkpoint
from fusion_sched.training.trainer import train
from fusion_sched.types import Batch, Predictions
from tests.conftest import (
    make_parts,
    of,
    read_events,
    run_once,
    timeless,
    write_small_digits,
)

SHORT = ("stage1.epochs=1", "stage2.epochs=2", "probe=kmeans", "probe.resamples=2",
         "probe.shuffles=1", "probe.samples=200", "robustness=false")  # fmt: skip
CLASSES = 3


def network(
    modalities: int = 2, fusion: Callable[..., nn.Module] = Concat, features: int = 5
) -> MultimodalNetwork:
    """Linear encoders from 5 features to 4 and, for every second modality, to 3."""
    torch.manual_seed(0)
    sizes = {f"m{i}": 4 - i % 2 for i in range(modalities)}
    encoders = {m: nn.Linear(features, size) for m, size in sizes.items()}
    heads = {m: nn.Linear(size, CLASSES) for m, size in sizes.items()}
    return MultimodalNetwork(encoders, heads, fusion(sizes=sizes, classes=CLASSES))


def some_batch(modalities: int = 2, samples: int = 12, seed: int = 1, features: int = 5) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    inputs = {
        f"m{i}": torch.randn(samples, features, generator=generator) for i in range(modalities)
    }
    return Batch(inputs, torch.arange(samples) % CLASSES, torch.arange(samples))


@torch.no_grad()
def predictions_of(model: MultimodalNetwork, batch: Batch) -> Predictions:
    outputs = model(batch.inputs)
    return Predictions(outputs.by_head(), outputs.embeddings, batch.y)


def passes_of(model: MultimodalNetwork, batch: Batch) -> EvalPasses:
    return EvalPasses(lambda: predictions_of(model, batch), lambda: predictions_of(model, batch))


def gradients(model: nn.Module) -> dict[str, Tensor | None]:
    return {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}


def plain(
    model: MultimodalNetwork, batch: Batch, loss_of: Callable[..., Tensor]
) -> dict[str, Tensor | None]:
    """Return the gradients of a loss of the outputs and labels; leave none behind."""
    model.zero_grad(set_to_none=True)
    loss_of(model(batch.inputs), batch.y).backward()
    found = gradients(model)
    model.zero_grad(set_to_none=True)
    return found


def fused_loss(outputs: Any, y: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs.logits, y)


def balanced(
    balancer: Balancer, model: MultimodalNetwork, batch: Batch, state: BalancerState | None = None
) -> dict[str, Tensor | None]:
    """Return the gradients of a step, in the first epoch unless there is a state."""
    model.zero_grad(set_to_none=True)
    if state is None:
        state = balancer.start_epoch(model, passes_of(model, batch), {})
    balancer.backward(model, batch, state)
    return gradients(model)


def assert_close(found: Tensor | None, expected: Tensor | None) -> None:
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


class Killed(Exception):
    """Stands for a process that ends without a word."""


def train_whole_and_resumed(tmp_path: Path, *overrides: str) -> list[dict[str, Any]]:
    """Train once through, and once killed in the second joint epoch and resumed: all the same."""
    whole, folder = tmp_path / "whole", tmp_path / "resumed"
    options = (*SHORT, *overrides)
    if not any(override.startswith("dataset=") for override in overrides):
        data = write_small_digits(tmp_path / "digits.npz")
        options = ("dataset=arrays", f"dataset.root={data}", *options)
    events = run_once(whole, *options)
    folder.mkdir()
    joint = 0

    def show(event: dict[str, Any]) -> None:
        nonlocal joint
        joint += event["event"] == "epoch" and event["stage"] == "joint"
        if joint == 2:
            raise Killed

    try:
        train(make_parts(*options), folder, show)
        raise AssertionError("it was not killed")
    except Killed:
        train(make_parts(*options), folder, lambda event: None)
    assert [timeless(e) for e in read_events(folder)] == [timeless(e) for e in read_events(whole)]
    last = [checkpoint.load(f / "checkpoint" / "last.pt", torch.device("cpu"))["model"]
            for f in (whole, folder)]  # fmt: skip
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])
    return events


def joint_losses(events: list[dict[str, Any]]) -> list[float]:
    return [e["loss"]["fused"] for e in of(events, "epoch") if e["stage"] == "joint"]
