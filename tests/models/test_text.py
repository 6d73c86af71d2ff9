"""Encoders of text: padding says nothing, and pretrained weights stay what they were."""

import sys
from pathlib import Path

import pytest
import torch

from fusion_sched.models.network import embedding_sizes
from fusion_sched.models.text import PretrainedText, TextEncoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two small layers with random weights, saved as published ones are."""
    transformers = pytest.importorskip("transformers", reason="needs the extra `text`")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64,
    )  # fmt: skip
    out = tmp_path_factory.mktemp("bert")
    transformers.BertModel(config).save_pretrained(out)
    return out


def test_more_padding_changes_nothing() -> None:
    encoder = TextEncoder((6,), vocabulary=50, embedding=7)
    ids = torch.tensor([[5, 9, 2, 0, 0, 0], [4, 0, 0, 0, 0, 0]])
    assert torch.allclose(encoder(ids), encoder(torch.nn.functional.pad(ids, (0, 20))), atol=1e-6)
    assert torch.allclose(encoder(ids)[:1], encoder(ids[:1, :3]), atol=1e-6)


def test_a_text_without_words_has_an_embedding() -> None:
    encoder = TextEncoder((6,), vocabulary=50, embedding=7)
    assert torch.isfinite(encoder(torch.zeros(2, 6, dtype=torch.int64))).all()
    assert embedding_sizes({"text": encoder}, {"text": (6,)}) == {"text": 7}


def test_it_learns_titles_from_scratch_by_plain_gradient_descent() -> None:
    torch.manual_seed(0)
    labels = torch.randint(0, 10, (512,))
    ids = torch.randint(50, 1000, (512, 8))
    ids[:, 3] = 2 + labels * 4 + torch.randint(0, 4, (512,))  # one telling word among eight
    ids[:, 6:] = 0
    model = torch.nn.Sequential(TextEncoder((8,), 1000), torch.nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    for _ in range(30):
        for batch in torch.randperm(384).split(32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(ids[batch]), labels[batch]).backward()
            optimizer.step()
    assert (model(ids[384:]).argmax(1) == labels[384:]).float().mean() > 0.8


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 40)])
def test_a_shape_that_is_no_text_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(length,\)"):
        TextEncoder(shape, vocabulary=10)
    with pytest.raises(ValueError, match="vocabulary=0"):
        TextEncoder((4,), vocabulary=0)


def test_pretrained_weights_are_those_on_disk(folder: Path) -> None:
    from safetensors.torch import load_file

    encoder = PretrainedText((2, 8), model=str(folder), embedding=5)
    saved = load_file(folder / "model.safetensors")
    found = encoder.network.state_dict()
    assert set(saved) <= set(found)
    assert all(torch.equal(found[name], saved[name]) for name in saved)
    assert all(parameter.requires_grad for parameter in encoder.parameters())


def test_pretrained_padding_changes_nothing_and_words_do(folder: Path) -> None:
    encoder = PretrainedText((2, 5), model=str(folder), embedding=5).eval()
    ids = torch.tensor([[2, 7, 8, 3, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 0]])
    short = encoder(torch.stack([ids, mask], dim=1))
    wide = torch.nn.functional.pad(torch.stack([ids, mask], dim=1), (0, 30))
    assert torch.allclose(short, encoder(wide), atol=1e-5)
    masked = wide.clone()
    masked[0, 0, 10] = 9  # an id where the mask says padding
    assert torch.allclose(short, encoder(masked), atol=1e-5)
    changed = wide.clone()
    changed[0, 0, 1] = 9
    assert not torch.allclose(short, encoder(changed), atol=1e-3)


def test_pretrained_takes_blank_input(folder: Path) -> None:
    encoder = PretrainedText((2, 5), model=str(folder), embedding=5)
    assert embedding_sizes({"text": encoder}, {"text": (2, 5)}) == {"text": 5}
    assert torch.isfinite(encoder(torch.zeros(3, 2, 5))).all()


def test_what_cannot_be_loaded_is_named(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = str(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"nothing' could not be fetched.*local folder"):
        PretrainedText((2, 5), model=missing)
    with pytest.raises(ValueError, match=r"\(5,\), expected \(2, length\)"):
        PretrainedText((5,), model=str(folder))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r'pip install "fusion-sched\[text\]"'):
        PretrainedText((2, 5), model=str(folder))
