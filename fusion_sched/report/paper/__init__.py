"""A finished or running trace as a picture, and traces as figures for a paper."""

from fusion_sched.report.paper.paper import draw_figures
from fusion_sched.report.paper.picture import PICTURE, draw_trace

__all__ = ["PICTURE", "draw_figures", "draw_trace"]
