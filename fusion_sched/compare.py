"""Many runs → one table: mean and deviation over seeds."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from fusion_sched.trace import TRACE_FILE, Trace, read_trace


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """Return every run folder among the paths or below them, sorted.

    Raises:
        FileNotFoundError: a path that does not exist or holds no run.
    """
    found: list[Path] = []
    for path in paths:
        runs = sorted(trace.parent for trace in path.rglob(TRACE_FILE))
        if not runs:
            raise FileNotFoundError(
                f"{path} holds no {TRACE_FILE}, nor does any folder below it; expected folders of "
                "`fusion-sched train` runs"
            )
        found += runs
    return list(dict.fromkeys(found))


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the configuration as dotted keys and printed values."""
    items: dict[str, str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        items |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: str(value)}
    return items


def name_rows(traces: list[Trace]) -> list[str]:
    """Return a name for each run: what of its configuration, seed aside, not all runs share."""
    configs = [flat(trace.start["config"]) for trace in traces]
    for config in configs:
        config.pop("seed", None)
    keys = sorted(set().union(*configs))
    varying = [key for key in keys if len({config.get(key) for config in configs}) > 1]
    targets = {key.rsplit(".", 1)[0] for key in varying if key.endswith("._target_")}
    names = []
    for config in configs:
        parts = []
        for key in varying:
            group = key.rsplit(".", 1)[0]
            if key.endswith("._target_"):
                parts.append(f"{group}={config.get(key, 'none').rsplit('.', 1)[-1]}")
            elif group not in targets and key in config:
                parts.append(f"{key}={config[key]}")
            elif group in targets and key in config and _differs_within(key, configs):
                parts.append(f"{key}={config[key]}")
        names.append(" ".join(parts) or "all runs")
    return names


def _differs_within(key: str, configs: list[dict[str, str]]) -> bool:
    """Say whether runs of the same choice in the key's group differ in the key."""
    group = key.rsplit(".", 1)[0]
    values: dict[str, set[str]] = {}
    for config in configs:
        if key in config:
            values.setdefault(config.get(f"{group}._target_", ""), set()).add(config[key])
    return any(len(found) > 1 for found in values.values())


def collect(traces: list[Trace]) -> pd.DataFrame:
    """Return one row per ended run: its name, seed, folder and test accuracies in percent."""
    rows = []
    for trace, name in zip(traces, name_rows(traces), strict=True):
        result = trace.result
        row: dict[str, Any] = {"row": name, "seed": trace.start["seed"], "run": trace.path.parent}
        if result is not None:
            row |= {m: 100 * scores["accuracy"] for m, scores in result["test"].items()}
            row |= {
                "optimism gap": 100 * result["optimism_gap"],
                "unimodal epochs": result["unimodal_epochs"],
                "probe share": 100 * result["seconds"]["probe"] / result["seconds"]["total"],
                "seconds": result["seconds"]["total"],
            }
        rows.append(row)
    return pd.DataFrame(rows)


def protocol_problem(traces: list[Trace]) -> str | None:
    """Return a sentence where the runs do not share one protocol."""
    hashes: dict[str, list[str]] = {}
    for trace in traces:
        hashes.setdefault(trace.start["protocol_hash"], []).append(trace.path.parent.name)
    if len(hashes) == 1:
        return None
    groups = "; ".join(f"{key}: {', '.join(runs[:4])}" for key, runs in hashes.items())
    return f"the runs follow {len(hashes)} protocols and are not comparable ({groups})"


def compare(paths: Iterable[Path]) -> tuple[Table, list[str]]:
    """Return the table over all runs below the paths, and what a reader must know besides."""
    traces = [read_trace(folder) for folder in find_runs(paths)]
    frame = collect(traces)
    notes = [problem for trace in traces for problem in trace.problems]
    notes += [f"{t.path.parent} has not ended and is left out" for t in traces if t.result is None]
    mixed = protocol_problem(traces)
    if mixed is not None:
        notes.append(mixed)
    if "fused" not in frame:
        raise ValueError(f"none of the {len(traces)} runs has ended; there is nothing to compare")
    return table_of(frame.dropna(subset=["fused"])), notes


def table_of(frame: pd.DataFrame) -> Table:
    """Return mean ± sample deviation over seeds, a row per name, the columns in percent."""
    table = Table(title="test accuracy in %, mean ± deviation over seeds", title_justify="left")
    columns = [c for c in frame.columns if c not in ("row", "seed", "run")]
    table.add_column("run")
    table.add_column("seeds", justify="right")
    for column in columns:
        table.add_column(column, justify="right")
    for name, rows in frame.groupby("row", sort=False):
        cells = [mean_and_deviation(rows[column]) for column in columns]
        table.add_row(str(name), str(len(rows)), *cells)
    return table


def mean_and_deviation(values: "pd.Series[float]") -> str:
    """Return ``mean ± deviation``; the deviation only where there are several values."""
    known = values.dropna()
    if known.empty:
        return "–"
    if len(known) == 1:
        return f"{known.iloc[0]:.1f}"
    return f"{known.mean():.1f} ± {known.std():.1f}"
