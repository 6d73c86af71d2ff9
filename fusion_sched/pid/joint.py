"""Joint distributions from labels: counted, or soft and differentiable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

Labels = Tensor | np.ndarray | Sequence[int]


def joint_from_labels(*labels: Labels, sizes: Sequence[int] | None = None) -> Tensor:
    """The empirical joint distribution of integer labels, sources first, target last.

    Parameters
    ----------
    *labels : Tensor, array or sequence of int
        Two or more arrays (n,) of non-negative integers: x1, x2, ..., y.
    sizes : sequence of int, optional
        The number of symbols of each array, which leaves room for absent symbols. By default one
        more than the largest label of each; labels are never renumbered.

    Returns
    -------
    Tensor
        float64, of shape `sizes`; sums to one.

    Raises
    ------
    ValueError
        For fewer than two arrays, different lengths, negative labels or labels beyond `sizes`.
    TypeError
        For labels that are not integers.

    Examples
    --------
    >>> joint_from_labels([0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 1]).shape
    torch.Size([2, 2, 2])
    """
    columns = [_label_column(values, position) for position, values in enumerate(labels)]
    if len(columns) < 2:
        raise ValueError(f"got {len(columns)} label array; expected the sources, then the target")
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1 or lengths[0] == 0:
        raise ValueError(f"label arrays have lengths {lengths}; expected one length, at least 1")
    shape = [int(column.max()) + 1 for column in columns] if sizes is None else list(sizes)
    if len(shape) != len(columns):
        raise ValueError(f"sizes={shape} names {len(shape)} axes for {len(columns)} label arrays")
    cell = torch.zeros_like(columns[0])
    for position, (column, size) in enumerate(zip(columns, shape, strict=True)):
        if int(column.max()) >= size:
            raise ValueError(
                f"labels[{position}] reaches {int(column.max())}; sizes[{position}]={size} allows "
                f"0 to {size - 1}"
            )
        cell = cell * size + column
    counts = torch.bincount(cell, minlength=int(np.prod(shape)))
    return (counts.double() / lengths[0]).reshape(shape)


def soft_joint(
    assignments1: Tensor, assignments2: Tensor, labels: Tensor, classes: int | None = None
) -> Tensor:
    """The joint distribution of two soft clusterings and labels, differentiable.

    p[i, j, y] = mean over the samples of assignments1[:, i] assignments2[:, j] labels[:, y], where
    integer labels count as one-hot rows.

    Parameters
    ----------
    assignments1, assignments2 : Tensor
        (n, n1) and (n, n2); each row is a distribution over clusters, for example a softmax.
    labels : Tensor
        (n,) integers, or (n, ny) rows that are distributions over the classes.
    classes : int, optional
        The number of classes ny for integer `labels`; by default one more than the largest.

    Returns
    -------
    Tensor
        float64, (n1, n2, ny); sums to one.

    Raises
    ------
    ValueError
        For different numbers of rows, or rows that do not sum to one.

    Examples
    --------
    >>> import torch
    >>> certain, undecided = torch.eye(2), torch.full((2, 2), 0.5)
    >>> soft_joint(certain, undecided, torch.tensor([0, 1]))[:, :, 0]
    tensor([[0.2500, 0.2500],
            [0.0000, 0.0000]], dtype=torch.float64)
    """
    if labels.dim() == 1:
        count = int(labels.max()) + 1 if classes is None else classes
        labels = torch.nn.functional.one_hot(labels.long(), count)
    rows = {len(assignments1), len(assignments2), len(labels)}
    if len(rows) > 1 or 0 in rows:
        raise ValueError(
            f"assignments1, assignments2 and labels have {len(assignments1)}, {len(assignments2)} "
            f"and {len(labels)} rows; expected one number, at least 1"
        )
    factors = (
        assignments1.double(),
        assignments2.double(),
        labels.to(assignments1.device).double(),
    )
    for name, rows_of in zip(("assignments1", "assignments2", "labels"), factors, strict=True):
        worst = float((rows_of.detach().sum(1) - 1).abs().max())
        if worst > 1e-4:
            raise ValueError(
                f"the sum of a row of {name} is off one by {worst:.2g}; expected distributions"
            )
    return torch.einsum("ni,nj,ny->ijy", *factors) / len(labels)


def _label_column(values: Labels | ArrayLike, position: int) -> Tensor:
    column = torch.as_tensor(values)
    if column.dim() != 1:
        raise ValueError(f"labels[{position}] has shape {tuple(column.shape)}; expected (n,)")
    if len(column) == 0:
        return column.long()
    if column.is_floating_point() or column.is_complex():
        raise TypeError(f"labels[{position}] has dtype {column.dtype}; expected integers")
    if int(column.min()) < 0:
        raise ValueError(f"labels[{position}] holds {int(column.min())}; expected 0, 1, 2, ...")
    return column.long()
