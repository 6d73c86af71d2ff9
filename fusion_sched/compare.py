"""Many runs → one table: mean and deviation over seeds."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from fusion_sched.trace import TRACE_FILE, Trace, read_trace


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """Return every run folder among the paths or below them, sorted.

    Raises:
        FileNotFoundError: a path that does not exist or holds no run.
    """
    found: list[Path] = []
    for path in paths:
        runs = sorted(trace.parent for trace in path.resolve().rglob(TRACE_FILE))
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
    seeds = [config.pop("seed") for config in configs]
    keys = [
        key for key in sorted(set().union(*configs))
        if varies(key, configs) and not is_run_seed(key, configs, seeds)
    ]  # fmt: skip
    names = [
        " ".join(f"{short_key(k)}={short_value(c[k])}" for k in keys if k in c) for c in configs
    ]
    return [name or "all runs" for name in names]


def varies(key: str, configs: list[dict[str, str]]) -> bool:
    """Say whether a key tells runs apart: among runs of the same choice in its group, or, for
    the choice itself, among all.
    """
    group, _, name = key.rpartition(".")
    values: dict[str, set[str]] = {}
    for config in configs:
        choice = "" if name == "_target_" else config.get(f"{group}._target_", "")
        values.setdefault(choice, set()).add(config.get(key, "absent"))
    return any(len(found) > 1 for found in values.values())


def is_run_seed(key: str, configs: list[dict[str, str]], seeds: list[str]) -> bool:
    """Say whether a component is given the run's seed, so that it differs by nothing else."""
    given = [(c[key], seed) for c, seed in zip(configs, seeds, strict=True) if key in c]
    return key.endswith(".seed") and all(value == seed for value, seed in given)


def short_key(key: str) -> str:
    """Return ``controller`` for ``controller._target_``, any other key as it is."""
    return key.removesuffix("._target_")


def short_value(value: str) -> str:
    """Return the class name of a dotted path, any other value as it is."""
    return value.rsplit(".", 1)[-1] if value.replace(".", "").isidentifier() else value


def collect(traces: list[Trace]) -> pd.DataFrame:
    """Return one row per ended run: its name, seed, folder and test accuracies in percent."""
    rows = []
    for trace, name in zip(traces, name_rows(traces), strict=True):
        result = trace.result
        row: dict[str, Any] = {"row": name, "seed": trace.start["seed"], "run": trace.path.parent}
        if result is not None:
            row |= {m: 100 * scores["accuracy"] for m, scores in result["test"].items()}
            row["gap"] = 100 * result["optimism_gap"]
            row["alone"] = result["unimodal_epochs"]
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
    traces, notes = [], []
    for folder in find_runs(paths):
        try:
            traces.append(read_trace(folder))
        except ValueError as error:
            notes.append(f"left out: {error}")
    if not traces:
        raise ValueError("; ".join(notes))
    frame = collect(traces)
    notes += [problem for trace in traces for problem in trace.problems]
    notes += [f"{t.path.parent} has not ended and is left out" for t in traces if t.result is None]
    mixed = protocol_problem(traces)
    if mixed is not None:
        notes.append(mixed)
    if "fused" not in frame:
        raise ValueError(f"none of the {len(traces)} runs has ended; there is nothing to compare")
    return table_of(frame.dropna(subset=["fused"])), notes


def table_of(frame: pd.DataFrame) -> Table:
    """Return mean ± sample deviation over seeds, a row per name, the columns in percent."""
    table = Table(
        title="test accuracy in %, mean ± deviation over seeds",
        caption="gap: what choosing the epoch on test would add; alone: epochs of stage 1",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
    )
    columns = [c for c in frame.columns if c not in ("row", "seed", "run")]
    table.add_column("run", overflow="fold", min_width=14)
    table.add_column("seeds", justify="right")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, rows in frame.groupby("row", sort=False):
        cells = [mean_and_deviation(rows[column]) for column in columns]
        table.add_row(escape(str(name)), str(rows["seed"].nunique()), *cells)
    return table


def mean_and_deviation(values: "pd.Series[float]") -> str:
    """Return ``mean ± deviation``; the deviation only where there are several values."""
    known = values.dropna()
    if known.empty:
        return "–"
    if len(known) == 1:
        return f"{known.iloc[0]:.1f}"
    return f"{known.mean():.1f}±{known.std():.1f}"
