"""Behind `fusion-sched predict`: from a trained model and new samples to a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from fusion_sched.commands.pid_output import write_frame
from fusion_sched.config.load import LoadedModel, load_model
from fusion_sched.data.clips.load import progress_bar
from fusion_sched.data.loading import Loader
from fusion_sched.runtime.files import atomic_write, check_new, naming
from fusion_sched.types import FUSED, NewSamples, Predictions

if TYPE_CHECKING:
    import pandas as pd

BATCH = 64
DIGITS = "%.6g"
"""How probabilities are written: six digits are those that single precision always has."""
SUFFIXES = (".csv", ".parquet")


def write_predictions(
    run: Path,
    data: str,
    out: Path,
    embeddings: Path | None,
    allowed: list[str],
    *,
    overwrite: bool = False,
) -> list[str]:
    """Predict every sample of `data`, write the table; return what to print."""
    if out.suffix not in SUFFIXES:
        raise ValueError(f"--out is {out}, expected a name that ends in .csv or .parquet")
    if embeddings is not None and embeddings.suffix != ".npz":
        raise ValueError(f"--embeddings is {embeddings}, expected a name that ends in .npz")
    for path in (out, embeddings):
        check_new(path, overwrite)
    model = load_model(run, allowed)
    with naming(Path(data)):
        new = model.reader(data).read_new(model.inputs)
        lines = [f"note: {note}" for note in new.notes] + absence_lines(model, new)
        predicted = predict_new(model, new)
    write_frame(prediction_table(model, new, predicted), out, DIGITS)
    lines.append(f"predictions: {out}  ({len(new.ids)} samples)")
    if embeddings is not None:
        arrays: dict[str, Any] = {m: e.numpy() for m, e in predicted.embeddings.items()}
        with atomic_write(embeddings) as file:
            np.savez(file, id=np.array(new.ids), **arrays)
        lines.append(f"embeddings: {embeddings}")
    return lines


def absence_lines(model: LoadedModel, new: NewSamples) -> list[str]:
    """Say which modalities are missing; raise where a sample has none or the model no mean.

    A missing modality is replaced by its mean embedding over training.
    """
    present = torch.stack([new.present[m] for m in model.inputs.shapes])
    without = ~present.any(dim=0)
    if without.any():
        first = int(without.nonzero()[0])
        raise ValueError(
            f"{int(without.sum())} sample(s) have no modality, the first is {new.ids[first]}; "
            f"expected at least one of {list(model.inputs.shapes)}: leave these samples out"
        )
    missing = {m: int((~has).sum()) for m, has in new.present.items() if not has.all()}
    unknown = sorted(set(missing) - set(model.means))
    if unknown:
        raise ValueError(f"{unknown} are missing in some samples, but {model.folder} has no mean")
    return [
        f"note: {m!r} is missing in {count} of {len(new.ids)} samples; its mean embedding over "
        "training takes its place there"
        for m, count in missing.items()
    ]


@torch.no_grad()
def predict_new(model: LoadedModel, new: NewSamples) -> Predictions:
    """Return logits and embeddings; those of a missing modality are of its mean embedding."""
    loader = Loader(new.samples, BATCH, finish=new.finish)
    network, parts = model.network, []
    with progress_bar("predicting") as progress:
        for batch in loader:
            encoded = network.encode(batch.inputs)
            embeddings = {
                m: torch.where(new.present[m][batch.index, None], e, model.means[m].to(e))
                if not new.present[m].all()
                else e
                for m, e in encoded.items()
            }
            parts.append((network.fuse(embeddings), batch.y))
            progress(sum(len(y) for _, y in parts), len(new.ids))
    outputs, labels = [o for o, _ in parts], [y for _, y in parts]
    return Predictions(
        _joined([o.by_head() for o in outputs]),
        _joined([o.embeddings for o in outputs]),
        torch.cat(labels),
    )


def _joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def prediction_table(model: LoadedModel, new: NewSamples, predicted: Predictions) -> "pd.DataFrame":
    """Return a row per sample: id, label, probability of each class, label by each modality.

    The label by a modality that a sample lacks is empty.
    """
    import pandas as pd

    classes = np.array(model.inputs.classes)
    probabilities = predicted.logits[FUSED].double().softmax(dim=1).numpy()
    columns: dict[str, np.ndarray] = {"id": np.array(new.ids)}
    columns["label"] = classes[probabilities.argmax(axis=1)]
    columns |= {f"p({name})": probabilities[:, k] for k, name in enumerate(classes)}
    columns |= _labels_by_modality(classes, predicted.logits, new.present)
    return pd.DataFrame(columns)


def _labels_by_modality(
    classes: np.ndarray, logits: Mapping[str, Tensor], present: Mapping[str, Tensor]
) -> dict[str, np.ndarray]:
    return {
        f"label by {m}": np.where(has.numpy(), classes[logits[m].argmax(dim=1).numpy()], "")
        for m, has in present.items()
    }
