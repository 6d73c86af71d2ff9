"""Cells of similar posterior, and tables P(cell, y) that hold a stated amount of information."""

from __future__ import annotations

import torch
from torch import Tensor

from fusion_sched.probe.posterior.features import k_means, seeds
from fusion_sched.probe.posterior.inputs import Labels

CELLS = 64
SCALING_STEPS = 3  # to the marginals while the exponent is sought
FINAL_STEPS = 40
BISECTIONS = 20
SHARPEST = 6.0  # natural logarithm of the largest exponent


def cells_for(labels: Labels) -> int:
    """How many cells the sources share."""
    return max(CELLS, (5 * labels.count) // 4)


def shared_cells(p: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Cells (sources, N) of similar posterior and their mean posteriors (cells, classes).

    The sources share the cells, so that sources with equal posteriors get equal tables.
    """
    sources, samples, classes = p.shape
    p = p.flatten(0, 1)
    count = min(count, len(p))
    root = p.sqrt().float()
    cell = k_means(root, seeds(root, count, generator))
    sizes = torch.bincount(cell, minlength=count).to(p.dtype)
    total = torch.zeros(count, classes, dtype=p.dtype, device=p.device).index_add_(0, cell, p)
    used = sizes > 0
    number = torch.cumsum(used.long(), 0) - 1
    return number[cell].reshape(sources, samples), total[used] / sizes[used, None]


def tables(cell: Tensor, posterior: Tensor, information: Tensor, labels: Labels) -> Tensor:
    """P(cell, y) (sources, cells, classes) with this information (sources,), in nats.

    The cells' posteriors are taken to the power, one for each source, that gives the information;
    each table has the class shares of the samples.
    """
    sources, samples = cell.shape
    count = len(posterior)
    offset = torch.arange(sources, device=cell.device)[:, None] * count
    weights = torch.bincount((cell + offset).flatten(), minlength=sources * count)
    weights = weights.reshape(sources, count, 1).to(posterior.dtype) / samples
    logs = (posterior.clamp(min=1e-12).log() - labels.prior.log())[None]
    low = torch.full_like(information, -8.0)
    high = torch.full_like(information, SHARPEST)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        table = _balanced(weights, logs, middle, labels, SCALING_STEPS)
        enough = information_of(table) >= information
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    sharp = _balanced(weights, logs, (low + high) / 2, labels, FINAL_STEPS)
    flat = weights * labels.prior
    return torch.where((information > 1e-9)[:, None, None], sharp, flat)


def _balanced(
    weights: Tensor, logs: Tensor, exponent: Tensor, labels: Labels, steps: int
) -> Tensor:
    tilted = exponent.exp()[:, None, None] * logs + labels.prior.log()
    table = weights * torch.softmax(tilted, -1)
    for _ in range(steps):
        table = table * (labels.prior / table.sum(1, keepdim=True).clamp(min=1e-300))
        table = table * (weights / table.sum(2, keepdim=True).clamp(min=1e-300))
    return table * (labels.prior / table.sum(1, keepdim=True).clamp(min=1e-300))


def information_of(table: Tensor) -> Tensor:
    """I(cell; Y) in nats of tables (..., cells, classes)."""
    independent = table.sum(-1, keepdim=True) * table.sum(-2, keepdim=True)
    parts: Tensor = torch.special.xlogy(table, table / independent.clamp(min=1e-300))
    return parts.sum((-2, -1))
