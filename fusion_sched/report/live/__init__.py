"""What a user sees on the terminal: while a run goes on, and at its end."""

from fusion_sched.report.live.closing import optimism_line, result_table, warning_lines
from fusion_sched.report.live.lines import line
from fusion_sched.report.live.live import Display
from fusion_sched.report.live.picture import Picture
from fusion_sched.report.live.story import Story, told

__all__ = [
    "Display",
    "Picture",
    "Story",
    "line",
    "optimism_line",
    "result_table",
    "told",
    "warning_lines",
]
