"""A trained network for new samples."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from fusion_sched.api.inputs import arrays_of
from fusion_sched.api.warn import warn_user
from fusion_sched.commands.predict import absence_lines, predict_new
from fusion_sched.config.load import LoadedModel, load_model
from fusion_sched.data.array_files import IN_MEMORY
from fusion_sched.data.arrays import Arrays
from fusion_sched.models.saved import MODEL_DIR, write_model
from fusion_sched.types import FUSED, Predictions

LABELS = "labels"
"""Key of the description of a saved model: the labels themselves, where they are not strings."""
SHOWN_CLASSES = 10


@dataclass(frozen=True)
class Model:
    """A trained network in evaluation mode, on the CPU.

    Every method takes samples as a dict modality → array or tensor `(N, ...)`, as training got
    them: what it standardised is standardised alike. Where training read files, they are the
    network's inputs. A sample that is NaN throughout in a modality lacks it; the mean embedding
    over training takes its place. A torch `Dataset` or `DataLoader` of dicts is taken as well, and
    one array `(N, ...)` where there is one modality.

    `classes_`: labels `(classes,)`, in the order of the probabilities.
    """

    loaded: LoadedModel
    classes_: np.ndarray

    def __repr__(self) -> str:
        modalities = ", ".join(f"{m} {shape}" for m, shape in self.modalities.items())
        classes = ", ".join(map(str, self.classes_[:SHOWN_CLASSES]))
        more = ", …" if len(self.classes_) > SHOWN_CLASSES else ""
        network, folder = self.loaded.network, self.loaded.folder
        fusion = network.fusion if network.ensemble is None else network.ensemble
        shares = (
            [1.0] * len(network.modalities) if network.fused is None else network.fused.tolist()
        )
        fused = [m for m, share in zip(network.modalities, shares, strict=True) if share]
        place = f"from {folder}" if folder.exists() else "not in a file"
        return (
            f"Model(modalities: {modalities}; {len(self.classes_)} classes: {classes}{more}; "
            f"deployed: {type(fusion).__name__} of {', '.join(fused)}; {place})"
        )

    @property
    def modalities(self) -> dict[str, tuple[int, ...]]:
        """Name → shape of one sample."""
        return {m: tuple(shape) for m, shape in self.loaded.inputs.shapes.items()}

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the fused probabilities `(N, classes)`."""
        probabilities = self.outputs(X).logits[FUSED].double().softmax(dim=1)
        return np.asarray(probabilities.numpy())

    def predict(self, X: Any) -> np.ndarray:
        """Return the label of the largest probability `(N,)`."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def embed(self, X: Any) -> dict[str, np.ndarray]:
        """Return modality → embeddings `(N, size)`."""
        return {m: values.numpy() for m, values in self.outputs(X).embeddings.items()}

    def outputs(self, X: Any) -> Predictions:
        """Return logits and embeddings of every head.

        Raises
        ------
        ValueError
            No modality of the network is there, or one of another shape, or with broken values.
        """
        inputs = self.loaded.inputs
        if hasattr(X, "shape") and len(inputs.shapes) == 1:
            X = {next(iter(inputs.shapes)): X}
        own = self.loaded.reader(IN_MEMORY)
        if not isinstance(own, Arrays):  # it reads files; arrays are then the network's inputs
            own, inputs = Arrays(IN_MEMORY), replace(inputs, preprocessing={})
        new = own.new_samples(arrays_of(X)[0], inputs)
        lines = absence_lines(self.loaded, new)
        warn_user([*new.notes, *(line.removeprefix("note: ") for line in lines)])
        return predict_new(self.loaded, new)

    def save(self, path: str | Path) -> Path:
        """Write the folder `path/model`, which `load` and `fusion-sched predict` read; return it.

        Raises
        ------
        FileExistsError
            There is a model already.
        """
        folder = Path(path) / MODEL_DIR
        if folder.exists():
            raise FileExistsError(f"{folder} exists already; choose another folder")
        kind = {} if self.classes_.dtype.kind == "U" else {LABELS: self.classes_.tolist()}
        write_model(folder, {**self.loaded.saved.description, **kind}, self.loaded.saved.tensors)
        return folder


def load(
    path: str | Path,
    *,
    encoders: Mapping[str, nn.Module] | None = None,
    allow: Collection[str] = (),
) -> Model:
    """Load the model of a run that has ended, from its folder or its folder `model`.

    Nothing is unpickled. The labels are strings, unless `FusionClassifier.save` wrote the model.

    Parameters
    ----------
    path : folder
    encoders : modality → module, of those encoders that were given as modules: of the same kind;
        their weights are those of the file
    allow : classes of your own that the model may name, as `package.Name`

    Raises
    ------
    FileNotFoundError
        The run has not ended, or it is no run.
    ValueError
        A damaged file, a class that is neither known nor allowed, an encoder that is not given, or
        weights that do not fit.
    """
    loaded = load_model(Path(path), allow, encoders)
    labels = loaded.saved.description.get(LABELS, list(loaded.inputs.classes))
    return Model(loaded, np.array(labels))
