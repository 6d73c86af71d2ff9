"""Which modalities are fused, and by what, is in the network's state."""

import torch
from torch import nn

from fusion_sched.models.fusion import Concat
from fusion_sched.models.network import MultimodalNetwork

INPUTS = {m: torch.randn(5, 6, generator=torch.Generator().manual_seed(ord(m))) for m in "ab"}


def network() -> MultimodalNetwork:
    encoders = {m: nn.Linear(6, 4) for m in "ab"}
    heads = {m: nn.Linear(4, 3) for m in "ab"}
    return MultimodalNetwork(encoders, heads, Concat(dict.fromkeys("ab", 4), 3)).eval()


def test_a_network_as_built_has_nothing_of_it_in_its_state() -> None:
    assert not [name for name in network().state_dict() if name.startswith(("ensemble", "fused"))]


def test_the_ensemble_gives_the_fused_logits_and_comes_back_from_the_state() -> None:
    model = network()
    ensemble = model.new_ensemble(["b"])
    ensemble.weights.copy_(torch.tensor([0.0, 2.0, 0.0]))
    model.deploy(["b"], ensemble)
    outputs = model(INPUTS)
    assert torch.equal(outputs.logits.argmax(dim=1), outputs.unimodal["b"].argmax(dim=1))
    other = network()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(INPUTS).logits, outputs.logits)


def test_weights_without_an_ensemble_take_it_away_again() -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fused = model(INPUTS).logits
    model.deploy(["a"], model.new_ensemble(["a"]))
    model.load_state_dict(before)
    assert torch.equal(model(INPUTS).logits, fused)


def test_a_modality_that_is_not_fused_has_no_effect_on_the_fusion_module() -> None:
    model = network()
    model.deploy(["a"])
    assert torch.equal(model(INPUTS).logits, model({**INPUTS, "b": -INPUTS["b"]}).logits)
    assert not torch.equal(model(INPUTS).logits, model({**INPUTS, "a": -INPUTS["a"]}).logits)
    other = network()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(INPUTS).logits, model(INPUTS).logits)


def test_a_pool_is_the_mean_of_probabilities_with_an_earlier_state() -> None:
    earlier, model = network(), network()
    pool = model.new_pool(["a", "b"])
    model.deploy_pool(["a", "b"], pool, earlier.state_dict())
    own, before = network(), earlier(INPUTS)
    own.load_state_dict(
        {k: v for k, v in model.state_dict().items() if not k.startswith(("kept", "ensemble"))}
    )
    present = own(INPUTS)
    members = [
        sum(z.log_softmax(1) for z in before.unimodal.values()) / 2,
        present.logits.log_softmax(1),
        sum(z.log_softmax(1) for z in (*present.unimodal.values(), present.logits)) / 3,
    ]
    expected = torch.stack([z.softmax(1) for z in members]).mean(dim=0)
    outputs = model(INPUTS)
    torch.testing.assert_close(outputs.logits.exp(), expected)
    assert torch.equal(outputs.unimodal["a"], present.unimodal["a"])
    again = network()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(INPUTS).logits, outputs.logits)
    again.load_state_dict(own.state_dict())
    assert torch.equal(again(INPUTS).logits, present.logits)


def test_a_fitted_pool_is_no_worse_than_chance() -> None:
    model, y = network(), torch.tensor([0, 1, 2, 0, 1])
    pool = model.new_pool(["a", "b"])
    logits = {name: torch.randn(5, 3) for name in pool.members["kept"].names}
    pool.fit(logits, y)
    loss = torch.nn.functional.cross_entropy(pool.combine(logits), y)
    assert loss <= torch.tensor(3.0).log()
