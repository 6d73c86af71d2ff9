"""Traces as pictures and as one page."""

from fusion_sched.report.figures import PICTURE, draw_trace

__all__ = ["PICTURE", "draw_trace"]
