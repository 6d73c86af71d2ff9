"""Effective competitive strength (ECS), exact because features and their strengths are known.

The definition is reconstructed: arXiv 2509.20840 names its ingredients, and Huang et al. (2022)
compare this product between modalities. `docs/theory.md` gives the reasons.
"""

import torch
from torch import Tensor


def learned_strength(weights: Tensor, classes: int) -> Tensor:
    """Return Γ_{j,r} = max_l [⟨w_{j,l,r}, M_j^r⟩]₊ `(B, 2, K)` of weights `(B, 2, d, K·m)`."""
    own = torch.arange(classes, device=weights.device)
    by_class = weights.view(*weights.shape[:-1], classes, -1)
    return by_class[:, :, own, own].amax(-1).clamp(min=0)


def signal_strength(z: Tensor, y: Tensor, power: int, threshold: float) -> Tensor:
    """Return d_{j,r} = Σ_{i: y_i = j} (z_{i,j}^r)^q / (n β^(q-1)) `(B, 2, K)`.

    `z`: feature strengths `(B, 2, n, K)`; `y`: class ids `(B, n)`.
    """
    labels = y[:, None].expand(z.shape[:3])
    own = z.gather(-1, labels[..., None])[..., 0] ** power
    sums = torch.zeros_like(z[:, :, 0]).scatter_add_(2, labels, own)
    signal: Tensor = sums / (z.shape[2] * threshold ** (power - 1))
    return signal


def competitive_strength(learned: Tensor, signal: Tensor, power: int) -> Tensor:
    """Return ECS_{j,r} = Γ_{j,r} d_{j,r}^{1/(q-2)}."""
    strength: Tensor = learned * signal ** (1 / (power - 2))
    return strength


def escape_steps(strength: Tensor, learning_rate: float, classes: int, power: int) -> Tensor:
    """Return T_{j,r} = 1 / (η (1 - 1/K) (q - 2) ECS^(q-2)): when Γ, growing like Γ^(q-1), blows up.

    It holds while Γ z < β; infinite where no neuron points along the feature.
    """
    rate: Tensor = learning_rate * (1 - 1 / classes) * (power - 2) * strength ** (power - 2)
    return 1 / rate
