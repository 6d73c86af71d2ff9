"""Encoder of text as word ids, learnt from scratch."""

from collections.abc import Sequence

from torch import Tensor, nn

from fusion_sched.models.encoders import check_sizes

PADDING = 0
"""Id of a place without a word."""


class TextEncoder(nn.Module):
    """The mean of a text's word vectors, normalised, and two layers on it.

    `shape` is `(length,)`: ids below `vocabulary`, 0 where there is no word. The order of
    words is not seen: for titles of ten words that costs little, and the network trains from
    scratch in a few passes. Word vectors start small against the normalisation, so that plain
    gradient descent moves them at all. `width` is the size of a word vector.
    """

    def __init__(
        self, shape: Sequence[int], vocabulary: int, embedding: int = 64, width: int = 128
    ) -> None:
        super().__init__()
        if len(shape) != 1:
            raise ValueError(
                f"TextEncoder got input of shape {tuple(shape)}, expected (length,) of word ids; "
                "use another encoder for this modality"
            )
        if vocabulary < 2:
            raise ValueError(
                f"vocabulary={vocabulary}, expected at least 2 ids: padding and one word"
            )
        check_sizes(embedding, [width])
        self.words = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        nn.init.normal_(self.words.weight, std=0.02)
        self.normalise = nn.LayerNorm(width)
        self.layers = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, embedding))

    def forward(self, x: Tensor) -> Tensor:
        """Map ids `(B, length)` to `(B, embedding)`."""
        ids = x.long()
        out: Tensor = self.layers(self.normalise(masked_mean(self.words(ids), ids != PADDING)))
        return out


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean `(B, size)` of `(B, length, size)` where the mask holds, 0 if nowhere."""
    weights = mask.unsqueeze(-1).to(values.dtype)
    return (values * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
