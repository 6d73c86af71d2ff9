"""LFM: the weight of an epoch, the contrastive loss by hand, and the gradients of a step."""

from math import exp
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fusion_sched.balancers.lfm import LFM
from fusion_sched.models.fusion import Average
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Outputs
from tests.balancers.tiny import (
    CLASSES,
    assert_close,
    balanced,
    fused_loss,
    joint_losses,
    network,
    passes_of,
    plain,
    some_batch,
    train_whole_and_resumed,
)


def level(modalities: int) -> MultimodalNetwork:
    """Embeddings of 4 features for every modality."""
    torch.manual_seed(0)
    sizes = {f"m{i}": 4 for i in range(modalities)}
    encoders = {m: nn.Linear(5, 4) for m in sizes}
    heads = {m: nn.Linear(4, CLASSES) for m in sizes}
    return MultimodalNetwork(encoders, heads, Average(sizes=sizes, classes=CLASSES))


def test_the_matching_loss_fades() -> None:
    shares = [LFM(decay=0.3).matching_share(epoch) for epoch in range(12)]
    assert shares[0] == 0.95
    assert shares[1] == pytest.approx(exp(-0.3))
    assert shares[9] == pytest.approx(exp(-2.7))
    assert shares[10] == shares[11] == 0.05


def test_the_matching_loss_by_hand() -> None:
    """Two samples, cosines 1 and 0 one way, 0.6 and 0.8 the other: temperature 0.5 doubles them."""
    first = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    second = torch.tensor([[5.0, 0.0], [6.0, 8.0]])
    similarity = 2 * np.array([[1.0, 0.6], [0.0, 0.8]])
    rows = [-np.log(np.exp(s[i]) / np.exp(s).sum()) for i, s in enumerate(similarity)]
    columns = [-np.log(np.exp(s[i]) / np.exp(s).sum()) for i, s in enumerate(similarity.T)]
    loss = LFM(temperature=0.5).matching({"a": first, "b": second})
    assert float(loss) == pytest.approx(np.mean([*rows, *columns]), abs=1e-6)


def test_three_modalities_are_matched_in_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = {m: torch.randn(6, 4, generator=generator) for m in "abc"}
    pairs = [LFM().matching({m: embeddings[m] for m in pair}) for pair in ("ab", "ac", "bc")]
    assert float(LFM().matching(embeddings)) == pytest.approx(float(torch.stack(pairs).mean()))


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("epoch", [0, 2, 40])
def test_a_step_descends_the_weighted_sum(modalities: int, epoch: int) -> None:
    model, batch, balancer = level(modalities), some_batch(modalities), LFM()

    def matching(outputs: Outputs, y: Tensor) -> Tensor:
        return balancer.matching(outputs.embeddings)

    match, fused = plain(model, batch, matching), plain(model, batch, fused_loss)
    share = {0: 0.95, 2: exp(-0.6), 40: 0.05}[epoch]
    for name, gradient in balanced(balancer, model, batch, {"epoch": epoch}).items():
        own = match[name] if match[name] is not None else torch.zeros(())
        assert fused[name] is not None
        assert_close(gradient, share * own + (1 - share) * fused[name])


def test_epochs_are_counted() -> None:
    model, batch = level(2), some_batch()
    state = LFM().start_epoch(model, passes_of(model, batch), {})
    assert state == {"epoch": 0}
    assert LFM().start_epoch(model, passes_of(model, batch), state) == {"epoch": 1}


def test_errors() -> None:
    with pytest.raises(ValueError, match="decay=-1"):
        LFM(decay=-1)
    with pytest.raises(ValueError, match="temperature=0"):
        LFM(temperature=0)
    with pytest.raises(ValueError, match="balancer=lfm compares modalities"):
        LFM().check(level(1))
    with pytest.raises(ValueError, match=r"lfm compares embeddings.*'m0': 4, 'm1': 3"):
        LFM().check(network())
    LFM().check(level(2))


def test_it_trains_and_resumes(tmp_path: Path) -> None:
    losses = joint_losses(train_whole_and_resumed(tmp_path, "+method=lfm"))
    assert losses[-1] < losses[0]
