"""Fits of a few parameters to held-out logits, in float64 on the CPU."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 1000.0


def fit_temperature(logits: Tensor, y: Tensor) -> float:
    """Return the temperature T that minimises the cross-entropy of softmax(logits / T).

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017. Parameters are logits
    `(N, classes)` and class ids `(N,)`; T lies between 0.05, for logits that are never wrong, and
    1000, for logits that say nothing.

    Raises
    ------
    FloatingPointError
        Logits that are not finite.
    """
    values, labels = logits.double().cpu(), y.cpu()
    if not values.isfinite().all():
        raise FloatingPointError(
            "logits to calibrate are not finite; lower the learning rate or look for extreme "
            "values in the validation data"
        )
    bounds = [(-np.log(HIGHEST_TEMPERATURE), -np.log(LOWEST_TEMPERATURE))]

    def loss(log_inverse: Tensor) -> Tensor:
        return cross_entropy(values * log_inverse.exp(), labels)

    return float((-minimise(loss, torch.zeros(1, dtype=torch.float64), bounds)).exp())


def score_of(logits: Tensor, y: Tensor) -> tuple[float, float]:
    """Return accuracy and mean log-likelihood: the larger pair is the better head."""
    accuracy = (logits.argmax(dim=1) == y).double().mean()
    return float(accuracy), -float(cross_entropy(logits.double(), y))


def minimise(
    loss: Callable[[Tensor], Tensor],
    start: Tensor,
    bounds: Sequence[tuple[float, float]] | None = None,
) -> Tensor:
    """Return the minimum `(K,)` of a smooth function in float64, by L-BFGS-B."""

    from scipy.optimize import minimize  # not every run fits

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        values = torch.from_numpy(point.copy()).requires_grad_()
        with torch.enable_grad():
            value = loss(values)
        (gradient,) = torch.autograd.grad(value, values)
        return value.item(), gradient.numpy()

    minimum = minimize(
        value_and_gradient, start.numpy(), jac=True, method="L-BFGS-B", bounds=bounds
    )
    return torch.from_numpy(minimum.x)
