"""Runs as one page, as figures for a paper, and on the terminal."""

from fusion_sched.report.html.follow import follow
from fusion_sched.report.paper import PICTURE, draw_trace
from fusion_sched.report.writing import figures_of, write_report

__all__ = ["PICTURE", "draw_trace", "figures_of", "follow", "write_report"]
