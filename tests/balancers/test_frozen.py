"""Frozen: the fusion module alone trains, on what the network itself computes."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from fusion_sched.balancers.frozen import Frozen
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import FUSED
from tests.balancers.tiny import CLASSES, balanced, network, some_batch
from tests.conftest import SHORT, run_once


class ScaledAverage(nn.Module):
    """The mean of the modalities' own logits, with a trained factor for each class."""

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.names = tuple(sizes)
        self.factors = nn.Parameter(torch.ones(classes))

    def forward(self, embeddings: Mapping[str, Tensor], logits: Mapping[str, Tensor]) -> Tensor:
        return self.factors * torch.stack([logits[m] for m in self.names]).mean(dim=0)


def test_in_bf16_the_fusion_module_gets_the_logits_that_the_network_gives_it() -> None:
    plain = network(fusion=ScaledAverage)
    model = MultimodalNetwork(
        dict(plain.encoders.items()), dict(plain.heads.items()), plain.fusion, "bf16"
    )
    batch = some_batch()
    expected = model(batch.inputs).logits
    step = Frozen().backward(model, batch, {})
    assert step.logits[FUSED].shape == (12, CLASSES)
    assert torch.equal(step.logits[FUSED], expected)


def test_only_the_fusion_module_gets_a_gradient() -> None:
    gradients = balanced(Frozen(), network(fusion=ScaledAverage), some_batch())
    assert {n for n, g in gradients.items() if g is not None} == {"fusion.factors"}


def test_a_run_in_bf16_on_the_cpu(tmp_path: Path) -> None:
    events = run_once(tmp_path, "balancer=frozen", "precision=bf16", "robustness=false", *SHORT)
    assert events[-1]["event"] == "result"
