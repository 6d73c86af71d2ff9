"""Many runs → tables of means over seeds and paired tests; what is missing is named."""

from fusion_sched.analysis.export import FORMATS, render
from fusion_sched.analysis.runs import find_runs, note_job
from fusion_sched.analysis.tables import Comparison, compare

__all__ = ["FORMATS", "Comparison", "compare", "find_runs", "note_job", "render"]
