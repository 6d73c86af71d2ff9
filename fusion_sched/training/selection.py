"""Which weights a run ends with: chosen, combined and fitted on validation alone."""

from typing import Any

import torch

from fusion_sched.evaluation.metrics import Evaluation
from fusion_sched.models.ensembles import FittedFusion, out_of_fold
from fusion_sched.models.fitting import score_of
from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.training.epoch import evaluate, predict
from fusion_sched.training.state import Run
from fusion_sched.types import FUSED, Predictions, losses_of

SELECTIONS = ("fused", "heads")
"""Values of `select`: the joint epoch that is best for the fused head, or of each modality the
epoch that is best for its own.
"""


def check_selection(select: str, model: MultimodalNetwork) -> None:
    """Raise where a model cannot be selected in this way."""
    if select not in SELECTIONS:
        raise ValueError(f"select is {select!r}, expected one of {list(SELECTIONS)}")
    if select == "heads" and list(model.fusion.parameters()):
        raise ValueError(
            f"select=heads joins modalities of different epochs, and {type(model.fusion).__name__} "
            "was trained on none of the combinations; use a fusion that is not trained, such as "
            "fusion=calibrated or fusion=average, or select=fused"
        )


def judge_epoch(run: Run) -> Evaluation:
    """Predict validation; fit there what is fitted; keep the heads that are better than before."""
    parts = run.parts
    fits = run.state.stage.joint and isinstance(parts.model.fusion, FittedFusion)
    stopping = parts.options.early_stopping
    needs_logits = fits or (stopping is not None and stopping.monitor == "loss")
    if not needs_logits and parts.select == "fused":
        return evaluate(parts.model, run.loaders.validation)
    predicted = predict(parts.model, run.loaders.validation, on_device=True)
    if parts.select == "heads":
        _keep_better_heads(run, predicted)
    return _fit_fusion(parts.model, predicted)


def _keep_better_heads(run: Run, predicted: Predictions) -> None:
    """Keep the weights of modalities whose own head has its best accuracy, then likelihood."""
    best = run.state.best_heads
    logits, y = predicted.logits, predicted.y
    scores = {m: list(score_of(logits[m], y)) for m in run.parts.model.modalities}
    better = [m for m, score in scores.items() if m not in best or score > best[m]["score"]]
    if better:
        name = run.keep_weights("heads")
        for m in better:
            best[m] = {"epoch": run.state.epoch, "score": scores[m], "weights": name}


@torch.no_grad()
def _fit_fusion(model: MultimodalNetwork, predicted: Predictions) -> Evaluation:
    """Fit the fusion where it is fitted; its own predictions are then those out of fold."""
    fusion, logits, y = model.fusion, dict(predicted.logits), predicted.y
    if isinstance(fusion, FittedFusion):
        of_heads = fusion.head_logits(predicted.embeddings, logits)
        logits[FUSED] = out_of_fold(fusion, of_heads, y)
        fusion.fit(of_heads, y)
    predictions = {m: values.argmax(dim=1).cpu() for m, values in logits.items()}
    loss = {m: float(value) for m, value in losses_of(logits, y).items()}
    return Evaluation(predictions, y.cpu(), loss)


def select_weights(run: Run) -> dict[str, Any]:
    """Load the selected weights, fit what is fitted at the end; return what a trace says of it."""
    parts = run.parts
    fields: dict[str, Any] = {}
    if parts.select == "heads":
        fields["heads"] = _join_best_heads(run)
    else:
        run.restore_weights(str(run.state.best))
    if parts.model.temperatures is not None:
        predicted = predict(parts.model, run.loaders.validation, on_device=True)
        fields["temperatures"] = parts.model.calibrate(predicted.logits, predicted.y)
    if fields:
        fields["weights"] = run.keep_weights("selected")
    if isinstance(parts.model.fusion, FittedFusion):
        fields["fusion"] = parts.model.fusion.fitted_values()
    return {"selection": fields} if fields else {}


def _join_best_heads(run: Run) -> dict[str, int]:
    """Load each modality as it was in its own best epoch, fit the fusion; return the epochs."""
    state, model = run.state, run.parts.model
    for m, best in state.best_heads.items():
        run.restore_modality(m, best["weights"])
    predicted = predict(model, run.loaders.validation, on_device=True)
    epochs: dict[str, int] = {m: best["epoch"] for m, best in state.best_heads.items()}
    state.best_validation = _fit_fusion(model, predicted).accuracy()
    state.best_epoch = max(epochs.values())
    return epochs
