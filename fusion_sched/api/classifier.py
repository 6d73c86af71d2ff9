"""The two-stage training as an estimator of scikit-learn's kind."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from fusion_sched.api.inputs import SINGLE, Arrays, arrays_of, names_modalities
from fusion_sched.api.model import Model, load
from fusion_sched.api.runs import compose_named, last_diagnosis, new_run_dir
from fusion_sched.api.warn import warn_user
from fusion_sched.commands.console import make_console
from fusion_sched.commands.train import conclude, train_shown
from fusion_sched.config import build as building
from fusion_sched.config.compose import Composed
from fusion_sched.config.targets import targets_of
from fusion_sched.data.array_files import IN_MEMORY
from fusion_sched.data.arrays import Arrays as ArraysDataset
from fusion_sched.report.live import caution_lines
from fusion_sched.runlog import read_trace
from fusion_sched.runtime.environment import preserved_process
from fusion_sched.types import Splits


class FusionClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped bases
    """Two-stage training of a multimodal classifier, as an estimator.

    It trains as `fusion-sched train dataset=arrays dataset.test=0` does, with the same weights.
    `X` is a dict modality → array or tensor `(N, ...)`, a torch `Dataset` or `DataLoader` of dicts
    (read into memory once; the label is the key `y` or the second of a pair), or one array
    `(N, features)`, which is a single modality called `x`.

    Parameters
    ----------
    controller : which schedule, as `controller=` of the command
    encoders : modality → module that maps `(B, *shape)` to `(B, size)`; a modality without one has
        that of the configuration. They are copied, and their weights are where training starts
    method : a method by name, as `+method=` of the command, in place of `controller`
    stage1_epochs, stage2_epochs, batch_size : as the keys of the command
    random_state : seed of the training; the validation samples are drawn by `dataset.split_seed`
    overrides : other settings, as on the command line: `("fusion=gated", "precision=bf16")`
    folder : new or empty folder of the run, for `fusion-sched report` and others; `None`: none is
        kept
    verbose : whether to show the training as the command does

    Attributes
    ----------
    classes_ : labels `(classes,)`
    diagnosis_ : `Diagnosis` of the trained embeddings of validation samples; of training samples
        where there are fewer than 12 for validation
    trace_ : `Trace`, every event of the run
    model_ : `Model`, the trained network
    n_features_in_ : number of features, after a fit to one array

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = rng.choice(["calm", "glad"], 200)
    >>> X = {"voice": rng.normal(size=(200, 3)) + 3 * (y == "glad")[:, None],
    ...      "face": rng.normal(size=(200, 2))}
    >>> classifier = FusionClassifier("joint", stage1_epochs=1, stage2_epochs=3).fit(X, y)
    >>> classifier.score(X, y) > 0.9
    True
    """

    def __init__(
        self,
        controller: str = "evidence",
        encoders: Mapping[str, nn.Module] | None = None,
        *,
        method: str | None = None,
        stage1_epochs: int = 15,
        stage2_epochs: int = 15,
        batch_size: int = 64,
        random_state: int = 0,
        overrides: Sequence[str] = (),
        folder: str | Path | None = None,
        verbose: bool = False,
    ) -> None:
        self.controller = controller
        self.encoders = encoders
        self.method = method
        self.stage1_epochs = stage1_epochs
        self.stage2_epochs = stage2_epochs
        self.batch_size = batch_size
        self.random_state = random_state
        self.overrides = overrides
        self.folder = folder
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, groups: Any = None, validation: Any = 0.2) -> Self:
        """Train; return the estimator.

        A `UserWarning` says where samples are too few, unless `verbose` prints it.

        Parameters
        ----------
        X : samples
        y : labels `(N,)`, integers or strings; `None` where `X` holds them
        groups : ids `(N,)` of what is kept together, such as speakers
        validation : samples on which the epoch and the branch are chosen: a share, of whole groups
            where there are `groups`; a list of groups; a pair `(X, y)` of other
            samples, or a `Dataset` or `DataLoader` of them

        Raises
        ------
        ValueError
            Samples, labels or settings that cannot be used.
        FileExistsError
            `folder` holds something.
        """
        arrays, labels = self._samples(X, y)
        of_samples = {}
        if names_modalities(validation):  # a dataset that holds the labels
            validation = (validation, None)
        if isinstance(validation, tuple):
            if groups is not None:
                raise ValueError("validation is a pair (X, y), so that groups are not used")
            arrays, labels, of_samples["split"] = self._joined(arrays, labels, *validation)
        elif not isinstance(validation, Real):
            of_samples["split"] = _split_by_group(groups, validation)
        elif groups is not None:
            of_samples["group"] = column_or_1d(groups)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds 1 class, {self.classes_}; expected at least two classes")
        composed = self._composed(arrays, [
            *([f"dataset.validation={validation}"] if isinstance(validation, Real) else []),
            *(["dataset.group=group"] if "group" in of_samples else []),
        ])  # fmt: skip
        dataset = cast(ArraysDataset, building.build_dataset(composed.cfg))
        names = [str(label) for label in self.classes_]
        self._train(composed, dataset.splits_of(arrays, codes, names, of_samples))
        if not self.verbose:
            warn_user(caution_lines(self.trace_))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the labels `(N,)`."""
        return self._model().predict(self._new(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities `(N, classes)`, in the order of `classes_`."""
        return self._model().predict_proba(self._new(X))

    def embed(self, X: Any) -> dict[str, np.ndarray]:
        """Return modality → embeddings `(N, size)`."""
        return self._model().embed(self._new(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy; `y` is `None` where `X` holds the labels."""
        if y is None:
            X, y = arrays_of(X)
        return float(super().score(X, y, sample_weight))

    def save(self, path: str | Path) -> Path:
        """Write the model into the folder `path/model` for `fusion_sched.load`; return it."""
        return self._model().save(path)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.dict = True
        return tags

    def _model(self) -> Model:
        check_is_fitted(self, "model_")
        return self.model_

    def _new(self, X: Any) -> Any:
        if names_modalities(X):
            return X
        return {SINGLE: validate_data(self, X, reset=False)}

    def _samples(self, X: Any, y: Any, reset: bool = True) -> tuple[Arrays, np.ndarray]:
        """Return arrays by modality and the labels."""
        if not names_modalities(X):
            X, y = validate_data(self, X, y, reset=reset)
            X = {SINGLE: X}
        arrays, held = arrays_of(X)
        if (y is None) == (held is None):
            number = "no labels" if y is None else "labels in y and in X as well"
            raise ValueError(
                f"got {number}, expected one label per sample: requires y to be passed"
            )
        check_classification_targets(held if y is None else y)
        return arrays, column_or_1d(held if y is None else y)

    def _joined(
        self, arrays: Arrays, labels: np.ndarray, X: Any, y: Any
    ) -> tuple[Arrays, np.ndarray, np.ndarray]:
        """Return training and validation samples one after the other, and which they are."""
        others, of_others = self._samples(X, y, reset=False)
        if others.keys() != arrays.keys():
            raise ValueError(
                f"validation has modalities {sorted(others)}, expected those of X: {sorted(arrays)}"
            )
        joined = {m: np.concatenate([values, others[m]]) for m, values in arrays.items()}
        split = np.repeat(["train", "validation"], [len(labels), len(of_others)])
        return joined, np.concatenate([labels, of_others]), split

    def _composed(self, arrays: Arrays, of_split: list[str]) -> Composed:
        """Return the configuration of this training."""
        chosen = (
            f"controller={self.controller}" if self.method is None else f"+method={self.method}"
        )
        composed = compose_named([
            "dataset=arrays", "dataset.test=0", *of_split, chosen,
            *(["tracker=none"] if self.folder is None else []),
            f"stage1.epochs={self.stage1_epochs}", f"stage2.epochs={self.stage2_epochs}",
            f"batch_size={self.batch_size}", f"seed={self.random_state}", *self.overrides,
        ])  # fmt: skip
        composed.cfg.dataset.root = IN_MEMORY
        if self.encoders:
            building.configure_encoders(composed.cfg, self.encoders, arrays)
        return composed

    def _train(self, composed: Composed, splits: Splits) -> None:
        """Train in the run's folder, and take from it what remains."""
        with preserved_process():
            parts = building.build(composed.cfg, splits, self.encoders)
            console = make_console(quiet=not self.verbose)
            with _run_folder(composed, self.folder) as folder:
                train_shown(parts, folder, console)
                if self.folder is not None:
                    conclude(folder, console)
                self.trace_ = read_trace(folder)
                self.diagnosis_ = last_diagnosis(self.trace_)
                model = load(folder, encoders=self.encoders, allow=targets_of(composed.cfg))
        self.model_ = Model(model.loaded, self.classes_)


def _split_by_group(groups: Any, held_out: Any) -> np.ndarray:
    """Return the split of each sample: validation for the groups that are held out."""
    if groups is None:
        raise ValueError(
            f"validation is {held_out!r}, expected a share such as 0.2, a pair (X, y), or, with "
            "groups, a list of some of them"
        )
    ids = column_or_1d(groups)
    unknown = sorted(set(held_out) - set(ids.tolist()))
    if unknown:
        raise ValueError(f"validation names {unknown}, which are not among the groups")
    return np.where(np.isin(ids, list(held_out)), "validation", "train")


@contextmanager
def _run_folder(composed: Composed, kept: str | Path | None) -> Iterator[Path]:
    """Yield the run's folder: that which is kept, or one that is removed afterwards."""
    if kept is not None:
        yield new_run_dir(composed, Path(kept))
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch)
