"""A trained network as a folder: `model.safetensors` and `model.json`.

No file is unpickled. The description is JSON; it holds the digest of the weights, which is
checked when they are read.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from fusion_sched.runtime.files import atomic_write

MODEL_DIR = "model"
WEIGHTS_FILE, DESCRIPTION_FILE = "model.safetensors", "model.json"
MODEL_FORMAT = 1
MEAN = "mean_embeddings."
"""Before the name of a modality: its mean embedding over training, among the weights."""
REQUIRED = ("format", "architecture", "classes", "modalities", "preprocessing", "weights")

KINDS = {
    "architecture": dict, "classes": list, "modalities": dict, "preprocessing": dict,
    "weights": dict, "dataset": dict,
}  # fmt: skip
"""Of the values that a description needs, and of `dataset`, which it may lack."""


class SavedModel(NamedTuple):
    """What the two files hold: the JSON object, and tensors by name, on the CPU."""

    description: dict[str, Any]
    tensors: dict[str, Tensor]


def write_model(
    folder: Path, description: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write both files; the description last, with the digest of the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    content = save(own)
    with atomic_write(folder / WEIGHTS_FILE) as file:
        file.write(content)
    weights = {"file": WEIGHTS_FILE, "sha256": hashlib.sha256(content).hexdigest()}
    fields = {"format": MODEL_FORMAT, **description, "weights": weights}
    with atomic_write(folder / DESCRIPTION_FILE) as file:
        file.write(json.dumps(fields, indent=1, allow_nan=False).encode())


def read_model(folder: Path) -> SavedModel:
    """Read both files.

    Raises
    ------
    FileNotFoundError
        One of them is not there.
    ValueError
        One of them is damaged, they do not belong together, or a later version wrote them.
    """
    description = _read_description(folder / DESCRIPTION_FILE)
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, expected it beside {DESCRIPTION_FILE}")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != description["weights"]["sha256"]:
        raise ValueError(
            f"{path} has SHA-256 {digest[:16]}…, expected {description['weights']['sha256'][:16]}… "
            f"as {DESCRIPTION_FILE} says; it is damaged or of another model: bring the right one "
            "back"
        )
    try:
        return SavedModel(description, load(content))
    except SafetensorError as error:
        raise ValueError(f"{path} is not a readable file of safetensors: {error}") from error


def _read_description(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; expected the folder of a run that has ended, or its folder "
            f"{MODEL_DIR}"
        )
    try:
        fields: dict[str, Any] = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not readable as JSON: {error}; bring it back") from error
    absent = [key for key in REQUIRED if not isinstance(fields, dict) or key not in fields]
    if absent:
        raise ValueError(f"{path} lacks {absent}, expected the description of a model")
    if fields["format"] != MODEL_FORMAT:
        raise ValueError(
            f"{path} has format {fields['format']!r}, expected {MODEL_FORMAT}; take the version of "
            "fusion-sched that wrote it"
        )
    wrong = [key for key, kind in KINDS.items() if not isinstance(fields.get(key, {}), kind)]
    if wrong:
        expected = ", ".join(f"{key}: {KINDS[key].__name__}" for key in wrong)
        raise ValueError(f"{path} holds other kinds of values than expected ({expected})")
    if not isinstance(fields["weights"].get("sha256"), str):
        raise ValueError(f"{path} lacks the digest of the weights; bring the right file back")
    return fields
