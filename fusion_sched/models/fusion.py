"""Fusion modules: embeddings and logits by modality name to fused logits.

Each takes `sizes` (modality → embedding features) and `classes`, and maps two dicts, embeddings
`(B, size)` and the modalities' own logits `(B, classes)`, to fused logits `(B, classes)`.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

Tensors = Mapping[str, Tensor]


class Concat(nn.Module):
    """One linear layer on the concatenated embeddings; any number of modalities."""

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.names = tuple(sizes)
        self.linear = nn.Linear(sum(sizes.values()), classes)

    def forward(self, embeddings: Tensors, logits: Tensors) -> Tensor:
        out: Tensor = self.linear(torch.cat([embeddings[name] for name in self.names], dim=1))
        return out


class Hidden(nn.Module):
    """A hidden layer on the concatenated embeddings; any number of modalities.

    Unlike one linear layer, whose logits are a sum over modalities, it can represent interactions.
    """

    def __init__(self, sizes: Mapping[str, int], classes: int, features: int = 128) -> None:
        super().__init__()
        if features < 1:
            raise ValueError(f"features is {features}, expected at least 1")
        self.names = tuple(sizes)
        self.layers = nn.Sequential(
            nn.Linear(sum(sizes.values()), features), nn.ReLU(), nn.Linear(features, classes)
        )

    def forward(self, embeddings: Tensors, logits: Tensors) -> Tensor:
        out: Tensor = self.layers(torch.cat([embeddings[name] for name in self.names], dim=1))
        return out


class Sum(nn.Module):
    """The sum of one linear layer per modality; any number of modalities."""

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.linear = nn.ModuleDict({m: nn.Linear(size, classes) for m, size in sizes.items()})

    def forward(self, embeddings: Tensors, logits: Tensors) -> Tensor:
        parts = [layer(embeddings[name]) for name, layer in self.linear.items()]
        return torch.stack(parts).sum(dim=0)


class Average(nn.Module):
    """The mean of the modalities' own logits; no parameters, any number of modalities."""

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.names = tuple(sizes)

    def forward(self, embeddings: Tensors, logits: Tensors) -> Tensor:
        return torch.stack([logits[name] for name in self.names]).mean(dim=0)


class FiLM(nn.Module):
    """The first modality scales and shifts the second (Perez et al., AAAI 2018); two modalities."""

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.first, self.second = two_names(sizes, "film")
        self.modulate = nn.Linear(sizes[self.first], 2 * sizes[self.second])
        self.linear = nn.Linear(sizes[self.second], classes)

    def forward(self, embeddings: Tensors, logits: Tensors) -> Tensor:
        scale, shift = self.modulate(embeddings[self.first]).chunk(2, dim=1)
        out: Tensor = self.linear(scale * embeddings[self.second] + shift)
        return out


class Gated(nn.Module):
    """The first modality gates the second in a common space (Kiela et al., AAAI 2018).

    Two modalities; the common space has as many features as the larger embedding.
    """

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.first, self.second = two_names(sizes, "gated")
        common = max(sizes.values())
        self.gate = nn.Linear(sizes[self.first], common)
        self.value = nn.Linear(sizes[self.second], common)
        self.linear = nn.Linear(common, classes)

    def forward(self, embeddings: Tensors, logits: Tensors) -> Tensor:
        gate = torch.sigmoid(self.gate(embeddings[self.first]))
        out: Tensor = self.linear(gate * self.value(embeddings[self.second]))
        return out


def two_names(sizes: Mapping[str, int], fusion: str) -> tuple[str, str]:
    """Return the two modality names, or say that this fusion takes two."""
    if len(sizes) != 2:
        raise ValueError(
            f"fusion={fusion} takes exactly two modalities, got {len(sizes)}: {list(sizes)}; "
            "use fusion=concat or fusion=sum, which take any number"
        )
    first, second = sizes
    return first, second
