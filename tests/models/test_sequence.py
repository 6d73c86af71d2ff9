"""The recurrent encoder: frames of zeros are skipped, order counts."""

import pytest
import torch

from fusion_sched.models.network import embedding_sizes
from fusion_sched.models.sequence import GRU


def test_frames_of_zeros_change_nothing_wherever_they_stand() -> None:
    encoder = GRU((6, 4), embedding=7)
    frames = torch.randn(2, 6, 4)
    alone = encoder(frames)
    zeros = torch.zeros(2, 5, 4)
    behind = encoder(torch.cat([frames, zeros], dim=1))
    before = encoder(torch.cat([zeros, frames], dim=1))
    between = encoder(torch.cat([frames[:, :2], zeros, frames[:, 2:]], dim=1))
    for padded in (behind, before, between):
        assert torch.allclose(alone, padded, atol=1e-6)


def test_samples_of_a_batch_may_differ_in_length() -> None:
    encoder = GRU((6, 4), embedding=7)
    frames = torch.randn(2, 6, 4)
    frames[0, 3:] = 0
    together = encoder(frames)
    assert torch.allclose(together[0], encoder(frames[:1, :3])[0], atol=1e-6)
    assert torch.allclose(together[1], encoder(frames[1:])[0], atol=1e-6)


def test_order_counts() -> None:
    encoder = GRU((6, 4), embedding=7)
    frames = torch.randn(2, 6, 4)
    assert not torch.allclose(encoder(frames), encoder(frames.flip(1)), atol=1e-3)


def test_blank_input_and_its_gradient_are_finite() -> None:
    encoder = GRU((6, 4), embedding=7)
    assert embedding_sizes({"audio": encoder}, {"audio": (6, 4)}) == {"audio": 7}
    encoder(torch.zeros(2, 6, 4)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)


@pytest.mark.parametrize("shape", [(5,), (3, 8, 8)])
def test_a_shape_that_is_no_sequence_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(frames, features\)"):
        GRU(shape)
    with pytest.raises(ValueError, match="expected sizes of at least 1"):
        GRU((5, 4), width=0)
