"""Several pairs of modalities in one table, their p-values corrected for their number."""

import json
from itertools import combinations
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from fusion_sched.analysis.statistics import holm
from fusion_sched.commands.pid_input import Inputs
from fusion_sched.commands.pid_output import cells, flat_fields, p_cell, quantities
from fusion_sched.probe.arrays import diagnose_arrays


def inspect_pairs(
    inputs: Inputs, pairs: str, title: str, as_json: bool, **settings: Any
) -> list[str | Table]:
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
