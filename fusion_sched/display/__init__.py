"""What a user sees on the terminal: while a run goes on, and at its end."""

from fusion_sched.display.closing import optimism_line, result_table
from fusion_sched.display.live import Display, line

__all__ = ["Display", "line", "optimism_line", "result_table"]
