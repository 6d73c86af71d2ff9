"""Missing and noisy modalities, Shapley values: against numpy and by hand."""

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from fusion_sched.data.loading import Loader
from fusion_sched.data.memory import InMemory
from fusion_sched.evaluation import (
    Robustness,
    evaluate_robustness,
    mean_embeddings,
)
from fusion_sched.models.fusion import Average, Concat, Sum
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.models.text import TextEncoder
from fusion_sched.training.components import make_loaders
from fusion_sched.training.epoch import evaluate, predict
from tests.conftest import make_parts

CLASSES = 3
FUSIONS: dict[str, type[nn.Module]] = {"concat": Concat, "sum": Sum, "average": Average}


def samples(inputs: Mapping[str, Tensor], y: Tensor) -> InMemory:
    return InMemory(dict(inputs), y)


def random_samples(names: list[str], count: int = 60, seed: int = 0) -> InMemory:
    """Inputs of 5 features, each modality with a faint mark of the class."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % CLASSES
    mark = nn.functional.one_hot(y, 5).float()
    inputs = {m: torch.randn(count, 5, generator=generator) + mark for m in names}
    return samples(inputs, y)


def network(names: list[str], fusion: type[nn.Module], seed: int = 0) -> MultimodalNetwork:
    torch.manual_seed(seed)
    sizes = dict.fromkeys(names, 4)
    encoders = {m: nn.Linear(5, 4) for m in names}
    heads = {m: nn.Linear(4, CLASSES) for m in names}
    model = MultimodalNetwork(encoders, heads, fusion(sizes, CLASSES))
    with torch.no_grad():  # else the biases decide, whatever is masked
        for values in model.parameters():
            values.mul_(3)
    return model


def examined(
    model: MultimodalNetwork, split: InMemory, seed: int = 0, batch_size: int = 16
) -> Robustness:
    """Examine on a split whose own mean embeddings stand for the training ones."""
    loader = Loader(split, batch_size)
    return evaluate_robustness(model, loader, mean_embeddings(model, loader), seed)


class Pass(nn.Module):
    """The logits are the embedding of one modality."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, embeddings: Mapping[str, Tensor], logits: Mapping[str, Tensor]) -> Tensor:
        return embeddings[self.name]


def one_modality_decides() -> tuple[MultimodalNetwork, InMemory]:
    """Two of three modalities are noise that the fused head does not read; classes 2 : 1 : 1."""
    y = torch.tensor([0, 0, 1, 2] * 10)
    generator = torch.Generator().manual_seed(0)
    inputs = {m: torch.randn(40, 3, generator=generator) for m in ("a", "b")}
    inputs["right"] = nn.functional.one_hot(y, 3).float()
    encoders = {m: nn.Identity() for m in inputs}
    heads = {m: nn.Identity() for m in inputs}
    return MultimodalNetwork(encoders, heads, Pass("right")), samples(inputs, y)


def test_a_network_that_reads_one_modality_owes_it_everything() -> None:
    found = examined(*one_modality_decides())
    # Without it the mean answers: class 0, the most frequent, half of the samples. Zeros: class 0.
    assert found.missing_mean == {"a": 1.0, "b": 1.0, "right": 0.5}
    assert found.missing_zeros == {"a": 1.0, "b": 1.0, "right": 0.5}
    assert found.contribution is not None
    assert found.contribution.constant == 0.5
    assert found.contribution.shapley == pytest.approx({"a": 0, "b": 0, "right": 0.5})
    assert found.contribution.coalitions == {
        "a": 0.5, "b": 0.5, "right": 1.0, "a/b": 0.5, "a/right": 1.0, "b/right": 1.0,
        "a/b/right": 1.0,
    }  # fmt: skip
    assert set(found.noise["a"].accuracy.values()) == {1.0}
    curve = list(found.noise["right"].accuracy.values())
    assert curve[0] > curve[-1]


def numpy_accuracy(
    model: MultimodalNetwork, embeddings: dict[str, np.ndarray], y: np.ndarray, fusion: str
) -> float:
    """Score the fused head of ``network`` in numpy."""

    def linear(layer: nn.Module, values: np.ndarray) -> np.ndarray:
        weight, bias = (p.detach().double().numpy() for p in (layer.weight, layer.bias))
        return np.asarray(values @ weight.T + bias)

    if fusion == "concat":
        logits = linear(model.fusion.linear, np.concatenate(list(embeddings.values()), axis=1))
    elif fusion == "sum":
        logits = sum(linear(model.fusion.linear[m], e) for m, e in embeddings.items())
    else:
        logits = sum(linear(model.heads[m], e) for m, e in embeddings.items())
    return float((logits.argmax(axis=1) == y).mean())


@pytest.mark.parametrize("fusion", FUSIONS)
def test_coalitions_and_shapley_values_agree_with_numpy(fusion: str) -> None:
    """Every coalition by hand, and Shapley values as means over all orders of arrival."""
    names = ["a", "b", "c"]
    model = network(names, FUSIONS[fusion])
    split, train = random_samples(names), random_samples(names, 90, seed=1)
    means = mean_embeddings(model, Loader(train, 16))
    found = evaluate_robustness(model, Loader(split, 16), means, seed=0)
    seen, seen_train = (predict(model, Loader(s, 16)).embeddings for s in (split, train))
    own = {m: e.double().numpy() for m, e in seen.items()}
    mean = {m: seen_train[m].double().mean(dim=0).numpy() for m in names}
    for m in names:
        np.testing.assert_allclose(means[m].numpy(), mean[m], atol=1e-6)

    def value(present: tuple[str, ...]) -> float:
        kept = {m: own[m] if m in present else np.tile(mean[m], (60, 1)) for m in names}
        return numpy_accuracy(model, kept, split.labels.numpy(), fusion)

    contribution = found.contribution
    assert contribution is not None
    for present, accuracy in contribution.coalitions.items():
        assert accuracy == value(tuple(present.split("/"))), present
    assert contribution.constant == value(())
    gains: dict[str, list[float]] = {m: [] for m in names}
    for order in permutations(names):
        for place, m in enumerate(order):
            gains[m].append(value(order[: place + 1]) - value(order[:place]))
    assert contribution.shapley == pytest.approx({m: np.mean(g) for m, g in gains.items()})
    assert found.missing_mean == {m: value(tuple(set(names) - {m})) for m in names}
    assert len(set(contribution.coalitions.values())) > 3, "or the test shows little"


def test_average_fusion_hears_the_masked_modality_by_its_head() -> None:
    """A masked modality votes by the head's answer to the mean, not by its own logits."""
    y = torch.tensor([0, 1] * 10)
    inputs = {"a": nn.functional.one_hot(y, 2).float(), "b": nn.functional.one_hot(1 - y, 2) * 0.9}
    same = {m: nn.Identity() for m in inputs}
    model = MultimodalNetwork(
        same, {m: nn.Identity() for m in inputs}, Average({"a": 2, "b": 2}, 2)
    )
    found = examined(model, samples(inputs, y)).contribution
    assert found is not None
    assert found.coalitions == {"a": 1.0, "b": 0.0, "a/b": 1.0}


@given(st.integers(2, 4), st.sampled_from(sorted(FUSIONS)), st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_shapley_values_sum_to_what_all_modalities_add(count: int, fusion: str, seed: int) -> None:
    names = [f"m{i}" for i in range(count)]
    model = network(names, FUSIONS[fusion], seed)
    found = examined(model, random_samples(names, seed=seed)).contribution
    assert found is not None
    together = found.coalitions["/".join(names)] - found.constant
    assert sum(found.shapley.values()) == pytest.approx(together, abs=1e-12)
    assert len(found.coalitions) == 2**count - 1


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_equal_modalities_get_equal_values(seed: int) -> None:
    """The first two have the same inputs and weights; the third has its own."""
    names = ["a", "twin", "other"]
    model, split = network(names, Sum, seed), random_samples(names, seed=seed)
    for part in (model.encoders, model.heads, model.fusion.linear):
        part["twin"].load_state_dict(part["a"].state_dict())
    split = replace(split, inputs={**split.inputs, "twin": split.inputs["a"]})
    found = examined(model, split).contribution
    assert found is not None
    assert found.shapley["a"] == pytest.approx(found.shapley["twin"], abs=1e-12)


def test_more_than_five_modalities_have_no_shapley_values() -> None:
    names = [f"m{i}" for i in range(6)]
    model, split = network(names, Sum), random_samples(names)
    asked: list[int] = []
    watch = model.fusion.register_forward_hook(lambda *_: asked.append(1))
    found = examined(model, split, batch_size=60)
    watch.remove()
    # Once plainly; then each modality by its mean, by zeros and by four levels of noise.
    assert len(asked) == 1 + 6 * (1 + 1 + 4), "nor does anyone wait for 64 coalitions"
    assert "contribution" not in found.fields()
    assert found.missing_mean.keys() == set(names)
    means = {m: e.mean(dim=0) for m, e in predict(model, Loader(split, 60)).embeddings.items()}
    seen = predict(model, Loader(split, 60)).embeddings
    without = {**seen, "m2": means["m2"].expand_as(seen["m2"])}
    answers = model.fusion(without, {}).argmax(dim=1)
    assert found.missing_mean["m2"] == float((answers == split.labels).double().mean())


@pytest.mark.parametrize("extra", [[], ["precision=bf16"]])
def test_a_real_network_in_thirds(extra: list[str]) -> None:
    parts = make_parts("dataset=digits_thirds", "encoder=small_cnn", *extra)
    torch.manual_seed(0)
    loaders = make_loaders(parts)
    optimizer = torch.optim.Adam(parts.model.parameters(), 0.003)
    for batch in loaders.train:
        nn.functional.cross_entropy(parts.model(batch.inputs).logits, batch.y).backward()
        optimizer.step()
        optimizer.zero_grad()
    names = parts.model.modalities
    means = mean_embeddings(parts.model, loaders.plain_train)
    before = {name: value.clone() for name, value in parts.model.state_dict().items()}
    found = evaluate_robustness(parts.model, loaders.test, means, parts.seed)
    assert all(torch.equal(v, before[n]) for n, v in parts.model.state_dict().items())
    accuracy = evaluate(parts.model, loaders.test).accuracy()["fused"]
    assert accuracy > 0.3
    assert found.contribution is not None
    assert found.contribution.coalitions["upper/middle/lower"] == accuracy
    zeros = {}
    for m in names:
        right = 0
        for batch in loaders.test:
            blank = {**batch.inputs, m: torch.zeros_like(batch.inputs[m])}
            right += int((parts.model(blank).logits.argmax(dim=1) == batch.y).sum())
        zeros[m] = right / len(parts.splits.test)
    assert found.missing_zeros == zeros
    assert set(found.calibration.ece) == {*names, "fused"}
    assert json.loads(json.dumps(found.fields(), allow_nan=False)) == found.fields()


def test_no_noise_is_the_plain_accuracy() -> None:
    """A modality without any spread gets noise of size zero."""
    names = ["a", "b"]
    model, split = network(names, Concat), random_samples(names)
    split = replace(split, inputs={**split.inputs, "b": torch.full((60, 5), 0.1)})
    found = examined(model, split)
    plain = evaluate(model, Loader(split, 16)).accuracy()["fused"]
    assert set(found.noise["b"].accuracy.values()) == {plain}
    assert found.noise["a"].accuracy != found.noise["b"].accuracy


def test_a_seed_decides_and_the_batch_size_does_not() -> None:
    names = ["a", "b"]
    model, split = network(names, Concat), random_samples(names, 200)
    first, again, small, other = (
        examined(model, split, seed, size) for seed, size in ((3, 64), (3, 64), (3, 7), (4, 64))
    )
    assert first == again
    assert first.noise == small.noise
    assert first.noise != other.noise
    assert replace(first, noise={}) == replace(other, noise={})


def test_a_network_that_reads_words() -> None:
    y = torch.arange(90) % CLASSES
    words = torch.zeros(90, 6, dtype=torch.int64)
    words[:, :4] = 1 + y[:, None]
    generator = torch.Generator().manual_seed(0)
    split = samples({"text": words, "noise": torch.randn(90, 5, generator=generator)}, y)
    torch.manual_seed(0)
    encoders = {"text": TextEncoder((6,), 5, 4), "noise": nn.Linear(5, 4)}
    heads = {m: nn.Linear(4, CLASSES) for m in encoders}
    model = MultimodalNetwork(encoders, heads, Concat(dict.fromkeys(encoders, 4), CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(split.inputs).logits, y).backward()
        optimizer.step()
    found = examined(model, split)
    assert found.noise["text"].kind == "tokens"
    curve = list(found.noise["text"].accuracy.values())
    assert curve[0] > 0.9 > curve[-1]
    assert curve == sorted(curve, reverse=True)
    assert found.noise["noise"].kind == "gaussian"
    assert found.missing_zeros["text"] < 0.6


class Divide(nn.Module):
    """Loses itself where the input is zero."""

    def forward(self, x: Tensor) -> Tensor:
        return x / x.abs().sum(dim=1, keepdim=True)


def test_an_answer_that_is_not_a_number_is_wrong() -> None:
    y = torch.zeros(10, dtype=torch.int64)  # the class that argmax of NaN gives
    inputs = {"a": torch.tensor([[2.0, 1.0]]).expand(10, 2)}
    model = MultimodalNetwork({"a": Divide()}, {"a": nn.Identity()}, Pass("a"))
    found = examined(model, samples(inputs, y))
    assert found.missing_zeros == {"a": 0.0}
    assert found.missing_mean == {"a": 1.0}
