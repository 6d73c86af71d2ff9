"""Encoders, fusion modules and the network."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fusion_sched.models.encoders import MLP, ByShape, SmallCNN
from fusion_sched.models.fusion import Average, Concat, FiLM, Gated, Hidden, Sum
from fusion_sched.models.network import MultimodalNetwork, embedding_sizes
from fusion_sched.models.resnet import ResNet18

FUSIONS = [Concat, Hidden, Sum, FiLM, Gated]


def test_resnet18_has_torchvisions_parameters() -> None:
    model = ResNet18((3, 224, 224), embedding=1000)
    assert sum(p.numel() for p in model.parameters()) == 11_689_512
    names = set(model.state_dict())
    assert len(names) == 122
    for name in ("conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "fc.bias",
                 "layer2.0.downsample.0.weight", "layer4.1.bn2.num_batches_tracked"):  # fmt: skip
        assert name in names
    assert model.state_dict()["layer4.0.downsample.0.weight"].shape == (512, 256, 1, 1)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_resnet18_takes_any_channels(channels: int) -> None:
    model = ResNet18((channels, 32, 32), embedding=7, width=4)
    assert model(torch.randn(2, channels, 32, 32)).shape == (2, 7)


def test_resnet18_averages_the_features_of_frames() -> None:
    model = ResNet18((3, 2, 32, 32), embedding=7, width=4).eval()
    clip = torch.randn(2, 3, 2, 32, 32)
    apart = torch.stack([model(clip[:, frame]) for frame in range(3)]).mean(dim=0)
    assert torch.allclose(model(clip), apart, atol=1e-5)
    assert torch.allclose(model(clip), model(clip.flip(1)), atol=1e-5)


@pytest.mark.parametrize(
    ("encoder", "shape"),
    [(MLP, (5,)), (MLP, (1, 4, 4)), (SmallCNN, (3, 8, 8)), (SmallCNN, (1, 2, 8)), (ByShape, (6,)),
     (ByShape, (2, 5, 7)), (ByShape, (4, 9))],
)  # fmt: skip
def test_encoders_give_embeddings(encoder: type[nn.Module], shape: tuple[int, ...]) -> None:
    assert encoder(shape, embedding=11)(torch.randn(3, *shape)).shape == (3, 11)


@pytest.mark.parametrize("make", [lambda: SmallCNN((5,)), lambda: ResNet18((5,))])
def test_a_shape_an_encoder_cannot_take_is_named(make: object) -> None:
    with pytest.raises(ValueError, match=r"\(5,\)"):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("sizes", [{"a": 64, "b": 64}, {"a": 5, "b": 9}, {"a": 9, "b": 5}])
def test_every_fusion_takes_any_embedding_sizes(
    fusion: type[nn.Module], sizes: dict[str, int]
) -> None:
    module = fusion(sizes, classes=4)
    embeddings = {m: torch.randn(3, size, requires_grad=True) for m, size in sizes.items()}
    out = module(embeddings, {})
    assert out.shape == (3, 4)
    out.sum().backward()
    assert all(e.grad is not None and e.grad.abs().sum() > 0 for e in embeddings.values())


@pytest.mark.parametrize("fusion", [Concat, Hidden, Sum])
@pytest.mark.parametrize("count", [1, 3, 4])
def test_concat_and_sum_take_any_number(fusion: type[nn.Module], count: int) -> None:
    sizes = {f"m{i}": 3 + i for i in range(count)}
    embeddings = {m: torch.randn(2, size) for m, size in sizes.items()}
    assert fusion(sizes, classes=5)(embeddings, {}).shape == (2, 5)


@pytest.mark.parametrize("fusion", [FiLM, Gated])
@pytest.mark.parametrize("count", [1, 3])
def test_film_and_gated_say_where_they_stop(fusion: type[nn.Module], count: int) -> None:
    with pytest.raises(ValueError, match=rf"exactly two modalities, got {count}.*concat"):
        fusion({f"m{i}": 4 for i in range(count)}, classes=3)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_average_is_that_of_the_logits(count: int) -> None:
    average = Average({f"m{i}": 4 for i in range(count)}, classes=3)
    logits = {f"m{i}": torch.randn(5, 3) for i in range(count)}
    expected = sum(logits.values()) / count
    torch.testing.assert_close(average({}, logits), expected)
    assert not list(average.parameters())


def test_film_by_hand() -> None:
    film = FiLM({"a": 1, "b": 2}, classes=1)
    with torch.no_grad():
        film.modulate.weight.copy_(torch.tensor([[1.0], [2.0], [0.0], [1.0]]))
        film.modulate.bias.zero_()
        film.linear.weight.fill_(1.0)
        film.linear.bias.zero_()
    # scale (3, 6), shift (0, 3): 3·1 + 0 + 6·10 + 3
    out = film({"a": torch.tensor([[3.0]]), "b": torch.tensor([[1.0, 10.0]])}, {})
    assert out.item() == pytest.approx(66.0)


def test_an_encoder_that_gives_no_vector_is_named() -> None:
    with pytest.raises(ValueError, match=r"'a' returns shape \(1, 2, 3\)"):
        embedding_sizes({"a": nn.Identity()}, {"a": (2, 3)})


def test_unimodal_logits_are_those_of_the_whole_network() -> None:
    encoders = {"a": MLP((4,), 6), "b": MLP((3,), 5)}
    heads = {"a": nn.Linear(6, 2), "b": nn.Linear(5, 2)}
    network = MultimodalNetwork(encoders, heads, Concat({"a": 6, "b": 5}, 2)).eval()
    inputs = {"a": torch.randn(3, 4), "b": torch.randn(3, 3)}
    outputs = network(inputs)
    assert torch.equal(
        network.unimodal_logits(network.encode({"b": inputs["b"]}))["b"], outputs.unimodal["b"]
    )
    assert outputs.logits.shape == (3, 2)
    assert network.modalities == ("a", "b")


def test_a_hidden_layer_learns_an_interaction_that_one_linear_layer_cannot() -> None:
    a, b = torch.meshgrid(torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, 1.0]), indexing="ij")
    embeddings = {"a": a.reshape(-1, 1), "b": b.reshape(-1, 1)}
    y = (embeddings["a"] * embeddings["b"] > 0)[:, 0].long()
    right = {}
    for fusion in (Hidden, Concat):
        torch.manual_seed(0)
        module = fusion({"a": 1, "b": 1}, 2)
        optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
        for _ in range(100):
            optimizer.zero_grad()
            cross_entropy(module(embeddings, {}), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        right[fusion] = int((module(embeddings, {}).argmax(dim=1) == y).sum())
    assert right[Hidden] == 4
    assert right[Concat] < 4
    with pytest.raises(ValueError, match="at least 1"):
        Hidden({"a": 1}, 2, features=0)
