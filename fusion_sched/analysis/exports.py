"""A comparison as numbers for machines: JSON and CSV."""

import csv
import json
from dataclasses import asdict
from io import StringIO
from typing import Any

from fusion_sched.analysis.measures import Measured, result_of
from fusion_sched.analysis.published import Judged
from fusion_sched.analysis.statistics import Spread
from fusion_sched.analysis.tables import Comparison, ResultTable
from fusion_sched.runlog import Trace
from fusion_sched.types import FUSED


def as_json(comparison: Comparison) -> str:
    """Return the comparison as one JSON object with ``rows``, ``tables`` and ``notes``."""
    tables = comparison.tables
    record = {
        "rows": [row_record(m, t, i) for i, t in enumerate(tables) for m in t.rows],
        "tables": [table_record(table) for table in tables],
        "notes": list(comparison.notes),
    }
    return json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False)


def table_record(table: ResultTable) -> dict[str, Any]:
    """Return what a table's rows share."""
    return {
        "dataset": table.dataset,
        "protocols": table.protocols,
        "reference": table.reference,
        "verdict": list(table.verdict),
        "notes": list(table.notes),
        "published": [published_record(judged) for judged in table.published],
    }


def published_record(judged: Judged) -> dict[str, Any]:
    """Return an entry of the registry and how it was judged."""
    reasons = list(judged.reasons)
    return {**asdict(judged.published), "comparable": judged.comparable, "reasons": reasons}


def row_record(measured: Measured, table: ResultTable, position: int) -> dict[str, Any]:
    """Return every number of a row; ``table`` is its table's position."""
    row, gap = measured.row, measured.difference
    return {
        "table": position,
        "dataset": table.dataset,
        "name": row.name,
        "role": row.role.value,
        "seeds": list(row.seeds),
        "missing_seeds": list(row.missing),
        "fused_percent": numbers(measured.fused),
        "validation_percent": numbers(measured.validation),
        "macro_f1": numbers(measured.macro_f1),
        "unimodal_percent": {name: numbers(s) for name, s in measured.unimodal.items()},
        "optimism_gap_points": numbers(measured.optimism_gap),
        "unimodal_epochs": numbers(measured.unimodal_epochs),
        "probe_share": numbers(measured.probe_share),
        "cpu_hours": measured.cpu_hours,
        "gpu_hours": measured.gpu_hours,
        "peak_memory_bytes": measured.peak_memory_bytes,
        "difference": None if gap is None else {
            "reference": table.reference, "points": gap.mean, "low": gap.low, "high": gap.high,
            "p": gap.p, "p_holm": measured.p_holm, "test": gap.test, "seeds": list(gap.seeds),
            "remark": gap.remark,
        },
        "runs": [run_record(run) for run in row.runs],
        "config": row.config,
    }  # fmt: skip


def numbers(found: Spread) -> dict[str, float | None]:
    """Return mean, deviation and 95 % interval of the mean."""
    return {name: value for name, value in asdict(found).items() if name != "values"}


def run_record(run: Trace) -> dict[str, Any]:
    """Return one seed's numbers."""
    result, test = result_of(run), result_of(run)["test"]
    return {
        "seed": run.start["seed"],
        "folder": str(run.path.parent),
        "protocol_hash": run.start["protocol_hash"],
        "fused_percent": 100 * test[FUSED]["accuracy"],
        "macro_f1": test[FUSED]["macro_f1"],
        "unimodal_percent": {m: 100 * s["accuracy"] for m, s in test.items() if m != FUSED},
        "optimism_gap_points": 100 * result["optimism_gap"],
        "seconds": result["seconds"]["total"],
        "device": run.start["device"],
    }


def as_csv(comparison: Comparison) -> str:
    """Return one line per row, then one per published number, all under one header."""
    lines: list[dict[str, Any]] = []
    for position, table in enumerate(comparison.tables):
        lines += [flat_row(row_record(m, table, position)) for m in table.rows]
        lines += [line for j in table.published for line in published_lines(j, position)]
    buffer = StringIO()
    header = list(dict.fromkeys(key for line in lines for key in line))
    writer = csv.DictWriter(buffer, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return buffer.getvalue().rstrip("\n")


def flat_row(record: dict[str, Any]) -> dict[str, Any]:
    """Return a row's record with dotted keys and lists as text, without runs and configuration."""
    flat: dict[str, Any] = {"kind": "row"}
    for key, value in record.items():
        if key in ("runs", "config") or (key == "difference" and value is None):
            continue
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": v for name, v in flat_row(value).items() if name != "kind"}
        else:
            flat[key] = " ".join(map(str, value)) if isinstance(value, list) else value
    return flat


def published_lines(judged: Judged, position: int) -> list[dict[str, Any]]:
    """Return one line per published number."""
    entry, lines = judged.published, []
    for method, value in entry.values.items():
        mean, deviation = value if isinstance(value, list) else (value, None)
        lines.append(
            {"kind": "published", "table": position, "dataset": entry.dataset, "name": method,
             "fused_percent.mean": mean, "fused_percent.deviation": deviation,
             "source": entry.source, "year": entry.year, "evidence": entry.evidence,
             "comparable": judged.comparable, "reasons": "; ".join(judged.reasons)}
        )  # fmt: skip
    return lines
