"""A diagnosis of the user's own arrays: from a file to a table."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from fusion_sched.analysis.statistics import holm
from fusion_sched.commands.pid_input import Inputs, read_inputs
from fusion_sched.data.arrays import read_npz
from fusion_sched.estimation import SAMPLES_PER_CELL
from fusion_sched.pid import decompose
from fusion_sched.probe.arrays import ArrayDiagnosis, diagnose_arrays
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
    if path.suffix == ".npz" and "p" in (arrays := read_npz(path)) and target not in arrays:
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
        return inspect_pairs(inputs, pairs, title, as_json, **settings)
    result = diagnose_arrays(inputs.modalities, inputs.labels, inputs.groups, **settings)
    diagnosis = replace(result.diagnosis, warnings=(*inputs.notes, *result.diagnosis.warnings))
    if pointwise is not None:
        write_frame(contributions(result), pointwise)
    if as_json:
        return [json.dumps(flat_fields(diagnosis), allow_nan=False)]
    return [diagnosis_table(diagnosis, title, result.least_p), *notes_on(diagnosis)]


def inspect_pairs(
    inputs: Inputs, pairs: str, title: str, as_json: bool, **settings: Any
) -> list[Printable]:
    """Decompose pairs of modalities; p-values are corrected for their number (Holm)."""
    results = {
        f"{a}/{b}": diagnose_arrays(
            {m: inputs.modalities[m] for m in (a, b)}, inputs.labels, inputs.groups, **settings
        )
        for a, b in named_pairs(pairs, list(inputs.modalities))
    }
    atoms = {
        (pair, name): estimate
        for pair, result in results.items()
        for name, estimate in quantities(result.diagnosis).items()
        if not name.startswith("I(")
    }
    corrected = dict(zip(atoms, holm([e.p for e in atoms.values()]), strict=True))
    if as_json:
        fields = {pair: flat_fields(result.diagnosis) for pair, result in results.items()}
        for (pair, name), p in corrected.items():
            fields[pair].setdefault("p_holm", {})[name] = p
        return [json.dumps({"pairs": fields, "warnings": list(inputs.notes)}, allow_nan=False)]
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("pair", "information (bit)"):
        table.add_column(column)
    for column in ("estimate", "95 % interval", "p", "p (Holm)"):
        table.add_column(column, justify="right")
    for (pair, name), estimate in atoms.items():
        value, interval, _, p_text = cells(estimate, results[pair].least_p)
        p_holm = corrected[pair, name]
        least = p_holm if p_holm is not None and p_text.startswith("<") else 0.0
        row = [escape(pair), escape(name), value, interval, p_text, p_cell(p_holm, least)]
        table.add_row(*row)
    notes = dict.fromkeys(
        f"warning: {pair}: {warning}"
        for pair, result in results.items()
        for warning in result.diagnosis.warnings
    )
    first = f"{len(atoms)} p-values, corrected for their number (Holm)"
    return [table, first, *(f"warning: {note}" for note in inputs.notes), *notes]


def named_pairs(pairs: str, names: list[str]) -> list[tuple[str, str]]:
    """Return the pairs that `all` or `a/b,c/d` names."""
    if pairs == "all":
        if len(names) < 2:
            raise ValueError(f"--pairs all needs two modalities or more, but there is {names}")
        return list(combinations(names, 2))
    named = [tuple(part.strip() for part in pair.split("/")) for pair in pairs.split(",")]
    for pair in named:
        if len(pair) != 2 or pair[0] == pair[1] or not set(pair) <= set(names):
            raise ValueError(
                f"--pairs names {'/'.join(pair)!r}, expected all, or a/b,c/d with two different "
                f"names of {names} each"
            )
    return [(pair[0], pair[1]) for pair in named]


def contributions(result: ArrayDiagnosis) -> pd.DataFrame:
    """Each sample's part (bit) of the estimates, which are the means of their columns.

    What an estimate has beyond the mean of its samples, a correction for their number, belongs to
    no single one and is spread evenly.
    """
    names = list(result.diagnosis.unique)
    parts = {m: p.numpy() for m, p in result.pointwise.items()}
    if len(parts) == 1 and len(names) == 2:
        parts[names[1]] = parts[names[0]][:, [1, 0, 2, 3]]
    if len(names) < 2 or not parts:
        raise ValueError(f"--pointwise needs two modalities or more, but there is {names}")
    columns = {f"unique {m}": p[:, 3] - p[:, 1] for m, p in parts.items()}
    columns["redundancy"] = np.mean([p[:, 0] + p[:, 1] - p[:, 3] for p in parts.values()], axis=0)
    columns["synergy"] = np.mean([p[:, 2] - p[:, 3] for p in parts.values()], axis=0)
    columns |= {f"I({m}; Y)": p[:, 0] for m, p in parts.items()}
    columns["I(all; Y)"] = np.mean([p[:, 2] for p in parts.values()], axis=0)
    estimates = quantities(result.diagnosis)
    shifted = {n: c + (estimates[n].value - c.mean()) for n, c in columns.items()}
    return pd.DataFrame({"row": result.rows.numpy()} | shifted)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as .csv or .parquet."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        try:
            frame.to_parquet(path, index=False)
        except ImportError as error:
            message = f"{path}: writing .parquet needs pyarrow; pip install pyarrow"
            raise ValueError(message) from error
    else:
        raise ValueError(f"--pointwise is {path}, expected a name that ends in .csv or .parquet")


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


def diagnosis_table(found: Diagnosis, title: str, least_p: float) -> Table:
    """Return every quantity with its interval and its level under shuffled labels, in bits."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column, justify in (("information (bit)", "left"), ("estimate", "right"),
                            ("95 % interval", "right"), ("shuffled", "right"),
                            ("p", "right")):  # fmt: skip
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for name, estimate in quantities(found).items():
        table.add_row(escape(name), *cells(estimate, least_p))
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


def cells(estimate: Estimate, least_p: float) -> list[str]:
    """Return value, interval, level under shuffled labels, and p-value."""
    null = "" if estimate.null is None else f"{estimate.null:z.3f}"
    interval = f"{estimate.low:z.3f} … {estimate.high:z.3f}"
    return [f"{estimate.value:z.3f}", interval, null, p_cell(estimate.p, least_p)]  # z: no -0.000


def p_cell(p: float | None, least: float) -> str:
    """Print a p-value; at the least that the shuffles can give, only an upper limit is known."""
    if p is None:
        return ""
    if p > least * (1 + 1e-9) or p >= 1:
        return f"{p:.2f}"
    unit = 10.0 ** floor(log10(p))
    return f"< {ceil(p / unit - 1e-9) * unit:g}"


def notes_on(found: Diagnosis) -> list[str]:
    """Return what a reader must know besides the table."""
    if found.models:
        models = "; ".join(
            f"{source} at least {found.lower[source]:.3f} bit ({found.models[source]})"
            for source in found.lower
        )
        how = f"held out: {models}"
    else:
        clusters = ", ".join(f"{m} {k}" for m, k in found.clusters.items())
        how = (
            f"clusters: {clusters}; {found.samples_per_cell:.1f} samples per cell (about "
            f"{SAMPLES_PER_CELL:g} keep every bias within 0.03 bit)"
        )
    notes = [
        f"{found.samples:,} samples, {how}; H(Y) = {found.label_entropy:.3f} bit; certified gap of "
        f"the solver {found.gap:.1e} bit"
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
