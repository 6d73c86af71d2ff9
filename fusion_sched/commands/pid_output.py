"""A diagnosis of the user's own arrays as a table, notes, JSON fields, or one row per sample."""

from collections.abc import Callable, Mapping
from math import ceil, floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from fusion_sched.estimation import SAMPLES_PER_CELL
from fusion_sched.probe.arrays import ArrayDiagnosis
from fusion_sched.runlog.schema import BY_NAME, SINGLE, diagnosis_fields
from fusion_sched.runtime.files import atomic_write
from fusion_sched.types import Diagnosis, Estimate

if TYPE_CHECKING:
    import pandas as pd

SIDES: dict[str, Callable[[Mapping[str, float]], Any]] = {
    "interval": lambda e: [e["low"], e["high"]] if "low" in e else None,
    "error": lambda e: e.get("se"),
    "null": lambda e: e.get("null"),
    "p_value": lambda e: e.get("p"),
}
"""What `--json` writes beside the values."""


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
    if p < 0.01:
        return "< 0.01"
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


def sample_parts(result: ArrayDiagnosis) -> "pd.DataFrame":
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
    import pandas as pd

    return pd.DataFrame({"row": result.rows.numpy()} | shifted)


def write_frame(frame: "pd.DataFrame", path: Path, float_format: str | None = None) -> None:
    """Write a table as .csv or .parquet; `float_format` is of numbers in the .csv."""
    if path.suffix == ".csv":
        with atomic_write(path) as file:
            frame.to_csv(file, index=False, float_format=float_format)
    elif path.suffix == ".parquet":
        try:
            with atomic_write(path) as file:
                frame.to_parquet(file, index=False)
        except ImportError as error:
            message = f"{path}: writing .parquet needs pyarrow; pip install pyarrow"
            raise ValueError(message) from error
    else:
        raise ValueError(f"--pointwise is {path}, expected a name that ends in .csv or .parquet")
