"""A diagnosis of the user's own arrays: from a file to a table."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from fusion_sched.data.arrays import read_npz
from fusion_sched.estimation import SAMPLES_PER_CELL
from fusion_sched.pid import decompose
from fusion_sched.probe import diagnose
from fusion_sched.runlog.schema import BY_NAME, SINGLE, diagnosis_fields
from fusion_sched.types import Diagnosis, Estimate

Printable = str | Table
SIDES: dict[str, Callable[[Mapping[str, float]], Any]] = {
    "interval": lambda e: [e["low"], e["high"]] if "low" in e else None,
    "error": lambda e: e.get("se"),
    "null": lambda e: e.get("null"),
    "p_value": lambda e: e.get("p"),
}
"""What `--json` writes beside the values."""
EXACT = ("redundancy", "unique1", "unique2", "synergy", "mi1", "mi2", "joint_mi")


def inspect_file(
    path: Path, target: str, columns: list[str], as_json: bool, **knobs: Any
) -> list[Printable]:
    """Return what ``fusion-sched pid`` prints: a table and notes, or one JSON object.

    The JSON object has the keys of a trace's probe event.
    """
    if path.suffix not in (".npz", ".csv"):
        raise ValueError(f"{path} ends in {path.suffix!r}, expected .npz or .csv")
    if path.suffix == ".npz" and "p" in (arrays := read_npz(path)) and target not in arrays:
        table, values = exact_table(arrays["p"], f"{path}: exact decomposition of p")
        note = f"certified gap {values['gap_bits']:.1e} bit"
        return [json.dumps(values)] if as_json else [table, note]
    modalities, labels = read_file(path, target, columns)
    found = diagnose(modalities, labels, **knobs)
    if as_json:
        return [json.dumps(flat_fields(found), allow_nan=False)]
    return [diagnosis_table(found, f"{path}: what {target} shares with each"), *notes_on(found)]


def flat_fields(diagnosis: Diagnosis) -> dict[str, Any]:
    """The JSON object of `--json`: values under their keys, what belongs to them beside.

    `interval`, `error`, `null` and `p_value` have the same keys as the values.
    """
    fields = diagnosis_fields(diagnosis)
    sides: dict[str, dict[str, Any]] = {name: {} for name in SIDES}
    for key in (*BY_NAME, *SINGLE):
        if key not in fields or key == "change":
            continue
        single = "value" in fields[key]
        estimates = {"": fields[key]} if single else fields[key]
        for name, part in SIDES.items():
            column = {m: part(e) for m, e in estimates.items()}
            column = {m: value for m, value in column.items() if value is not None}
            if column:
                sides[name][key] = column[""] if single else column
        fields[key] = (
            fields[key]["value"] if single else {m: e["value"] for m, e in estimates.items()}
        )
    pairs = {
        pair: {atom: {"value": e["value"], **_beside(e)} for atom, e in atoms.items()}
        for pair, atoms in fields.pop("pairs", {}).items()
    }
    return fields | sides | ({"pairs": pairs} if pairs else {})


def _beside(estimate: Mapping[str, float]) -> dict[str, Any]:
    return {n: v for n, part in SIDES.items() if (v := part(estimate)) is not None}


def read_file(path: Path, target: str, columns: list[str]) -> tuple[dict[str, Any], Any]:
    """Return modalities by name and labels from an ``.npz`` or a ``.csv`` file.

    ``columns`` names the modalities to take; without any, all but the target (``.npz``) are taken.
    Text columns of a ``.csv`` are numbered in sorted order.

    Raises:
        ValueError, OSError: a file or column that is not there or cannot be used.
    """
    arrays = read_csv(path) if path.suffix == ".csv" else read_npz(path)
    wanted = columns or [name for name in arrays if name not in (target, "split")]
    if target in columns or len(set(columns)) < len(columns):
        raise ValueError(
            f"--columns names {columns} and --target {target!r}; expected each modality once, and "
            "not the label among them"
        )
    missing = [name for name in [target, *wanted] if name not in arrays]
    if missing or not wanted:
        raise ValueError(
            f"{path} holds {sorted(arrays)}, but {missing or 'a modality'} was asked for; name the "
            "label by --target and the modalities by --columns"
        )
    if path.suffix == ".csv":
        used = {name: numbered(arrays[name], name) for name in [target, *wanted]}
        return {name: used[name] for name in wanted}, used[target]
    return {name: arrays[name] for name in wanted}, arrays[target]


def read_csv(path: Path) -> dict[str, Any]:
    """Return the columns of a table with a header."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, expected a .csv file with a header")
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as a .csv table: {error}") from error
    return {str(name): table[name] for name in table.columns}


def numbered(column: Any, name: str) -> np.ndarray:
    """Return a table's column as labels 0, 1, …; every distinct value is one."""
    if column.isna().any():
        raise ValueError(
            f"column {name!r} is empty in {int(column.isna().sum())} row(s), first in row "
            f"{int(column.isna().to_numpy().argmax())}; fill or drop them"
        )
    return np.asarray(np.unique(column.to_numpy().astype(str), return_inverse=True)[1])


def diagnosis_table(found: Diagnosis, title: str) -> Table:
    """Return every quantity with its interval and its level under shuffled labels, in bits."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column, justify in (("information (bit)", "left"), ("estimate", "right"),
                            ("95 % interval", "right"), ("shuffled", "right"),
                            ("p", "right")):  # fmt: skip
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for name, estimate in quantities(found).items():
        table.add_row(escape(name), *cells(estimate))
    return table


def quantities(found: Diagnosis) -> Mapping[str, Estimate]:
    """Return the rows of the table."""
    rows = {f"unique {m}": value for m, value in found.unique.items()}
    shared = {"redundancy": found.redundancy, "synergy": found.synergy}
    rows |= {name: value for name, value in shared.items() if value is not None}
    rows |= {f"I({m}; Y)": value for m, value in found.mi.items()}
    rows["I(all; Y)"] = found.joint_mi
    for pair, atoms in found.pairs.items():
        rows |= {f"{pair}: {atom}": atoms[atom] for atom in ("redundancy", "synergy")}
    return rows


def cells(estimate: Estimate) -> list[str]:
    """Return a measure's cells."""
    null = "" if estimate.null is None else f"{estimate.null:z.3f}"
    p_value = "" if estimate.p is None else f"{estimate.p:.2f}"
    interval = f"{estimate.low:z.3f} … {estimate.high:z.3f}"
    return [f"{estimate.value:z.3f}", interval, null, p_value]  # z: no minus before 0.000


def notes_on(found: Diagnosis) -> list[str]:
    """Return what a reader must know besides the table."""
    clusters = ", ".join(f"{m} {k}" for m, k in found.clusters.items())
    notes = [
        f"{found.samples:,} samples, clusters: {clusters}; {found.samples_per_cell:.1f} samples "
        f"per cell (about {SAMPLES_PER_CELL:g} keep every bias within 0.03 bit); H(Y) = "
        f"{found.label_entropy:.3f} bit; certified gap of the solver {found.gap:.1e} bit"
    ]
    for pair, ratio in found.log_ratio.items():
        notes.append(
            f"ln(U_{pair.replace('/', ' / U_')}) = {ratio.value:.2f} "
            f"[{ratio.low:.2f}, {ratio.high:.2f}]"
        )
    if found.winner is not None and len(found.unique) > 1:
        notes.append(f"highest competitive strength: {found.winner}")
    if any(m.value < 0 for m in quantities(found).values()):
        notes.append(
            "an estimate below 0 is sampling error: it is left as measured, so that the sums hold; "
            "the intervals end at 0, where information does"
        )
    return notes + [f"warning: {warning}" for warning in found.warnings]


def exact_table(p: np.ndarray, title: str) -> tuple[Table, dict[str, Any]]:
    """Decompose a joint distribution ``(n1, n2, ny)`` exactly; return a table and the values."""
    if p.ndim != 3:
        raise ValueError(f"p has shape {p.shape}, expected (n1, n2, ny): two modalities and y")
    # Integers are counts, whatever they sum to.
    found = decompose(p, normalise=bool(np.issubdtype(p.dtype, np.integer)))
    values = {f"{name}_bits": float(getattr(found, name)) + 0.0 for name in EXACT}
    values["gap_bits"] = float(found.solution.gap)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("information (bit)")
    table.add_column("value", justify="right")
    for name in EXACT:
        table.add_row(name, f"{values[f'{name}_bits']:z.6f}")
    return table, values
