"""What a run leaves behind for use without it: its model, and all that predictions need."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from torch import Tensor

from fusion_sched.models.network import MultimodalNetwork
from fusion_sched.models.pretrained import Pretrained
from fusion_sched.models.resnet import ResNet18
from fusion_sched.models.saved import MEAN, MODEL_DIR, write_model
from fusion_sched.runlog import read_trace
from fusion_sched.runlog.protocol import PLACES
from fusion_sched.training.state import Run

ARCHITECTURE = ("encoder", "fusion", "precision", "calibrate")
"""Keys of a configuration that say which network it is."""


def save_model(run: Run, means: Mapping[str, Tensor]) -> None:
    """Write the selected network; `means` are the mean embeddings of the training split."""
    parts = run.parts
    if not parts.processes.first:
        return
    tensors = {**parts.model.state_dict(), **{f"{MEAN}{m}": mean for m, mean in means.items()}}
    write_model(run.folder / MODEL_DIR, _description(run), tensors)


def _description(run: Run) -> dict[str, Any]:
    parts = run.parts
    splits, dataset = parts.splits, parts.config["dataset"]
    decisions = read_trace(run.folder).of("decision")
    return {
        "version": version("fusion-sched"),
        "licence": (
            "fusion-sched itself is under Apache-2.0. No licence is stated for these weights; the "
            "terms of the data that they were trained on apply."
        ),
        "architecture": {
            **{key: parts.config[key] for key in ARCHITECTURE},
            "encoder": _encoder_settings(parts.config["encoder"], parts.model),
        },
        "classes": list(splits.classes),
        "modalities": {
            m: {"shape": list(shape), "dtype": dtype}
            for (m, shape), dtype in zip(splits.shapes.items(), _dtypes(run), strict=True)
        },
        "dataset": {key: value for key, value in dataset.items() if key not in PLACES},
        "preprocessing": {m: dict(how) for m, how in splits.preprocessing.items()},
        "decision": {
            key: decisions[-1][key] for key in ("to", "fused", "ensemble", "pooled", "reason")
            if key in decisions[-1]
        },
        "selected_epoch": run.state.best_epoch,
        "validation": run.state.best_validation,
    }  # fmt: skip


def _encoder_settings(node: Mapping[str, Any], model: MultimodalNetwork) -> dict[str, Any]:
    """Return the configuration of the encoders without the files that they began with."""
    saved = {
        m: encoder.saved_arguments()
        for m, encoder in model.encoders.items()
        if isinstance(encoder, Pretrained | ResNet18)
    }
    if "_target_" in node:
        return {**node, **next(iter(saved.values()), {})}
    return {m: {**own, **saved.get(m, {})} for m, own in node.items()}


def _dtypes(run: Run) -> list[str]:
    """The types of the inputs, in the order of the modalities, from the first training sample."""
    splits = run.parts.splits
    batch = splits.finish(splits.plain_train.__getitems__([0]))
    return [str(batch.inputs[m].dtype).removeprefix("torch.") for m in splits.shapes]
