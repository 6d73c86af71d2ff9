"""Pretrained encoders: weights stay what they were, and only the chosen layers learn."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from fusion_sched.models.network import MultimodalNetwork, embedding_sizes
from fusion_sched.models.pretrained import Pretrained
from fusion_sched.models.resnet import ResNet18
from fusion_sched.types import IMAGENET_MEAN, IMAGENET_STD
from tests.models.tiny_networks import save_ast, save_bert, save_vit, save_wav2vec2

PICTURE = (3, 8, 8)


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_vit(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("bert"))


def with_gradient(encoder: Pretrained) -> set[str]:
    """Train one step as a run does; return the parameters that a gradient has reached."""
    network = MultimodalNetwork({"a": encoder}, {"a": nn.Linear(5, 2)}, nn.Identity())
    network.train_only(["a"], joint=True)
    encoder(torch.randn(4, *PICTURE)).square().sum().backward()
    return {n for n, p in encoder.named_parameters() if p.grad is not None and p.grad.any()}


def test_weights_are_those_on_disk(vit: Path) -> None:
    from safetensors.torch import load_file

    saved = load_file(vit / "model.safetensors").values()
    own = Pretrained(PICTURE, str(vit)).network.state_dict().values()  # by other names
    assert sorted(t.numpy().tobytes() for t in saved) == sorted(t.numpy().tobytes() for t in own)


def test_a_gradient_reaches_the_last_layers_alone(vit: Path) -> None:
    projection = {"project.weight", "project.bias"}
    assert with_gradient(Pretrained(PICTURE, str(vit), embedding=5)) == projection
    reached = with_gradient(Pretrained(PICTURE, str(vit), embedding=5, unfrozen=2))
    numbered = [[part for part in n.split(".") if part.isdigit()] for n in reached - projection]
    layers = {number for (number,) in numbered}
    assert layers == {"1", "2"}, "of three layers the last two"
    whole = with_gradient(Pretrained(PICTURE, str(vit), embedding=5, unfrozen=-1))
    assert reached < whole
    assert any("embeddings" in name for name in whole)


def test_only_layers_that_train_have_dropout(vit: Path) -> None:
    x = torch.randn(3, *PICTURE)
    frozen = Pretrained(PICTURE, str(vit)).train()
    assert torch.equal(frozen.features(x), frozen.features(x))
    training = Pretrained(PICTURE, str(vit), unfrozen=1).train()
    assert not torch.equal(training.features(x), training.features(x))
    assert torch.equal(training.eval().features(x), training.features(x))


def test_features_stand_for_the_inputs(vit: Path) -> None:
    encoder = Pretrained(PICTURE, str(vit), embedding=5, pool="first").eval()
    x = torch.randn(3, *PICTURE)
    assert torch.equal(encoder(encoder.features(x)), encoder(x))
    states = encoder.network(pixel_values=x).last_hidden_state
    assert torch.allclose(encoder.features(x), states[:, 0], atol=1e-5)
    mean = Pretrained(PICTURE, str(vit)).features(x)
    assert torch.allclose(mean, states.mean(dim=1), atol=1e-5)


def test_frames_of_a_clip_are_averaged(vit: Path) -> None:
    clips = torch.randn(2, 4, *PICTURE)
    of_clips = Pretrained((4, *PICTURE), str(vit)).features(clips)
    alone = Pretrained(PICTURE, str(vit)).features(clips.flatten(0, 1))
    assert torch.allclose(of_clips, alone.unflatten(0, (2, 4)).mean(dim=1), atol=1e-5)


def test_pictures_get_the_moments_of_the_networks_preprocessor(vit: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vit"
    shutil.copytree(vit, folder)
    own = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "do_normalize": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(own))
    pixels = torch.rand(2, *PICTURE)
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    plain = Pretrained(PICTURE, str(folder), rescale=False)
    expected = plain.features((pixels - 0.5) / 0.5)
    rescaled = Pretrained(PICTURE, str(folder)).features((pixels - mean) / deviation)
    assert torch.allclose(rescaled, expected, atol=1e-4)


def test_text_padding_changes_nothing_and_words_do(bert: Path) -> None:
    encoder = Pretrained((2, 5), str(bert), embedding=5).eval()
    short = torch.tensor([[[2, 7, 8, 3, 0], [1, 1, 1, 1, 0]]])
    wide = nn.functional.pad(short, (0, 30))
    assert torch.allclose(encoder(short), encoder(wide), atol=1e-4)
    wide[0, 0, 10] = 9  # an id where the mask says padding
    assert torch.allclose(encoder(short), encoder(wide), atol=1e-4)
    wide[0, 0, 1] = 9
    assert not torch.allclose(encoder(short), encoder(wide), atol=1e-3)
    assert embedding_sizes({"text": encoder}, {"text": (2, 5)}) == {"text": 5}


def test_sound_is_a_wave_or_a_spectrogram(tmp_path: Path) -> None:
    wave = Pretrained((1, 400), str(save_wav2vec2(tmp_path / "wave")), unfrozen=2, embedding=5)
    assert wave.train()(torch.randn(3, 1, 400)).shape == (3, 5)
    network = save_ast(tmp_path / "spectrogram")
    spectrogram = Pretrained((1, 8, 12), str(network), embedding=5)
    x = torch.randn(3, 1, 8, 12)
    states = spectrogram.network(input_values=x[:, 0].transpose(1, 2) / 2).last_hidden_state
    assert torch.allclose(spectrogram.features(x), states.mean(dim=1), atol=1e-5)


def test_a_saved_network_needs_no_other_file(vit: Path) -> None:
    encoder = Pretrained(PICTURE, str(vit), embedding=5).eval()
    arguments = json.loads(json.dumps(encoder.saved_arguments(), allow_nan=False))
    again = Pretrained(PICTURE, **arguments, embedding=5)
    assert again.digest() != encoder.digest()
    again.load_state_dict(encoder.state_dict())
    assert again.digest() == encoder.digest()
    x = torch.randn(3, *PICTURE)
    assert torch.equal(again.eval()(x), encoder(x))


@pytest.mark.parametrize(
    ("shape", "words"),
    [((8,), r"\(8,\), expected \(channels"), ((3, 16, 16), "cannot encode a sample of shape")],
)
def test_a_shape_that_the_network_does_not_take_is_named(
    vit: Path, shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Pretrained(shape, str(vit))


def test_what_cannot_be_used_is_named(
    vit: Path, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"nothing' could not be fetched.*local folder"):
        Pretrained(PICTURE, str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match=r"\(5,\), expected \(2, length\)"):
        Pretrained((5,), str(bert))
    with pytest.raises(ValueError, match=r"unfrozen is 4, but .* has 3 layers"):
        Pretrained(PICTURE, str(vit), unfrozen=4)
    with pytest.raises(ValueError, match="pool is 'max'"):
        Pretrained(PICTURE, str(vit), pool="max")
    with pytest.raises(ValueError, match="model is empty"):
        Pretrained(PICTURE)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r'pip install "fusion-sched\[pretrained\]"'):
        Pretrained(PICTURE, str(vit))


def test_no_weights_are_unpickled_or_drawn(vit: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    pickled, partial = tmp_path / "pickled", tmp_path / "partial"
    for folder in (pickled, partial):
        shutil.copytree(vit, folder)
    weights = load_file(vit / "model.safetensors")
    torch.save(weights, pickled / "pytorch_model.bin")
    (pickled / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        Pretrained(PICTURE, str(pickled))
    absent = next(name for name in weights if name.startswith("encoder.") or "layers.0" in name)
    kept = {name: values for name, values in weights.items() if name != absent}
    save_file(kept, partial / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="has no weights for"):
        Pretrained(PICTURE, str(partial))


def test_a_pooler_that_no_file_holds_has_no_random_weights(vit: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "vit"
    shutil.copytree(vit, folder)
    kept = {n: t for n, t in load_file(vit / "model.safetensors").items() if "pooler" not in n}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    first, second = (Pretrained(PICTURE, str(folder)).digest() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_resnet_takes_torchvisions_weights(tmp_path: Path, suffix: str) -> None:
    from safetensors.torch import save_file

    other = ResNet18((3, 32, 32), embedding=1000, width=4)
    other.bn1.running_mean.fill_(0.5)
    path = tmp_path / f"resnet{suffix}"
    if suffix == ".pt":
        torch.save(other.state_dict(), path)
    else:
        save_file(other.state_dict(), path)
    encoder = ResNet18((3, 32, 32), embedding=5, width=4, weights=str(path))
    own, theirs = encoder.state_dict(), other.state_dict()
    assert all(torch.equal(own[n], theirs[n]) for n in own if not n.startswith("fc."))
    assert own["fc.weight"].shape == (5, 32)


def test_weights_that_do_not_fit_a_resnet_are_named(tmp_path: Path) -> None:
    state = ResNet18((3, 32, 32), width=4).state_dict()
    path = tmp_path / "resnet.pt"
    torch.save({"layer9.weight": state.pop("conv1.weight"), **state}, path)
    with pytest.raises(ValueError, match=r"without \['conv1.weight'\] \(1\), unknown \['layer9"):
        ResNet18((3, 32, 32), width=4, weights=str(path))
    torch.save(ResNet18((3, 32, 32), width=4).state_dict(), path)
    with pytest.raises(ValueError, match=r"conv1.weight \(4, 3, 7, 7\), expected \(4, 1, 7, 7\)"):
        ResNet18((1, 32, 32), width=4, weights=str(path))
    torch.save({"model": Path("x")}, path)
    with pytest.raises(ValueError, match="not readable as weights alone"):
        ResNet18((3, 32, 32), width=4, weights=str(path))
