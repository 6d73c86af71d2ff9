"""Ensembles: what they fit on held-out logits, and that nothing else of them moves."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from fusion_sched.models.ensembles import (
    BestSingle,
    CalibratedEnsemble,
    Ensemble,
    FittedFusion,
    FusionWithHeads,
    StackedEnsemble,
    WeightedEnsemble,
    out_of_fold,
)
from fusion_sched.models.fitting import fit_temperature, score_of
from fusion_sched.models.fusion import Concat

CLASSES, COUNT = 4, 400
SIZES = {"a": 3, "b": 2}
KINDS = [CalibratedEnsemble, WeightedEnsemble, StackedEnsemble, BestSingle]


def labels() -> Tensor:
    return torch.arange(COUNT) % CLASSES


def head(signal: float, scale: float, seed: int) -> Tensor:
    """Return logits of a head that knows so much, and is so sure of it."""
    noise = torch.randn(COUNT, CLASSES, generator=torch.Generator().manual_seed(seed))
    return scale * (signal * one_hot(labels(), CLASSES) + noise)


def heads() -> dict[str, Tensor]:
    """Return a good head and a poor one that is far too sure."""
    return {"a": head(2.0, 1.0, 0), "b": head(0.3, 30.0, 1)}


def test_a_temperature_is_the_best_of_a_grid() -> None:
    for scale in (0.1, 1.0, 30.0):
        logits = head(2.0, scale, 0)
        grid = np.geomspace(0.02, 50, 2000)
        losses = [float(cross_entropy(logits.double() / t, labels())) for t in grid]
        assert fit_temperature(logits, labels()) == pytest.approx(grid[np.argmin(losses)], rel=0.01)


def test_logits_that_are_never_wrong_or_not_finite() -> None:
    assert 0.05 <= fit_temperature(one_hot(labels(), CLASSES).float(), labels()) < 0.1
    broken = head(2.0, 1.0, 0)
    broken[0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match="not finite"):
        fit_temperature(broken, labels())


def test_the_calibrated_ensemble_is_the_mean_of_tempered_log_probabilities() -> None:
    ensemble, logits = CalibratedEnsemble(SIZES, CLASSES), heads()
    plain = torch.stack(list(logits.values())).mean(dim=0)
    ensemble.fit(logits, labels())
    assert score_of(ensemble({}, logits), labels())[0] > score_of(plain, labels())[0] + 0.2
    expected = np.mean(
        [log_softmax(z / fit_temperature(z, labels()), axis=1) for z in logits.values()], axis=0
    )
    np.testing.assert_allclose(ensemble({}, logits), expected, atol=1e-5)


def test_fitted_weights_are_not_below_the_mean() -> None:
    fitted, calibrated = WeightedEnsemble(SIZES, CLASSES), CalibratedEnsemble(SIZES, CLASSES)
    useless = {**heads(), "b": head(0.0, 1.0, 5)}
    for ensemble in (fitted, calibrated):
        ensemble.fit(useless, labels())
    better, mean = (score_of(e({}, useless), labels())[1] for e in (fitted, calibrated))
    assert better > mean
    values = fitted.fitted_values()["weights"]
    assert values["a"] == pytest.approx(1.0, abs=0.15), "one calibrated head alone has weight 1"


def test_the_best_single_head_ties_by_likelihood() -> None:
    ensemble, logits = BestSingle(SIZES, CLASSES), heads()
    ensemble.fit(logits, labels())
    assert ensemble.fitted_values()["weights"] == {"a": 1, "b": 0}
    torch.testing.assert_close(ensemble({}, logits), logits["a"].log_softmax(dim=1))
    same_answers = {"a": 50 * logits["a"], "b": logits["a"]}
    ensemble.fit(same_answers, labels())
    assert ensemble.fitted_values()["weights"] == {"a": 0, "b": 1}


def test_stacking_learns_what_no_weight_can_say() -> None:
    """A head that names the next class: the mean is wrong, the regression is right."""
    logits = {"a": head(0.0, 1.0, 2), "b": head(2.0, 1.0, 3).roll(1, dims=1)}
    mean, stacked = CalibratedEnsemble(SIZES, CLASSES), StackedEnsemble(SIZES, CLASSES, penalty=1)
    mean_score = score_of(out_of_fold(mean, logits, labels()), labels())
    assert score_of(out_of_fold(stacked, logits, labels()), labels())[0] > mean_score[0] + 0.4
    stacked.fit(logits, labels())
    inside = score_of(stacked({}, logits), labels())
    assert inside[1] > score_of(out_of_fold(stacked, logits, labels()), labels())[1]


def test_a_large_penalty_leaves_the_mean() -> None:
    logits = heads()
    stacked, mean = StackedEnsemble(SIZES, CLASSES, penalty=1e9), CalibratedEnsemble(SIZES, CLASSES)
    for ensemble in (stacked, mean):
        ensemble.fit(logits, labels())
    found, expected = (ensemble({}, logits).log_softmax(dim=1) for ensemble in (stacked, mean))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_its_state_is_all_there_is(kind: type[Ensemble]) -> None:
    fitted, other, logits = kind(SIZES, CLASSES), kind(SIZES, CLASSES), heads()
    assert isinstance(fitted, FittedFusion)
    assert not list(fitted.parameters())
    before = {name: values.clone() for name, values in fitted.state_dict().items()}
    out_of_fold(fitted, logits, labels())
    torch.testing.assert_close(dict(fitted.state_dict()), before)
    fitted.fit(logits, labels())
    other.load_state_dict(fitted.state_dict())
    assert torch.equal(other({}, logits), fitted({}, logits))
    fitted.fit(logits, labels())  # does not depend on what it was
    assert torch.equal(other({}, logits), fitted({}, logits))


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_that_is_left_out_has_no_say(kind: type[Ensemble]) -> None:
    logits = {"a": head(0.3, 30.0, 1), "b": head(2.0, 1.0, 0)}
    left, never = kind(SIZES, CLASSES), kind(SIZES, CLASSES, ["b"])
    left.leave_out(["a"])
    for ensemble in (left, never):
        ensemble.fit(logits, labels())
        broken = {**logits, "a": torch.full_like(logits["a"], float("nan"))}
        assert torch.equal(ensemble({}, broken), ensemble({}, logits))
        assert ensemble.fitted_values()["temperatures"].keys() == {"b"}
    torch.testing.assert_close(left({}, logits), never({}, logits))


def test_a_fold_is_fitted_without_its_samples() -> None:
    """Labels that only their own samples tell are not told out of fold."""
    y = torch.randint(0, CLASSES, (COUNT,), generator=torch.Generator().manual_seed(9))
    logits = {m: head(0.0, 1.0, seed) for seed, m in enumerate(SIZES)}
    assert (
        score_of(out_of_fold(StackedEnsemble(SIZES, CLASSES, penalty=0.1), logits, y), y)[0] < 0.35
    )


def test_a_fusion_with_heads_trains_alone_and_answers_with_them() -> None:
    torch.manual_seed(0)
    fusion = FusionWithHeads(SIZES, CLASSES, partial(Concat))
    embeddings, logits = {m: torch.randn(COUNT, n) for m, n in SIZES.items()}, heads()
    own = fusion.fusion(embeddings, logits)
    assert torch.equal(fusion(embeddings, logits), own)
    of_heads = fusion.head_logits(embeddings, logits)
    fusion.eval()
    fusion.fit(of_heads, labels())
    alone = CalibratedEnsemble({"a": 0, "b": 0, "fused": 0}, CLASSES)
    alone.fit({**logits, "fused": own}, labels())
    torch.testing.assert_close(fusion(embeddings, logits), alone({}, {**logits, "fused": own}))


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"modalities names \['c'\]"):
        BestSingle(SIZES, CLASSES, ["c"])
    with pytest.raises(ValueError, match=r"all of .* would be left out"):
        BestSingle(SIZES, CLASSES).leave_out(["a", "b"])
    with pytest.raises(ValueError, match="penalty is 0"):
        StackedEnsemble(SIZES, CLASSES, penalty=0)
