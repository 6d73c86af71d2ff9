"""What a user sees on the terminal: while a run goes on, and at its end."""

from fusion_sched.report.live.closing import (
    caution_lines,
    diagnosis_lines,
    optimism_line,
    result_table,
)
from fusion_sched.report.live.live import Display, past_events
from fusion_sched.report.live.picture import Picture

__all__ = [
    "Display",
    "Picture",
    "caution_lines",
    "diagnosis_lines",
    "optimism_line",
    "past_events",
    "result_table",
]
