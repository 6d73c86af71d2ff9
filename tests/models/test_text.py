"""Encoder of words: padding says nothing."""

import pytest
import torch

from fusion_sched.models.network import embedding_sizes
from fusion_sched.models.text import TextEncoder


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
