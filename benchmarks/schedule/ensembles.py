"""Ensembles of the heads of one run of modalities alone.

The methods `best_unimodal` and `ensemble…` train the same weights: they differ by what is fitted to
validation samples at the end. One training therefore gives all of these rows.
"""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from fusion_sched.commands.evaluate import ended_trace, load_splits
from fusion_sched.config.load import load_model
from fusion_sched.data.loading import Loader
from fusion_sched.models.ensembles import (
    CalibratedEnsemble,
    StackedEnsemble,
    WeightedEnsemble,
    out_of_fold,
)
from fusion_sched.training.epoch import predict

FITTED = {
    "ensemble_calibrated": CalibratedEnsemble,
    "ensemble_weighted": WeightedEnsemble,
    "ensemble_stacked": StackedEnsemble,
}
ENSEMBLES = ("ensemble", *FITTED)
"""Names of the rows; the first is the mean of the logits."""
FILE = "ensembles.json"


class Accuracy(NamedTuple):
    """On both splits, in percent; fitted ensembles out of fold on validation."""

    validation: float
    test: float


def ensembles_of(run: Path) -> dict[str, Accuracy]:
    """Return the accuracies of each ensemble of the heads that a run has selected."""
    file = run / FILE
    if not file.exists():
        file.write_text(json.dumps(_measure(run)), encoding="utf-8")
    return {k: Accuracy(*v) for k, v in json.loads(file.read_text(encoding="utf-8")).items()}


@torch.no_grad()
def _measure(run: Path) -> dict[str, Accuracy]:
    network, trace = load_model(run, []).network, ended_trace(run)
    splits, names = load_splits(run, trace, []), trace.start["modalities"]
    logits, y = {}, {}
    for split in ("validation", "test"):
        batches = Loader(splits.by_name()[split], trace.start["config"]["batch_size"],
                         device=torch.device("cpu"), finish=splits.finish)  # fmt: skip
        predicted = predict(network, batches)
        logits[split], y[split] = {m: predicted.logits[m] for m in names}, predicted.y
    means = {split: torch.stack(list(of.values())).mean(dim=0) for split, of in logits.items()}
    accuracies = {
        "ensemble": Accuracy(*(_accuracy(means[s], y[s]) for s in ("validation", "test")))
    }
    classes = means["test"].shape[1]
    for name, kind in FITTED.items():
        ensemble = kind(dict.fromkeys(names, classes), classes)
        held_out = out_of_fold(ensemble, logits["validation"], y["validation"])
        ensemble.fit(logits["validation"], y["validation"])
        combined = ensemble.combine(logits["test"])
        accuracies[name] = Accuracy(
            _accuracy(held_out, y["validation"]), _accuracy(combined, y["test"])
        )
    return accuracies


def _accuracy(logits: Tensor, y: Tensor) -> float:
    return 100 * float((logits.argmax(dim=1) == y).double().mean())
