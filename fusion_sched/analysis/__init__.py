"""Many runs → tables of means over seeds and paired tests; nothing is left out unsaid."""

from fusion_sched.analysis.exports import as_csv, as_json
from fusion_sched.analysis.formats import NARROW, latex, markdown, terminal
from fusion_sched.analysis.runs import find_runs, note_job
from fusion_sched.analysis.tables import Comparison, compare

__all__ = ["FORMATS", "Comparison", "compare", "find_runs", "note_job", "render"]

FORMATS = ("terminal", "markdown", "csv", "latex", "json")


def render(
    comparison: Comparison, kind: str = "terminal", wide: bool = False, width: int = NARROW
) -> str:
    """Return the comparison as text; ``width`` is the terminal's, CSV and JSON are always wide."""
    if kind not in FORMATS:
        raise ValueError(f"format is {kind!r}, expected one of {list(FORMATS)}")
    if kind == "terminal":
        return terminal(comparison, wide, width)
    if kind in ("markdown", "latex"):
        return (markdown if kind == "markdown" else latex)(comparison, wide)
    return as_csv(comparison) if kind == "csv" else as_json(comparison)
