import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from scripts.studies.theory import network
from scripts.studies.theory.network import Network, value_and_slope

WORLDS, SAMPLES, DIMENSIONS, CLASSES, NEURONS = 3, 50, 6, 4, 2


def both_of(z: Tensor, power: int, threshold: float) -> tuple[Tensor, Tensor]:
    room, slope = torch.empty_like(z), torch.empty_like(z)
    return value_and_slope(z.clone(), room, slope, power, threshold)


@pytest.mark.parametrize("power", [3, 4, 5])
def test_pieces_of_the_smoothed_relu(power: int) -> None:
    beta = 0.5
    z = torch.tensor([-1.0, 0.0, 0.2, 0.5, 2.0], dtype=torch.float64)
    expected = [
        0.0,
        0.0,
        0.2**power / (power * beta ** (power - 1)),
        beta / power,
        2.0 - (1 - 1 / power) * beta,
    ]
    value, _ = both_of(z, power, beta)
    assert value.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("joint", [0.0, 0.7])
def test_value_and_slope_are_continuous_where_pieces_meet(joint: float) -> None:
    z = torch.tensor([joint - 1e-9, joint + 1e-9], dtype=torch.float64)
    value, slope = both_of(z, 3, 0.7)
    assert value[0].item() == pytest.approx(value[1].item(), abs=1e-8)
    assert slope[0].item() == pytest.approx(slope[1].item(), abs=1e-8)


@pytest.mark.parametrize("power", [3, 4])
def test_the_slope_is_the_derivative(power: int) -> None:
    z = torch.linspace(-1, 2, 301, dtype=torch.float64, requires_grad=True)
    smoothed = torch.where(
        z > 0.6, z - (1 - 1 / power) * 0.6, z.clamp(min=0) ** power / (power * 0.6 ** (power - 1))
    )
    (derivative,) = torch.autograd.grad(smoothed.sum(), z)
    _, slope = both_of(z.detach(), power, 0.6)
    torch.testing.assert_close(slope, derivative)


def example() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(WORLDS, 2, SAMPLES, DIMENSIONS, generator=generator, dtype=torch.float64)
    y = torch.randint(CLASSES, (WORLDS, SAMPLES), generator=generator)
    shape = (WORLDS, 2, DIMENSIONS, CLASSES * NEURONS)
    return x, y, 0.4 * torch.randn(shape, generator=generator, dtype=torch.float64)


def slow_scores(x: Tensor, weights: Tensor, power: int) -> Tensor:
    each = smoothed_relu_by_definition(torch.einsum("brnd,brdk->brnk", x, weights), power)
    return each.reshape(WORLDS, 2, SAMPLES, CLASSES, NEURONS).sum(-1)


def smoothed_relu_by_definition(z: Tensor, power: int) -> Tensor:
    low = z.clamp(min=0) ** power / power
    return torch.where(z > 1, z - (1 - 1 / power), low)


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("power", [3, 4])
def test_gradient_is_that_of_autograd(joint: bool, power: int) -> None:
    x, y, weights = example()
    found = Network(CLASSES, power, 1.0).gradient(x, y, weights.clone(), joint)
    weights.requires_grad_()
    scores = slow_scores(x, weights, power)
    nets = scores.sum(1, keepdim=True) if joint else scores
    labels = y[:, None].expand(-1, nets.shape[1], -1)
    loss = cross_entropy(nets.flatten(0, 2), labels.flatten(), reduction="sum") / SAMPLES
    (expected,) = torch.autograd.grad(loss, weights)
    torch.testing.assert_close(found.weights, expected)
    missing = 1 - nets.softmax(-1).gather(-1, labels[..., None])[..., 0]
    one_hot = torch.nn.functional.one_hot(labels, CLASSES).double()
    torch.testing.assert_close(
        found.missing, torch.einsum("bnik,bni->bnk", one_hot, missing).detach()
    )


def test_responses_are_those_of_the_definition() -> None:
    x, _, weights = example()
    found = Network(CLASSES, 3, 1.0).responses(x, weights)
    torch.testing.assert_close(found, slow_scores(x, weights, 3))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, weights = example()
    net = Network(CLASSES, 3, 1.0)
    whole, scores = net.gradient(x, y, weights, joint=True), net.responses(x, weights)
    monkeypatch.setattr(network, "LEAST_BLOCK", 7)
    monkeypatch.setattr(network, "BLOCK_ON_CPU", 1)
    in_blocks = net.gradient(x, y, weights, joint=True)
    torch.testing.assert_close(in_blocks.weights, whole.weights)
    torch.testing.assert_close(in_blocks.missing, whole.missing)
    torch.testing.assert_close(net.responses(x, weights), scores)
