"""Greedy: speeds, who is held and for how long, and what a step that re-balances descends."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fusion_sched.balancers import BalancerState
from fusion_sched.balancers.greedy import Greedy, speed
from fusion_sched.models.fusion import Average, Concat, FiLM, Gated, Sum
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.types import Batch
from tests.balancers.tiny import (
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


def started(model: MultimodalNetwork, batch: Batch, epoch: int = 0) -> BalancerState:
    state = Greedy().start_epoch(model, passes_of(model, batch), {})
    return {**state, "epoch": epoch}


def means_of(model: MultimodalNetwork, batches: list[Batch]) -> dict[str, Tensor]:
    """Return the mean over the batches of each batch's mean embedding."""
    with torch.no_grad():
        found = [model(batch.inputs).embeddings for batch in batches]
    return {m: torch.stack([e[m].mean(dim=0) for e in found]).mean(dim=0) for m in found[0]}


def test_speed_by_hand() -> None:
    """|(1, 2, 2)|² / |(3, 0, 4)|² over weight and bias together."""
    encoder = nn.Linear(2, 1)
    encoder.weight.data, encoder.bias.data = torch.tensor([[3.0, 0.0]]), torch.tensor([4.0])
    encoder.weight.grad, encoder.bias.grad = torch.tensor([[1.0, 2.0]]), torch.tensor([2.0])
    assert float(speed("m", encoder)) == pytest.approx(9 / 25)
    encoder.bias.grad = None  # a frozen parameter does not count
    assert float(speed("m", encoder)) == pytest.approx(5 / 9)


@pytest.mark.parametrize(
    ("speeds", "alpha", "held"),
    [((1.0, 1.2), 0.1, []), ((1.0, 1.3), 0.1, ["m1"]), ((1.3, 1.0), 0.1, ["m0"]),
     ((2.0, 1.0), 0.4, []), ((1.0, 1.0), 0.0, []), ((5.0, 1.0, 1.1), 0.1, ["m0"]),
     ((5.0, 1.0, 3.0), 0.1, ["m0", "m2"])],
)  # fmt: skip
def test_who_is_ahead(speeds: tuple[float, ...], alpha: float, held: list[str]) -> None:
    """log10 1.2 = 0.079, log10 1.3 = 0.114, log10 2 = 0.301."""
    values = {f"m{i}": torch.tensor(s, dtype=torch.float64) for i, s in enumerate(speeds)}
    assert Greedy(alpha=alpha).ahead(values) == held


@pytest.mark.parametrize("modalities", [2, 3])
def test_a_regular_step_descends_the_fused_loss_and_adds_to_the_speeds(modalities: int) -> None:
    model, batch = network(modalities), some_batch(modalities)
    state = started(model, batch)
    expected = plain(model, batch, fused_loss)
    for number in (1, 2):
        for name, gradient in balanced(Greedy(), model, batch, state).items():
            assert_close(gradient, expected[name])
        for name in model.modalities:
            parts = {k: p for k, p in model.named_parameters() if f"encoders.{name}." in k}
            gradients = [expected[k] for k in parts]
            above = sum(float(g.square().sum()) for g in gradients if g is not None)
            below = sum(float(p.detach().square().sum()) for p in parts.values())
            assert float(state["speeds"][name]) == pytest.approx(number * above / below, rel=1e-4)


@pytest.mark.parametrize("fusion", [Concat, Sum, Average, FiLM, Gated])
def test_who_is_held_says_the_same_of_every_sample_and_rests(
    fusion: Callable[..., nn.Module],
) -> None:
    model, before, batch = network(fusion=fusion), some_batch(seed=5), some_batch()
    state = started(model, batch)
    balanced(Greedy(alpha=9), model, before, state)
    state = {**state, "left": 3, "held": ["m0"]}
    mean = means_of(model, [before, batch])["m0"]

    def loss_with_the_mean(outputs: object, y: Tensor) -> Tensor:
        own = model.encoders["m1"](batch.inputs["m1"])
        embeddings = {"m0": mean.expand(len(y), -1), "m1": own}
        unimodal = {m: model.heads[m](e) for m, e in embeddings.items()}
        return cross_entropy(model.fusion(embeddings, unimodal), y)

    expected = plain(model, batch, loss_with_the_mean)
    found = balanced(Greedy(), model, batch, state)
    for name, gradient in found.items():
        if name.startswith(("encoders.m0", "heads.m0")):
            assert gradient is None
        else:
            assert_close(gradient, expected[name])
    assert state["left"] == 2
    assert found["encoders.m1.weight"] is not None


def test_with_three_only_the_slowest_trains() -> None:
    model, batch = network(3), some_batch(3)
    state = {**started(model, batch), "left": 1, "held": ["m0", "m2"]}
    found = balanced(Greedy(), model, batch, state)
    still = {name for name, gradient in found.items() if gradient is None}
    assert {n.split(".")[1] for n in still if n.startswith("encoders.")} == {"m0", "m2"}


def test_a_window_follows_a_regular_step_in_which_somebody_was_ahead() -> None:
    """From the first epoch allowed on; speeds are not measured while somebody is held."""
    model, batch = network(), some_batch()
    balancer = Greedy(alpha=0.0, window=2)
    state, left, counts = started(model, batch), [], []
    for epoch in (0, 1):
        for _ in range(5):
            balanced(balancer, model, batch, state)
            left.append(state["left"])
            counts.append(float(state["speeds"]["m0"]))
        if epoch == 0:
            state = balancer.start_epoch(model, passes_of(model, batch), state)
    assert left == [0, 0, 0, 0, 0, 2, 1, 0, 2, 1]
    once = counts[0]
    assert counts == pytest.approx([once * n for n in (1, 2, 3, 4, 5, 6, 6, 6, 7, 7)])
    assert len(state["held"]) == 1


def test_means_are_over_all_steps() -> None:
    model = network(3)
    batches = [some_batch(3, seed=seed) for seed in range(4)]
    state = started(model, batches[0])
    for batch in batches:
        balanced(Greedy(), model, batch, state)
    for name, mean in means_of(model, batches).items():
        torch.testing.assert_close(state["means"][name], mean)


class First(nn.Module):
    """A fusion that leaves all but the first modality out."""

    def __init__(self, sizes: dict[str, int], classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(next(iter(sizes.values())), classes)

    def forward(self, embeddings: dict[str, Tensor], logits: dict[str, Tensor]) -> Tensor:
        out: Tensor = self.linear(next(iter(embeddings.values())))
        return out


def test_errors() -> None:
    for knobs in ({"alpha": -0.1}, {"window": 0}, {"first_epoch": -1}):
        with pytest.raises(ValueError, match="expected"):
            Greedy(**knobs)  # type: ignore[arg-type]
    alone, batch = network(1), some_batch(1)
    with pytest.raises(ValueError, match="balancer=greedy compares modalities"):
        Greedy().check(alone)
    model, batch = network(fusion=First), some_batch()
    with pytest.raises(ValueError, match="no parameter of the encoder of 'm1'"):
        Greedy().backward(model, batch, started(model, batch))


def test_several_processes_are_refused() -> None:
    model = network()
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        with pytest.raises(ValueError, match="train in one process"):
            Greedy().check(model)
    finally:
        torch.distributed.destroy_process_group()


def test_it_trains_and_resumes(tmp_path: Path) -> None:
    options = ("balancer=greedy", "balancer.alpha=0", "balancer.window=4", "probe.joint_every=9")
    losses = joint_losses(train_whole_and_resumed(tmp_path, *options))
    assert losses[-1] < losses[0]
