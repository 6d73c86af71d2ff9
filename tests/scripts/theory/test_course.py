from dataclasses import replace

import pytest
import torch

from scripts.studies.theory.course import Course, both_learned, groups, initial_weights
from scripts.studies.theory.network import Network
from scripts.studies.theory.problem import draw, generator_for
from scripts.studies.theory.strength import learned_strength
from tests.scripts.theory.conftest import CPU
from tests.scripts.theory.tiny import SETTING


def test_worlds_side_by_side_take_the_course_they_take_alone() -> None:
    """They differ in seed, strengths, initial scale and learning rate."""
    other = replace(SETTING, strongest=(3.0, 1.2), initial_scale=0.05, rate_per_class=0.2)
    together = Course([SETTING, other, SETTING], [3, 3, 5], CPU)
    together.advance(20, joint=False)
    together.advance(30, joint=True)
    for place, (setting, seed) in enumerate([(SETTING, 3), (other, 3), (SETTING, 5)]):
        alone = Course([setting], [seed], CPU)
        alone.advance(20, joint=False)
        alone.advance(30, joint=True)
        torch.testing.assert_close(together.weights[place], alone.weights[0])
        torch.testing.assert_close(together.decided_step[place], alone.decided_step[0])
        torch.testing.assert_close(together.errors(4096).fused[place], alone.errors(4096).fused[0])


def test_features_along_other_axes_change_nothing() -> None:
    """With M^r a random orthonormal matrix, data and initial weights turn, and Γ stays."""
    samples = draw(SETTING, SETTING.samples, generator_for(SETTING, 0, "train"))
    x, weights = samples.x.double(), initial_weights(SETTING, 0).double()[None]
    dimensions, classes = SETTING.dimensions, SETTING.classes
    turn, _ = torch.linalg.qr(
        torch.randn(2, dimensions, dimensions, generator=torch.Generator().manual_seed(1)).double()
    )
    features = turn[:, :, :classes]  # M^r
    turned_x, turned_weights = x @ turn.mT, turn @ weights
    torch.testing.assert_close(
        turned_x, samples.z.double() @ features.mT + (x - padded(samples.z, dimensions)) @ turn.mT
    )
    net = Network(classes, SETTING.power, SETTING.threshold)
    for _ in range(60):
        weights = weights - 3 * net.gradient(x, samples.y, weights, joint=True).weights
        turned = net.gradient(turned_x, samples.y, turned_weights, joint=True)
        turned_weights = turned_weights - 3 * turned.weights
    along = torch.einsum(
        "brdjl,rdj->brjl", turned_weights.unflatten(-1, (classes, SETTING.neurons)), features
    )
    expected = learned_strength(weights, classes)
    assert expected.max() > 0.5  # features were learned, so there was something to compare
    torch.testing.assert_close(along.amax(-1).clamp(min=0), expected)
    torch.testing.assert_close(net.responses(turned_x, turned_weights), net.responses(x, weights))


def padded(z: torch.Tensor, dimensions: int) -> torch.Tensor:
    return torch.nn.functional.pad(z.double(), (0, dimensions - z.shape[-1]))


def test_unimodal_steps_do_not_let_modalities_feel_each_other() -> None:
    stronger = replace(SETTING, strongest=(2.0, 4.0))
    plain, changed = Course([SETTING], [0], CPU), Course([stronger], [0], CPU)
    for course in (plain, changed):
        course.advance(30, joint=False)
    torch.testing.assert_close(plain.weights[:, 0], changed.weights[:, 0])
    assert not torch.allclose(plain.weights[:, 1], changed.weights[:, 1])


def test_a_class_is_decided_when_its_common_factor_has_fallen() -> None:
    course = Course([SETTING], [0], CPU)
    while (course.decided_step < 0).any():
        before = course.decided_step.clone()
        learned = course.learned
        missing = course.network.gradient(course.x, course.y, course.weights, joint=True).missing
        course.advance(1, joint=True)
        fallen = missing[:, 0] / course.per_class < 0.5 * (1 - 1 / 8)
        fresh = (course.decided_step >= 0) & (before < 0)
        assert torch.equal(fresh, fallen & (before < 0))
        held = fresh[:, None].expand_as(learned)
        torch.testing.assert_close(course.decided_strength[held], learned[held])
        assert course.step < 500


def test_a_trained_world_errs_as_its_insufficient_samples_say() -> None:
    """μ for each modality alone, μ₁μ₂ for both, once unimodal training is through."""
    setting = replace(SETTING, insufficient=(0.2, 0.2), neurons=16, initial_scale=0.05)
    course = Course([setting], [1], CPU)
    untrained = course.errors(8192)
    course.advance(150, joint=False)
    errors = course.errors(20_000)
    assert both_learned(course.learned).all()
    assert untrained.fused.item() / untrained.samples > 0.5
    alone = errors.alone[0] / errors.samples
    assert (alone - 0.2).abs().max() < 0.02
    assert abs(errors.fused.item() / errors.samples - 0.04) < 0.01


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_device_takes_the_same_course() -> None:
    here, there = Course([SETTING], [0], CPU), Course([SETTING], [0], torch.device("cuda"))
    for course in (here, there):
        course.advance(20, joint=False)
        course.advance(40, joint=True)
    torch.testing.assert_close(there.learned.cpu(), here.learned, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(there.decided_step.cpu(), here.decided_step)


def test_groups_hold_every_seed_once() -> None:
    for classes in (8, 64):
        found = groups(range(10), replace(SETTING, classes=classes, neurons=24), CPU)
        assert [seed for group in found for seed in group] == list(range(10))
    assert len(found) == 10  # 64 classes of 24 neurons fill the cache
