"""How many predicted classes are right, and which are taken for which."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Evaluation:
    """Predicted classes by modality or `fused`, each `(N,)`, and labels `(N,)`.

    `loss`: mean cross-entropies by modality or `fused`, where they were asked for.
    """

    predictions: dict[str, Tensor]
    y: Tensor
    loss: Mapping[str, float] = field(default_factory=dict)

    def accuracy(self) -> dict[str, float]:
        """Return the share of right predictions by modality or `fused`."""
        return {m: float((p == self.y).double().mean()) for m, p in self.predictions.items()}

    def macro_f1(self) -> dict[str, float]:
        """Return F1 by modality or `fused`, averaged over the classes that occur or are predicted.

        The scores of the classes are rounded to float32, as in all recorded results.
        """
        from sklearn.metrics import f1_score  # slow to import, and only needed at the end of a run

        scores = {m: f1_score(self.y, p, average=None) for m, p in self.predictions.items()}
        return {m: float(torch.tensor(f1).float().double().mean()) for m, f1 in scores.items()}

    def confusion(self) -> dict[str, list[list[int]]]:
        """Return, by modality or `fused`, [true class, predicted class, samples] where any is."""
        from sklearn.metrics import confusion_matrix
        from sklearn.utils.multiclass import unique_labels

        cells = {}
        for m, predicted in self.predictions.items():
            labels = unique_labels(self.y, predicted)
            counts = confusion_matrix(self.y, predicted, labels=labels)
            cells[m] = [
                [int(labels[true]), int(labels[answer]), int(counts[true, answer])]
                for true, answer in np.argwhere(counts)
            ]
        return cells
