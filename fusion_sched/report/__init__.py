"""Traces as pictures and as one page."""

from fusion_sched.report.drawing import figures_of
from fusion_sched.report.html.follow import follow
from fusion_sched.report.paper import PICTURE, draw_trace
from fusion_sched.report.writing import write_report

__all__ = ["PICTURE", "draw_trace", "figures_of", "follow", "write_report"]
