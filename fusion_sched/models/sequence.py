"""Encoder of sequences of feature vectors."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fusion_sched.models.encoders import check_sizes


class GRU(nn.Module):
    """A gated recurrent network over the frames that are not padding, its states averaged.

    `shape` is `(frames, features)`. Frames of zeros only are padding, wherever they stand:
    they are skipped, so that more of them change nothing. `width` is the number of states.
    """

    def __init__(self, shape: Sequence[int], embedding: int = 64, width: int = 64) -> None:
        super().__init__()
        if len(shape) != 2:
            raise ValueError(
                f"GRU got input of shape {tuple(shape)}, expected (frames, features); use another "
                "encoder for this modality"
            )
        check_sizes(embedding, [width])
        self.recurrent = nn.GRU(shape[1], width, batch_first=True)
        self.project = nn.Linear(width, embedding)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, frames, features)` to `(B, embedding)`."""
        real = (x != 0).any(dim=2)
        # Real frames first, in their order: what the network reads after them is not looked at.
        order = torch.argsort(real.logical_not().to(torch.uint8), dim=1, stable=True)
        frames = x.gather(1, order.unsqueeze(2).expand_as(x))
        states, _ = self.recurrent(frames)
        weights = real.gather(1, order).unsqueeze(2).to(states.dtype)
        mean = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        out: Tensor = self.project(mean)
        return out
