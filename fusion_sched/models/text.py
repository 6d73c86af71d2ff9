"""Encoders of text: word ids learnt from scratch, or a pretrained network's tokens."""

from collections.abc import Sequence
from typing import Any, cast

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


class PretrainedText(nn.Module):
    """A pretrained text network, its states averaged over the tokens, and one linear layer.

    `shape` is `(2, length)`: ids of the network's own tokenizer and a mask, 1 where a token is.
    `model` is a name or a local folder that `transformers` loads. The loaded weights are kept
    as they are and train on with everything else.
    """

    def __init__(self, shape: Sequence[int], model: str, embedding: int = 64) -> None:
        super().__init__()
        if len(shape) != 2 or shape[0] != 2:
            raise ValueError(
                f"PretrainedText got input of shape {tuple(shape)}, expected (2, length): ids and "
                "mask of the network's tokenizer; set dataset.tokenizer to the same model"
            )
        check_sizes(embedding, [])
        self.network = load_network(model)
        self.project = nn.Linear(self.network.config.hidden_size, embedding)

    def forward(self, x: Tensor) -> Tensor:
        """Map ids and mask `(B, 2, length)` to `(B, embedding)`."""
        ids, mask = x.long().unbind(dim=1)
        states = self.network(input_ids=ids, attention_mask=mask).last_hidden_state
        out: Tensor = self.project(masked_mean(states, mask != 0))
        return out


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean `(B, size)` of `(B, length, size)` where the mask holds, 0 if nowhere."""
    weights = mask.unsqueeze(-1).to(values.dtype)
    return (values * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def load_network(model: str) -> Any:
    """Return a pretrained network, by name or from a local folder, in single precision.

    Raises
    ------
    ValueError
        No `transformers`, or nothing under that name.
    """
    try:
        from transformers import AutoModel
    except ImportError as error:
        raise ValueError(
            "a pretrained text network needs the package transformers, which is not installed; "
            'pip install "fusion-sched[text]"'
        ) from error
    try:
        return cast(Any, AutoModel).from_pretrained(model).float()
    except (OSError, ValueError) as error:
        raise ValueError(
            f"the network {model!r} could not be fetched or read: {error}; give a local folder "
            "that holds it"
        ) from error
