"""Modalities, labels and groups of `fusion-sched pid`, from the files that hold them."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from fusion_sched.data.array_files import NO_NAME, Columns, read_arrays, stack_cells
from fusion_sched.probe.checks import LEAST_DISTINCT, rows_text

MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-", "."}
"""What stands for a missing number, in lower case."""


class Inputs(NamedTuple):
    """Modalities by name, labels and group ids (N,), and remarks on what was left out."""

    modalities: Columns
    labels: np.ndarray
    groups: np.ndarray | None
    notes: tuple[str, ...]


def read_inputs(
    path: Path, target: str, columns: Sequence[str], group: str = "", added: Sequence[str] = ()
) -> Inputs:
    """Read the label, the modalities and the groups.

    `columns` names the modalities; without any, all but the label, the groups, `split`, and what
    is an index are taken. `added`: NAME=FILE.npy, a modality in a file of its own, or
    NAME=PATTERN, columns side by side.

    Raises
    ------
    ValueError, OSError
        A file or column that is not there or cannot be used.
    """
    arrays = read_arrays(path, target)
    grouped, extra = _added(path, arrays, added)
    if target in columns or len(set(columns)) < len(columns):
        raise ValueError(
            f"--columns names {list(columns)} and --target {target!r}; expected each modality "
            "once, and not the label among them"
        )
    reserved = {target, group, "split", *grouped}
    wanted = [*columns] or [name for name in arrays if name not in reserved]
    wanted += [name for name in extra if name not in (*wanted, target, group)]
    arrays |= extra
    missing = [name for name in (target, *wanted, *filter(None, [group])) if name not in arrays]
    if missing or not wanted:
        raise ValueError(
            f"{path} holds {sorted(arrays)}, but {missing or 'a modality'} was asked for; name the "
            "label by --target and the modalities by --columns"
        )
    modalities = {name: typed(arrays[name], name) for name in wanted}
    left_out, notes = ([], ()) if columns else _not_modalities(modalities)
    modalities = {m: v for m, v in modalities.items() if m not in left_out}
    if not modalities:
        raise ValueError(
            f"{path} holds no modality besides {left_out}, which number or name the rows; name the "
            "modalities by --columns"
        )
    groups = typed(arrays[group], group) if group else None
    return Inputs(modalities, _labels(typed(arrays[target], target), target), groups, notes)


def typed(values: Any, name: str) -> Any:
    """Return an array without missing values; numbers that are stored as text are numbers.

    Columns of a table become arrays (N,), or (N, features) where their cells are lists.
    """
    if not isinstance(values, pd.Series):
        array = np.asarray(values) if not isinstance(values, torch.Tensor) else values
        text = array.ndim == 1 and isinstance(array, np.ndarray) and array.dtype.kind in "UO"
        return typed(pd.Series(array), name) if text else array
    if len(values) and isinstance(values.iloc[0], list | np.ndarray):
        return stack_cells(values, name)
    _refuse(values.isna(), name)
    array = np.asarray(values)
    if array.dtype.kind not in "iub" or len(np.unique(array)) == len(array):
        text = pd.api.types.is_object_dtype(values) or pd.api.types.is_string_dtype(values)
        return _from_text(values.astype(str).str.strip(), name) if text else array
    return np.unique(array, return_inverse=True)[1]  # symbols may be negative in a table


def _from_text(cells: "pd.Series[str]", name: str) -> np.ndarray:
    """Return numbers (N,) where all cells are numbers, else strings."""
    text = cells.to_numpy().astype(str)
    numbers = np.asarray(pd.to_numeric(cells, errors="coerce"))
    other = np.isnan(numbers.astype(np.float64))
    if not other.any():
        return numbers
    known = numbers[~other]
    if len(known) and {cell.lower() for cell in text[other]} <= MISSING:
        _refuse(other, name)
    if len(known) > len(text) / 2 and (known % 1 != 0).any():
        raise ValueError(
            f"column {name!r} holds measurements and text such as {str(text[other][0])!r} in "
            f"{rows_text(other)}; correct or drop these rows"
        )
    return text


def _refuse(missing: Any, name: str) -> None:
    marked = np.asarray(missing)
    if marked.any():
        raise ValueError(f"column {name!r} is empty in {rows_text(marked)}; fill or drop them")


def _labels(values: Any, name: str) -> np.ndarray:
    """Every distinct value is a class; refuse measurements."""
    labels = np.asarray(values)
    distinct = len(np.unique(labels, axis=0))
    unrepeated = distinct == len(labels) >= LEAST_DISTINCT
    if labels.ndim != 1 or unrepeated or (labels.dtype.kind == "f" and 2 * distinct > len(labels)):
        raise ValueError(
            f"the label {name!r} has shape {labels.shape} and {distinct} different values of dtype "
            f"{labels.dtype}; expected one class per row: name the label by --target, or put "
            "measurements into bins"
        )
    if distinct < 2:
        raise ValueError(f"the label {name!r} holds one class in all rows, expected two or more")
    if labels.dtype.kind in "iu":
        return labels
    return np.asarray(np.unique(labels, return_inverse=True)[1])


def _not_modalities(modalities: Columns) -> tuple[list[str], tuple[str, ...]]:
    """Names of columns that number or name the rows, and remarks on them."""
    left_out, notes = [], []
    for name, values in modalities.items():
        if values.ndim != 1 or (array := np.asarray(values)).dtype.kind not in "iuU":
            continue
        distinct, running = len(np.unique(array)) == len(array), False
        if name.startswith(NO_NAME) and array.dtype.kind != "U":
            running = bool((np.diff(array) == 1).all())
        if running or (distinct and len(array) >= LEAST_DISTINCT):
            left_out.append(name)
            kind = "strings" if array.dtype.kind == "U" else "integers"
            shown = "the unnamed column" if name.startswith(NO_NAME) else f"column {name!r}"
            what = "running numbers" if running else f"{kind} that are all distinct, as an index"
            notes.append(f"{shown} is left out: it holds {what}; --columns would include it")
        elif name.startswith(NO_NAME):
            raise ValueError(
                f"column {name.removeprefix(NO_NAME)} has no name in the header; name it, "
                "or name the modalities by --columns"
            )
    return left_out, tuple(notes)


def _added(path: Path, arrays: Columns, added: Sequence[str]) -> tuple[list[str], Columns]:
    """Columns that are part of a modality, and the modalities of --modality."""
    grouped: list[str] = []
    extra: Columns = {}
    for entry in added:
        name, _, source = entry.partition("=")
        if not name or not source or name in extra or name in arrays:
            raise ValueError(
                f"--modality is {entry!r}, expected NAME=FILE.npy or NAME=PATTERN of columns, with "
                f"a name that is new in {path}"
            )
        if source.endswith(".npy"):
            extra[name] = read_arrays(Path(source), name)[name]
            continue
        members = [c for c in arrays if fnmatch.fnmatchcase(c, source)]
        if not members:
            raise ValueError(f"no column of {path} fits {source!r}; it holds {sorted(arrays)}")
        grouped += members
        extra[name] = np.stack([_number_column(arrays[c], c) for c in members], axis=1)
    return grouped, extra


def _number_column(values: Any, name: str) -> np.ndarray:
    column = np.asarray(typed(values, name))
    if column.ndim != 1 or column.dtype.kind not in "iuf":
        raise ValueError(f"column {name!r} has dtype {column.dtype}, expected numbers (N,)")
    return column.astype(np.float64)
