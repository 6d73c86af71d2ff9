"""MMCosine, and the fusion by entropy: logits against numpy, bounds, what they ignore."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_sched.balancers import Balancer
from fusion_sched.balancers.agm import AGM
from fusion_sched.balancers.frozen import Frozen
from fusion_sched.balancers.greedy import Greedy
from fusion_sched.balancers.mmpareto import MMPareto
from fusion_sched.balancers.ogm_ge import OGM
from fusion_sched.balancers.relearning import Relearning
from fusion_sched.balancers.weighted import Weighted
from fusion_sched.models.cosine import MMCosine
from fusion_sched.models.entropy_weighted import EntropyWeighted, entropies
from tests.balancers.tiny import balanced, network, some_batch
from tests.conftest import of, run_once

SIZES = {"a": 4, "b": 7, "c": 2}
SHORT = ("stage1.epochs=1", "stage2.epochs=2", "probe=kmeans", "probe.resamples=10",
         "probe.shuffles=2", "probe.joint_every=9")  # fmt: skip


def some(sizes: dict[str, int], samples: int = 6, seed: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randn(samples, size, generator=generator) for m, size in sizes.items()}


def test_cosine_logits_by_hand() -> None:
    """Embedding (3, 4), weights (1, 0) and (0, -2): cosines 0.6 and -0.8."""
    module = MMCosine({"a": 2}, classes=2, scale=5.0)
    module.weights["a"].data = torch.tensor([[1.0, 0.0], [0.0, -2.0]])
    found = module({"a": torch.tensor([[3.0, 4.0]])}, {})
    torch.testing.assert_close(found, torch.tensor([[3.0, -4.0]]))


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
def test_cosine_logits_are_the_scaled_sum_of_cosines(names: str) -> None:
    sizes = {m: SIZES[m] for m in names}
    module, embeddings = MMCosine(sizes, classes=3, scale=4.0), some(sizes)
    expected = np.zeros((6, 3))
    for m, weight in module.weights.items():
        e, w = embeddings[m].numpy(), weight.detach().numpy()
        for sample in range(6):
            for c in range(3):
                lengths = np.linalg.norm(e[sample]) * np.linalg.norm(w[c])
                expected[sample, c] += 4.0 * (e[sample] @ w[c]) / lengths
    np.testing.assert_allclose(
        module(embeddings, {}).detach().numpy(), expected, rtol=1e-5, atol=1e-5
    )


def test_lengths_do_not_count() -> None:
    module, embeddings = MMCosine(SIZES, classes=3), some(SIZES)
    before = module(embeddings, {})
    module.weights["b"].data *= 9.0
    longer = {**embeddings, "a": 1000 * embeddings["a"]}
    torch.testing.assert_close(module(longer, {}), before)
    assert before.abs().max() <= 3 * 10.0


def test_a_zero_embedding_adds_nothing() -> None:
    module, embeddings = MMCosine(SIZES, classes=3), some(SIZES)
    blank = {**embeddings, "b": torch.zeros(6, 7)}
    others = {m: SIZES[m] for m in "ac"}
    alone = MMCosine(others, classes=3)
    for m in others:
        alone.weights[m].data = module.weights[m].data
    torch.testing.assert_close(module(blank, {}), alone(embeddings, {}))


@pytest.mark.parametrize("scale", [0, -1.0])
def test_an_impossible_scale_is_named(scale: float) -> None:
    with pytest.raises(ValueError, match=f"scale is {scale}, expected more than 0"):
        MMCosine(SIZES, classes=3, scale=scale)


@pytest.mark.parametrize(
    "balancer", [Weighted(), Frozen(), OGM(), AGM(), MMPareto(), Relearning(), Greedy()],
    ids=lambda balancer: type(balancer).__name__,
)  # fmt: skip
@pytest.mark.parametrize("fusion", [MMCosine, EntropyWeighted])
def test_every_kind_of_balancer_takes_it(fusion: type[torch.nn.Module], balancer: Balancer) -> None:
    """Some set embeddings to zero, which have no direction: gradients are finite all the same."""
    model, batch = network(3, fusion), some_batch(3)
    if isinstance(balancer, Frozen) and fusion is EntropyWeighted:
        with pytest.raises(ValueError, match="no parameter to train"):
            balancer.check(model)
        return
    found = [g for g in balanced(balancer, model, batch).values() if g is not None]
    assert all(torch.isfinite(g).all() for g in found)
    assert any(g.abs().sum() > 0 for g in found)


def test_entropies_by_hand() -> None:
    """Uniform over four: ln 4; (3/4, 1/4): 0.5623; certain: 0."""
    assert float(entropies(torch.zeros(1, 4))) == pytest.approx(np.log(4))
    quarter = torch.tensor([[0.75, 0.25]]).log()
    assert float(entropies(quarter)) == pytest.approx(0.562335, abs=1e-5)
    assert float(entropies(torch.tensor([[200.0, 0.0, 0.0]]))) == 0


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
def test_weights_fall_with_entropy_sample_by_sample(names: str) -> None:
    sizes = {m: SIZES[m] for m in names}
    logits = {m: 2 * x for m, x in some(dict.fromkeys(names, 4)).items()}
    found = EntropyWeighted(sizes, classes=4)({}, logits)
    for sample in range(6):
        doubt = {}
        for m in names:
            share = np.exp(logits[m][sample].numpy())
            share /= share.sum()
            doubt[m] = -(share * np.log(share)).sum()
        most = max(doubt.values())
        gates = {m: np.exp(most - e) for m, e in doubt.items()}
        expected = sum(g * logits[m][sample].numpy() for m, g in gates.items()) / sum(
            gates.values()
        )
        np.testing.assert_allclose(found[sample].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_a_prediction_does_not_depend_on_the_neighbours() -> None:
    logits = some(dict.fromkeys("ab", 4))
    fusion = EntropyWeighted(SIZES, classes=4)
    fusion.names = ("a", "b")
    first = fusion({}, {m: x[:1] for m, x in logits.items()})
    torch.testing.assert_close(fusion({}, logits)[:1], first)


def test_no_gradient_passes_through_the_weights() -> None:
    logits = {m: x.requires_grad_() for m, x in some(dict.fromkeys("ab", 4)).items()}
    EntropyWeighted({"a": 1, "b": 1}, classes=4)({}, logits).sum().backward()
    # Of the sum over classes each logit's slope is its modality's weight, the same for all classes.
    slopes = {m: x.grad for m, x in logits.items()}
    assert slopes["a"] is not None
    assert slopes["b"] is not None
    torch.testing.assert_close(slopes["a"], slopes["a"][:, :1].expand(6, 4))
    torch.testing.assert_close(slopes["a"] + slopes["b"], torch.ones(6, 4))
    assert list(EntropyWeighted(SIZES, classes=4).parameters()) == []


@pytest.mark.parametrize("fusion", ["mmcosine", "entropy"])
@pytest.mark.parametrize("dataset", ["digits_cg", "digits_thirds"])
def test_it_trains(tmp_path: Path, fusion: str, dataset: str) -> None:
    events = run_once(tmp_path / "run", *SHORT, f"fusion={fusion}", f"dataset={dataset}")
    losses = [e["loss"]["fused"] for e in of(events, "epoch") if e["stage"] == "joint"]
    assert losses[-1] < losses[0]
