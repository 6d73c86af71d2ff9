"""A diagnosis of the user's own arrays: from a file to a table."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from fusion_sched.commands.pid_input import read_inputs
from fusion_sched.commands.pid_output import (
    diagnosis_table,
    flat_fields,
    notes_on,
    sample_parts,
    write_frame,
)
from fusion_sched.data.array_files import read_npz
from fusion_sched.pid import decompose
from fusion_sched.probe.arrays import diagnose_arrays

Printable = str | Table
MOST_MODALITIES = 8
"""Without --columns: the cost grows with the square of their number."""
EXACT = ("redundancy", "unique1", "unique2", "synergy", "mi1", "mi2", "joint_mi")


def inspect_file(
    path: Path,
    target: str,
    columns: list[str],
    as_json: bool,
    *,
    group: str = "",
    added: Sequence[str] = (),
    pairs: str = "",
    pointwise: Path | None = None,
    **settings: Any,
) -> list[Printable]:
    """Return what `fusion-sched pid` prints: a table and notes, or one JSON object.

    `pairs`: `all`, or a/b,c/d: these pairs instead of all modalities at once. `pointwise`: a file
    for the contributions of the samples. The JSON object has the keys of a trace's probe event.
    """
    arrays = read_npz(path) if path.suffix == ".npz" and path.is_file() else {}
    if "p" in arrays and target not in arrays:
        table, values = exact_table(arrays["p"], f"{path}: exact decomposition of p")
        note = f"certified gap {values['gap_bits']:.1e} bit"
        return [json.dumps(values)] if as_json else [table, note]
    if pairs and pointwise:
        raise ValueError("--pointwise writes one decomposition; leave out --pairs")
    inputs = read_inputs(path, target, columns, group, added)
    if not (pairs or columns) and len(inputs.modalities) > MOST_MODALITIES:
        raise ValueError(
            f"{path} holds {len(inputs.modalities)} modalities, expected at most {MOST_MODALITIES} "
            "at once; name them by --columns, take --pairs all, or make several columns one by "
            "--modality NAME=PATTERN"
        )
    title = f"{path}: what {target} shares with each"
    if pairs:
        # Imported here: the statistics of pairs load scipy.stats, which takes a second.
        from fusion_sched.commands.pid_pairs import inspect_pairs

        return inspect_pairs(inputs, pairs, title, as_json, **settings)
    result = diagnose_arrays(inputs.modalities, inputs.labels, inputs.groups, **settings)
    diagnosis = replace(result.diagnosis, warnings=(*inputs.notes, *result.diagnosis.warnings))
    if pointwise is not None:
        write_frame(sample_parts(result), pointwise)
    if as_json:
        return [json.dumps(flat_fields(diagnosis), allow_nan=False)]
    return [diagnosis_table(diagnosis, title, result.least_p), *notes_on(diagnosis)]


def exact_table(p: np.ndarray, title: str) -> tuple[Table, dict[str, Any]]:
    """Decompose a joint distribution ``(n1, n2, ny)`` exactly; return a table and the values."""
    if p.ndim != 3 or p.dtype.kind not in "iuf":
        raise ValueError(
            f"p has shape {p.shape} and dtype {p.dtype}, expected numbers (n1, n2, ny): two "
            "modalities and y"
        )
    # Integers are counts, whatever they sum to.
    exact = decompose(p, normalise=bool(np.issubdtype(p.dtype, np.integer)))
    values = {f"{name}_bits": float(getattr(exact, name)) + 0.0 for name in EXACT}
    values["gap_bits"] = float(exact.solution.gap)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("information (bit)")
    table.add_column("value", justify="right")
    for name in EXACT:
        table.add_row(name, f"{values[f'{name}_bits']:z.6f}")
    return table, values
