"""The user's own arrays, from one `.npz` file."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from fusion_sched.data.memory import SPLIT_NAMES, splits_from_arrays, stratified_split
from fusion_sched.types import Splits


@dataclass(frozen=True)
class Arrays:
    """One array per modality by name, labels `y`, and optionally `split`.

    `y`: integers `(N,)`, any values; each distinct value is a class. `split`: strings
    `train`, `validation`, `test`; without it a stratified split is drawn from `split_seed`.
    Modalities: any other arrays `(N, ...)`, numeric and finite; they are standardised with the
    training split's mean and deviation (per feature for vectors, per channel for images
    `(N, channels, height, width)`, one pair for other shapes). Nothing in the file is unpickled.
    """

    root: str
    validation: float = 0.2
    test: float = 0.2
    split_seed: int = 0
    standardise: bool = True

    def load(self) -> Splits:
        """Read the file.

        Raises:
            FileNotFoundError: no such file.
            ValueError: the file, its labels, its split or one of its arrays is unusable.
        """
        arrays = read_npz(Path(self.root))
        labels, classes = check_labels(arrays)
        inputs = check_inputs(arrays, len(labels), self.root)
        if "split" in arrays:
            index = index_from_split(arrays["split"], labels, self.root)
        else:
            index = stratified_split(labels, self.validation, self.test, self.split_seed)
        if self.standardise:
            inputs = {m: standardised(v, index["train"]) for m, v in inputs.items()}
        return splits_from_arrays(inputs, labels, index, classes)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Return every array of the file; objects that need unpickling are refused."""
    if path.suffix != ".npz":
        raise ValueError(
            f"dataset.root is {str(path)!r}, expected an .npz file with one array per modality and "
            "`y`; set dataset.root=FILE.npz"
        )
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; set dataset.root to an .npz file")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (BadZipFile, EOFError) as error:
        raise ValueError(f"{path} is not a readable .npz file: {error}; save it again") from error
    except ValueError as error:
        raise ValueError(
            f"{path}: {error}; expected plain numeric arrays, save them without objects"
        ) from error


def check_labels(arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """Return labels as 0 … classes-1 and the class names."""
    if "y" not in arrays:
        raise ValueError(
            f"the file holds {sorted(arrays)} but no `y`; save the labels under the name y"
        )
    y = arrays["y"]
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        raise ValueError(
            f"y has dtype {y.dtype} and shape {y.shape}, expected one integer per sample; "
            "convert class names or floats to integer ids first"
        )
    values, labels = np.unique(y, return_inverse=True)
    if len(values) < 2:
        raise ValueError(f"y holds {len(values)} class(es), expected at least two to classify")
    return labels.astype(np.int64), [str(v) for v in values]


def check_inputs(arrays: dict[str, np.ndarray], samples: int, root: str) -> dict[str, np.ndarray]:
    inputs = {name: values for name, values in arrays.items() if name not in ("y", "split")}
    if not inputs:
        raise ValueError(f"{root} holds no modality, expected at least one array besides y")
    for name, values in inputs.items():
        if len(values.shape) == 0 or len(values) != samples:
            raise ValueError(
                f"array {name!r} has shape {values.shape} but y has {samples} labels; "
                "every modality needs one row per sample"
            )
        if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
            raise ValueError(f"array {name!r} has dtype {values.dtype}, expected real numbers")
        broken = ~np.isfinite(values.reshape(samples, -1)).all(axis=1)
        if broken.any():
            raise ValueError(
                f"array {name!r} holds NaN or infinity in {int(broken.sum())} sample(s), the first "
                f"is row {int(np.argmax(broken))}; remove or impute them"
            )
    return {n: v[:, None] if v.ndim == 1 else v for n, v in inputs.items()}


def index_from_split(split: np.ndarray, labels: np.ndarray, root: str) -> dict[str, np.ndarray]:
    """Return the three index arrays that the file's own `split` names."""
    names = set(map(str, np.unique(split)))
    if split.shape != labels.shape or names != set(SPLIT_NAMES):
        raise ValueError(
            f"split in {root} has shape {split.shape} and values {sorted(names)[:6]}, expected "
            f"{len(labels)} strings that use each of {list(SPLIT_NAMES)}"
        )
    index = {name: np.flatnonzero(split == name) for name in SPLIT_NAMES}
    unseen = sorted(set(labels) - set(labels[index["train"]]))
    if unseen:
        raise ValueError(
            f"class id(s) {unseen[:6]} never occur in the train split of {root}; "
            "put at least one sample of each class into train"
        )
    return index


def standardised(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return values with the training split's mean and deviation taken out."""
    values = values.astype(np.float64)
    axes = {2: (0,), 4: (0, 2, 3)}.get(values.ndim, tuple(range(values.ndim)))
    with np.errstate(over="ignore"):  # what overflows is refused below
        mean = values[train].mean(axis=axes, keepdims=True)
        deviation = values[train].std(axis=axes, keepdims=True)
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        raise ValueError(
            f"values up to {np.abs(values).max():.3g} overflow when they are standardised; rescale "
            "the array, or set dataset.standardise=false"
        )
    # A constant feature carries nothing: it becomes 0, not its rounding error over itself.
    constant = deviation <= 1e-9 * np.abs(mean)
    deviation = np.where(constant, 0.0, deviation)
    values = np.where(constant, mean, values)
    scaled: np.ndarray = (values - mean) / np.where(deviation > 0, deviation, 1.0)
    return scaled
